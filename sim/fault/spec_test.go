package fault

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProblems(t *testing.T) {
	with := func(name, value string) map[string]string { return map[string]string{name: value} }
	for _, c := range []struct {
		f    Fault
		want []Problem
	}{
		{Fault{}, []Problem{{"fault", "no fault is named; 'koflab fault list' has all"}}},
		{Fault{Name: "regiondown"}, []Problem{{"fault", `there is no fault "regiondown", did you mean "region-down"?`}}},
		{Fault{Name: "region-down"}, []Problem{{"target", "region-down: no target: want REGION (a region)"}}},
		{Fault{Name: "region-down", Target: "r", As: "a b", For: -time.Second, Intensity: 0.5}, []Problem{
			{"as", `region-down: name "a b": want no blanks and no slash`},
			{"for", "region-down: duration -1s: want zero (until healed) or more"},
			{"intensity", "region-down: intensity 0.5: it is whole or not at all, so it takes none but 1"},
		}},
		{Fault{Name: "collector-killed", Target: "c", For: time.Second}, []Problem{{"for", "collector-killed: strikes once and is over, so it takes no duration"}}},
		{Fault{Name: "loss", Target: "c", Intensity: 1.5}, []Problem{{"intensity", "loss: intensity 1.5: want above 0 to 1"}}},
		{Fault{Name: "loss", Target: "c", Intensity: math.NaN()}, []Problem{{"intensity", "loss: intensity NaN: want above 0 to 1"}}},
		{Fault{Name: "latency", Target: "c", With: with("latncy", "1s")}, []Problem{{"with.latncy", `latency: there is no parameter "latncy", did you mean "latency"?`}}},
		{Fault{Name: "latency", Target: "c", With: with("latency", "fast")}, []Problem{{"with.latency", `latency: latency "fast": want a duration, 0s to 10m, such as 200ms`}}},
		{Fault{Name: "latency", Target: "c", With: with("latency", "11m")}, []Problem{{"with.latency", `latency: latency "11m": want a duration, 0s to 10m, such as 200ms`}}},
		{Fault{Name: "loss", Target: "c", With: with("probability", "NaN")}, []Problem{{"with.probability", `loss: probability "NaN": want a number, 0 to 0.99, such as 0.1`}}},
		{Fault{Name: "disk-full", Target: "r", With: with("store", "log")}, []Problem{{"with.store", `disk-full: store "log": did you mean "logs"?`}}},
		{Fault{Name: "disk-full", Target: "r", With: with("store", "tape")}, []Problem{{"with.store", `disk-full: store "tape": choose one of all, metrics, logs, audit, traces`}}},
		{Fault{Name: "bandwidth", Target: "c", With: with("rate", "2TB")}, []Problem{{"with.rate", `bandwidth: rate "2TB": want a number of bytes, 64 to 1GB, such as 64KiB`}}},
		{Fault{Name: "queue-too-small", Target: "c", With: with("size", "1.5")}, []Problem{{"with.size", `queue-too-small: size "1.5": want a whole number, 1 to 1000, such as 2`}}},
		{Fault{Name: "partition", Target: "c", With: with("x", "1")}, []Problem{{"with.x", `partition: there is no parameter "x": it takes none`}}},
		{Fault{Name: "duplicate-cluster-name", Target: "c"}, []Problem{{"with", "duplicate-cluster-name: parameter other is missing: the cluster whose name it takes"}}},
		{Fault{Name: "clock-skew", Target: "c", With: with("skew", "-3h"), Intensity: 0.5}, nil},
		{Fault{Name: "management-down"}, nil},
		{Fault{Name: "bandwidth", Target: "a->*", For: time.Minute, With: with("rate", "1MB")}, nil},
	} {
		got := Problems(c.f)
		require.Equal(t, c.want, got, "%+v", c.f)
		if len(c.want) == 0 {
			require.NoError(t, Validate(c.f))
		} else {
			require.Equal(t, c.want[0], Validate(c.f))
		}
	}
}

func TestValues(t *testing.T) {
	s, err := Lookup("latency")
	require.NoError(t, err)
	f := Fault{Name: "latency", Target: "c->r", With: map[string]string{"latency": "2s"}}
	v := s.Values(f)
	require.Equal(t, 2*time.Second, v.Duration("latency"))
	require.Zero(t, v.Duration("jitter"))
	require.Contains(t, s.EffectOf(f), "Each request over c->r takes 2s longer.")
	require.Equal(t, 65536, Values{"rate": "64KiB"}.Int("rate"))
	require.EqualValues(t, 1, Fault{}.Strength())
	require.EqualValues(t, 0.5, Fault{Intensity: 0.5}.Strength())
}

func TestJSON(t *testing.T) {
	f := Fault{Name: "loss", Target: "c", As: "x", For: 90 * time.Second, Intensity: 0.5, With: map[string]string{"probability": "0.2"}}
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, a := range []Active{{Fault: f, ID: "x", Start: start, End: start.Add(f.For), Effect: "e"}, {Fault: Fault{Name: "loss"}, ID: "y", Start: start}} {
		b, err := json.Marshal(a)
		require.NoError(t, err)
		var got Active
		require.NoError(t, json.Unmarshal(b, &got))
		require.Equal(t, a, got)
	}
	b, err := json.Marshal(f)
	require.NoError(t, err)
	require.JSONEq(t, `{"fault":"loss","target":"c","as":"x","for":"1m30s","intensity":0.5,"with":{"probability":"0.2"}}`, string(b))
	var got Fault
	require.NoError(t, json.Unmarshal(b, &got))
	require.Equal(t, f, got)
	require.EqualError(t, json.Unmarshal([]byte(`{"fault":"loss","for":"soon"}`), &got), `for "soon": want a duration such as 3m`)
	require.ErrorContains(t, json.Unmarshal([]byte(`{"fualt":"loss"}`), &got), `unknown field "fualt"`)
}
