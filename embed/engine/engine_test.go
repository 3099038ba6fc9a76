package engine

import (
	"flag"
	"testing"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/memory"
	"github.com/stretchr/testify/require"
)

func TestFirstInitWins(t *testing.T) {
	require.Zero(t, MemoryBytes())
	require.NoError(t, Init(Options{MemoryBytes: 64 << 20}))
	require.NoError(t, Init(Options{MemoryBytes: 128 << 20}), "a later call changes nothing")

	require.EqualValues(t, 64<<20, MemoryBytes())
	require.Equal(t, 64<<20, memory.Allowed())
	require.Equal(t, "WARN", flag.Lookup("loggerLevel").Value.String())
	Stop()
}

func TestNegativeMemoryIsRefused(t *testing.T) {
	require.ErrorContains(t, initialise(Options{MemoryBytes: -1}), "want a positive number")
}
