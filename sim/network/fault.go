package network

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Fault is what is wrong with a link. Durations are lab time. The zero value is
// a sound link; several faults on one link act together.
type Fault struct {
	// Partition makes all packets vanish. New connections time out after 30 s;
	// established ones stall and go on when the link heals, or break after
	// 15 minutes with data outstanding, as TCP does.
	Partition bool `json:"partition,omitempty" yaml:"partition,omitempty"`
	// Latency delays what the dialing side sends, so that each round trip pays
	// it once, as tc-netem on the sender's interface does.
	Latency time.Duration `json:"latency,omitempty" yaml:"latency,omitempty"`
	// Jitter adds between zero and this to Latency, evenly. Order is kept.
	Jitter time.Duration `json:"jitter,omitempty" yaml:"jitter,omitempty"`
	// Loss is the probability, 0 <= Loss < 1, of losing a packet either way. TCP
	// sends it again, so what is seen is delay.
	Loss float64 `json:"loss,omitempty" yaml:"loss,omitempty"`
	// BandwidthBytesPerSecond bounds each direction of the link, shared by its
	// connections; 0 is unlimited.
	BandwidthBytesPerSecond int64 `json:"bandwidthBytesPerSecond,omitempty" yaml:"bandwidthBytesPerSecond,omitempty"`
	// Reset cuts established connections with a TCP reset and refuses new ones
	// in the same way.
	Reset bool `json:"reset,omitempty" yaml:"reset,omitempty"`
}

func (f Fault) validate() error {
	switch {
	case f.Latency < 0 || f.Jitter < 0:
		return fmt.Errorf("latency %s, jitter %s: want zero or more", f.Latency, f.Jitter)
	case !(f.Loss >= 0 && f.Loss < 1): // refuses NaN too
		return fmt.Errorf("loss %v: want a probability from 0 to below 1; a partition loses all", f.Loss)
	case f.BandwidthBytesPerSecond < 0:
		return fmt.Errorf("bandwidth %d: want zero (unlimited) or more", f.BandwidthBytesPerSecond)
	}
	return nil
}

// and returns two faults acting together.
func (f Fault) and(g Fault) Fault {
	f.Partition = f.Partition || g.Partition
	f.Reset = f.Reset || g.Reset
	f.Latency += g.Latency
	f.Jitter += g.Jitter
	f.Loss = f.Loss + g.Loss - f.Loss*g.Loss
	if b := g.BandwidthBytesPerSecond; b > 0 && (f.BandwidthBytesPerSecond == 0 || b < f.BandwidthBytesPerSecond) {
		f.BandwidthBytesPerSecond = b
	}
	return f
}

// latency draws how long a packet is under way.
func (f Fault) latency(r *rand.Rand) time.Duration {
	if f.Jitter == 0 {
		return f.Latency
	}
	return f.Latency + time.Duration(r.Int64N(int64(f.Jitter)))
}

const (
	// segmentBytes is TCP's payload per packet over Ethernet.
	segmentBytes = 1460
	// firstRetransmission is Linux's least retransmission timeout; it doubles
	// with each loss of the same packet.
	firstRetransmission = 200 * time.Millisecond
	// synRetransmission is the same for the packet that opens a connection.
	synRetransmission = time.Second
	// maxRetransmissions is Linux's tcp_retries2.
	maxRetransmissions = 15
	maxRetransmission  = 2 * time.Minute
)

// retransmission draws the delay that losses cause to n bytes.
func (f Fault) retransmission(r *rand.Rand, n int, timeout time.Duration) time.Duration {
	if f.Loss == 0 {
		return 0
	}
	segments := 1 + (n-1)/segmentBytes
	lost := 1 - math.Pow(1-f.Loss, float64(segments))
	var d time.Duration
	for range maxRetransmissions {
		if r.Float64() >= lost {
			break
		}
		d += timeout
		timeout = min(2*timeout, maxRetransmission)
		lost = f.Loss // what is sent again is one packet
	}
	return d
}
