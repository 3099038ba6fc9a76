package network

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTogether(t *testing.T) {
	require.Equal(t, Fault{}, Together())
	require.Equal(t, Fault{Latency: 3 * time.Second, Loss: 0.75, BandwidthBytesPerSecond: 10, Reset: true}, Together(
		Fault{Latency: time.Second, Loss: 0.5}, Fault{Latency: 2 * time.Second, BandwidthBytesPerSecond: 20},
		Fault{Loss: 0.5, BandwidthBytesPerSecond: 10}, Fault{Reset: true}))
}
