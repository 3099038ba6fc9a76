package cmd_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/decimal"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// added are the labels that collectors, gateways and the federation put on what
// a target exposes.
var added = []string{"cluster", "clusterNamespace", "tenant", "promxyCluster", "promxyClusterNamespace"}

// exposed are a series' labels as its target exposed them.
func exposed(m model.Metric) labels.Labels {
	b := labels.NewBuilder(labels.EmptyLabels())
	for name, value := range m {
		b.Set(string(name), string(value))
	}
	return b.Del(added...).Labels()
}

// ofCollector reports whether a series is of the collector's own making: what a
// scrape says of itself, and the collector's self metrics.
func ofCollector(name model.LabelValue) bool {
	return name == "up" || strings.HasPrefix(string(name), "scrape_") || strings.HasPrefix(string(name), "otelcol_")
}

// TestStoredIsGenerated compares every sample that a child has stored with what
// its generator computes for that series and time: none may differ, and no series
// may be missing or strange.
func TestStoredIsGenerated(t *testing.T) {
	t.Parallel()
	l := startLab(t, "--preset", "two-regions", "--seed", "7", "--speed", "20x")
	l.passTime(90 * time.Second)
	for _, cluster := range []string{"child-2", "region-2"} {
		oracle := l.oracle(cluster)
		series, samples := 0, 0
		for _, s := range l.matrix(`{cluster="` + cluster + `"}[10m]`) {
			if ofCollector(s.Metric[model.MetricNameLabel]) {
				continue
			}
			series++
			for _, p := range s.Values {
				want, ok := oracle.Value(exposed(s.Metric), p.Timestamp.Time())
				require.True(t, ok, "the generator has no series %s", s.Metric)
				require.True(t, same(inStore(want), float64(p.Value)), "%s at %s: stored %v, generated %v", s.Metric, p.Timestamp.Time(), p.Value, want)
				samples++
			}
		}
		assert.Equal(t, oracle.Series(), series, "series of %s", cluster)
		assert.Greater(t, samples, 3*series, "samples of %s", cluster)
	}
}

// inStore is a value as VictoriaMetrics keeps it: a decimal of at least twelve
// digits.
func inStore(v float64) float64 {
	mantissa, exponent := decimal.AppendFloatToDecimal(nil, []float64{v})
	return decimal.AppendDecimalToFloat(nil, mantissa, exponent)[0]
}

// same compares values bit by bit, but for the NaNs, of which JSON has one.
func same(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
}

// TestOneSeedOneTruth runs two labs of one seed: where they have stored the same
// series at the same time, they have stored the same value.
func TestOneSeedOneTruth(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	one := startLabIn(t, h, "one", "--preset", "minimal", "--seed", "11", "--speed", "20x")
	two := startLabIn(t, h, "two", "--preset", "minimal", "--seed", "11", "--speed", "20x")
	// Scrapes happen at fixed places of each interval, so that those of two labs
	// whose clocks show the same time coincide.
	until := two.now().Add(2 * time.Minute)
	one.reachTime(until.Add(20 * time.Second))
	two.reachTime(until.Add(20 * time.Second))

	read := func(l *testLab) map[string]map[model.Time]model.SampleValue {
		out := map[string]map[model.Time]model.SampleValue{}
		for _, s := range l.matrix(`{cluster="child-1"}[90s]`, "--at", epoch(until)) {
			if strings.HasPrefix(string(s.Metric[model.MetricNameLabel]), "otelcol_") {
				continue // what a collector does depends on how the deliveries go
			}
			name := exposed(s.Metric).String()
			out[name] = map[model.Time]model.SampleValue{}
			for _, p := range s.Values {
				out[name][p.Timestamp] = p.Value
			}
		}
		return out
	}
	first, second := read(one), read(two)
	require.Greater(t, len(first), 500)
	common := 0
	for name, samples := range first {
		others, ok := second[name]
		require.True(t, ok, "only one of the labs has %s", name)
		for at, v := range samples {
			if w, ok := others[at]; ok {
				require.True(t, same(float64(v), float64(w)), "%s at %s: %v and %v", name, at.Time(), v, w)
				common++
			}
		}
	}
	require.Len(t, second, len(first))
	require.Greater(t, common, len(first), "samples of both labs at one time")
}
