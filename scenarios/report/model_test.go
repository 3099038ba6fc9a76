package report

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTotals(t *testing.T) {
	total := sample().Totals()
	require.Equal(t, Totals{Runs: 5, Passed: 2, Failed: 1, Skipped: 1, Errored: 1, Checks: 8, ChecksPassed: 6,
		Duration: 167*minute + 345*Duration(time.Millisecond)}, total)
	require.Equal(t, "5 scenarios: 2 passed, 1 failed, 1 could not run, 1 skipped; 6 of 8 checks hold; 2h47m of lab time", total.String())
	require.Equal(t, "1 scenario: 1 passed; 2 of 2 checks hold; 5m of lab time", Report{Runs: []Run{baseline()}}.Totals().String())
	require.Equal(t, Errored, sample().Outcome())
	require.Equal(t, Skipped, Report{}.Outcome())
	require.Equal(t, Passed, Worst(Skipped, Passed))
	require.Equal(t, Failed, Worst(Passed, Failed, Skipped))
}

func TestDurationIsReadAsWritten(t *testing.T) {
	for d, want := range map[Duration]string{
		0: "0s", 90 * minute: "1h30m", 60 * minute: "1h", 10 * minute: "10m", 20 * second: "20s", 2500 * Duration(time.Millisecond): "2.5s",
		minute + second: "1m1s", 60*minute + second: "1h0m1s", -3 * minute: "-3m", Duration(time.Microsecond): "1µs",
	} {
		require.Equal(t, want, d.String())
	}
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64().Draw(t, "d"))
		var got Duration
		require.NoError(t, got.UnmarshalText([]byte(d.String())))
		require.Equal(t, d, got)
	})
	require.Equal(t, "12m", short(12*minute+345*Duration(time.Millisecond)))
	require.Equal(t, "1.23s", short(1234567*Duration(time.Microsecond)))
}

func TestDecode(t *testing.T) {
	want := sample()
	got, err := Decode(strings.NewReader(written(t, WriteJSON, want)))
	require.NoError(t, err)
	require.Equal(t, want, got)

	for text, message := range map[string]string{
		`{"version":2,"runs":[]}`:                    "report: version is 2, this koflab reads 1; run the scenarios again to get one",
		`{"runs":[]}`:                                "report: version is missing; is this a report made by 'koflab scenario run --json'?",
		`{"version":1,"runs":[]} {}`:                 "report: there is more behind it; want one JSON object alone",
		`{"version":1,"runs":[{"outcome":"great"}]}`: `outcome "great": want passed, skipped, failed or error`,
		`{"version":1,"runs":[{"duration":"soon"}]}`: `"soon" is not a duration: want one such as 1h30m or 2.5s`,
		`nothing`: "report: not JSON",
		`{"version":1,"runs":[{"duration":300,"outcome":"error"}`: "report: not JSON",
	} {
		_, err := Decode(strings.NewReader(text))
		require.ErrorContains(t, err, message, text)
	}
	got, err = Decode(strings.NewReader(`{"version":1,"later":true,"runs":[]}`))
	require.NoError(t, err)
	require.Empty(t, got.Runs)
}

func TestJSONDependsOnTheModelAlone(t *testing.T) {
	r := sample()
	want := written(t, WriteJSON, r)
	for i := range r.Runs {
		if !r.Runs[i].Start.IsZero() {
			r.Runs[i].Start = r.Runs[i].Start.In(time.FixedZone("elsewhere", 3600))
		}
	}
	r.Version = 0
	start := r.Runs[0].Start
	require.Equal(t, want, written(t, WriteJSON, r))
	require.Equal(t, start.Location(), r.Runs[0].Start.Location(), "the caller's report has changed")
	require.Equal(t, "{\n  \"version\": 1,\n  \"runs\": []\n}\n", written(t, WriteJSON, Report{}))

	r.Runs[0].Flow[0].Rate = math.NaN()
	require.ErrorContains(t, WriteJSON(&strings.Builder{}, r), "report as JSON: ")
}

func TestFigures(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.4212: "0.42", 1.5: "1.5", 16.66: "16.7", 100: "100", 1239.6: "1,240", 1e7: "10,000,000"} {
		require.Equal(t, want, figure(v))
	}
	require.Equal(t, "-1,234,567", thousands(-1234567))
	require.Equal(t, "999", thousands(999))
	require.Equal(t, `a\nb\x1b[2J\xff é 日本 \u202e`, line("a\nb\x1b[2J\xff é 日本 \u202e"))
	require.Equal(t, "a\n\tb\\r", block("a\n\tb\r"))
}
