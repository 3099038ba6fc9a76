package telemetry

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"koflab/topology"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden pins the text of every target of a tiny cluster at one instant.
func TestGolden(t *testing.T) {
	g := child(topology.Workload{Nodes: 1, Workloads: 1}, Options{})
	var got bytes.Buffer
	for _, target := range g.Targets() {
		got.WriteString("### " + target.TargetLabels().String() + "\n")
		require.NoError(t, target.WriteText(&got, time.Date(2026, 7, 14, 9, 30, 0, 0, time.UTC)))
	}
	file := filepath.Join("testdata", "tiny.prom")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run with -update to make it")
	require.Equal(t, string(want), got.String())
}

// TestTextIsWhatIsScraped: Prometheus' own parser reads every family of the text,
// once, with as many series as a scrape emits.
func TestTextIsWhatIsScraped(t *testing.T) {
	g := child(topology.Workload{Nodes: 2, Workloads: 6, Series: 4000}, Options{})
	for _, target := range g.Targets() {
		var text bytes.Buffer
		require.NoError(t, target.WriteText(&text, time.Date(2026, 7, 14, 9, 30, 0, 0, time.UTC)))
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(bytes.NewReader(text.Bytes()))
		require.NoError(t, err, target.Job())
		require.NotRegexp(t, `[{,](job|endpoint)="`, text.String(), "a label that the scraper adds")
		n := 0
		for name, f := range families {
			for _, m := range f.Metric {
				if h := m.GetHistogram(); h != nil {
					n += len(h.Bucket) + 2
					require.NotZero(t, h.GetSampleCount(), name)
				} else {
					n++
				}
			}
		}
		require.Equal(t, target.Len(), n, target.Job())
	}
}
