package collector

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFirstScrapeArrives(t *testing.T) {
	l := startLab(t, func(c *Config) { c.Targets = []Target{newFakeTarget("j", 3)}; c.Logs = ticking{}; c.Traces = ticking{} })
	l.flush()
	require.Len(t, l.region.stored(), 8)
	l.pass(3 * time.Second)
	l.flush()
	require.Len(t, l.region.storedLogs(), 3)
	require.Len(t, l.region.storedSpans(), 3)
}
