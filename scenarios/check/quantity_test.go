package check

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestOffset(t *testing.T) {
	for text, want := range map[string]time.Duration{"-2m": -2 * time.Minute, "1h": time.Hour, "+30s": 30 * time.Second, "-1d": -24 * time.Hour, "0s": 0} {
		var o Offset
		require.NoError(t, o.UnmarshalText([]byte(text)))
		require.Equal(t, want, time.Duration(o))
	}
	for _, text := range []string{"", "-", "2", "--2m", "-+2m", "2 m", "x"} {
		var o Offset
		require.ErrorContains(t, o.UnmarshalText([]byte(text)), "is no offset, write one such as -2m or 1h", text)
	}
}

func TestTolerance(t *testing.T) {
	for text, want := range map[string]Tolerance{"0.5": {Amount: 0.5}, "1%": {Percent: 1}, "2.5 %": {Percent: 2.5}, "0": {}} {
		var got Tolerance
		require.NoError(t, got.UnmarshalText([]byte(text)))
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "%", "-1", "-1%", "NaN", "+Inf", "1%%", "x"} {
		var got Tolerance
		require.ErrorContains(t, got.UnmarshalText([]byte(text)), "is no tolerance", text)
	}
	require.InDelta(t, 2, Tolerance{Percent: 1}.Around(-200), 1e-12)
	require.InDelta(t, 0.5, Tolerance{Amount: 0.5}.Around(math.MaxFloat64), 1e-12)
}

// What is written reads back as it was.
func TestQuantitiesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Offset(rapid.Int64Range(-1e6, 1e6).Draw(t, "seconds") * int64(time.Second))
		text, err := o.MarshalText()
		require.NoError(t, err)
		var again Offset
		require.NoError(t, again.UnmarshalText(text))
		require.Equal(t, o, again)

		tolerance := Tolerance{Amount: rapid.Float64Range(0, 1e9).Draw(t, "amount")}
		if rapid.Bool().Draw(t, "share") {
			tolerance = Tolerance{Percent: tolerance.Amount}
		}
		text, err = tolerance.MarshalText()
		require.NoError(t, err)
		var same Tolerance
		require.NoError(t, same.UnmarshalText(text))
		require.Equal(t, tolerance, same)
	})
}
