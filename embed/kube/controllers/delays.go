package controllers

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Delays says how long the steps of a pod's life take.
type Delays uint8

// The sets of delays. Back-offs of crashing containers and failing pulls are not
// among them: they are part of Kubernetes' behaviour and always run on the clock.
const (
	// Immediate: a pod is Ready as soon as it may be, and gone as soon as it is deleted.
	Immediate Delays = iota
	// Fast keeps every step visible but short, for demonstrations.
	Fast
	// Realistic is what a small cloud cluster shows.
	Realistic
)

// ParseDelays reads "immediate", "fast" or "realistic".
func ParseDelays(s string) (Delays, error) {
	for d := Immediate; d <= Realistic; d++ {
		if d.String() == s {
			return d, nil
		}
	}
	return Immediate, fmt.Errorf("delays %q: want immediate, fast or realistic", s)
}

func (d Delays) String() string {
	switch d {
	case Fast:
		return "fast"
	case Realistic:
		return "realistic"
	default:
		return "immediate"
	}
}

// profile holds the distributions behind a Delays.
//
//	step       what it stands for                               realistic            fast
//	sandbox    mounting volumes, CNI                            median 1.2 s, σ 0.4  80 ms
//	image      an image's own pull time (its size)              median 5 s, σ 0.7    150 ms
//	pull       how pulls of one image differ between nodes      factor, σ 0.2        same
//	recheck    asking the registry about an image that is here  median 0.4 s, σ 0.3  20 ms
//	start      creating and starting a container                median 0.5 s, σ 0.3  40 ms
//	stop       from SIGTERM to exit, at most the grace period   median 0.9 s, σ 0.7  100 ms
//	run        work of a container that ends by itself          median 15 s, σ 0.6   1 s
//	crash      from start to crash of a crashing container      median 3 s, σ 0.4    300 ms
//	probes     factor on probes' initial delay and period       1                    0.1
//
// Log-normal because pull and start times of real clusters are: a sharp lower
// edge and a long tail.
type profile struct {
	sandbox, image, pull, recheck, start, stop, run, crash distribution
	probes                                                 float64
}

var profiles = [...]profile{
	Immediate: {},
	Fast: {
		sandbox: distribution{80 * time.Millisecond, 0.4, time.Second},
		image:   distribution{150 * time.Millisecond, 0.7, 2 * time.Second},
		pull:    distribution{sigma: 0.2},
		recheck: distribution{20 * time.Millisecond, 0.3, time.Second},
		start:   distribution{40 * time.Millisecond, 0.3, time.Second},
		stop:    distribution{100 * time.Millisecond, 0.7, time.Second},
		run:     distribution{time.Second, 0.6, 10 * time.Second},
		crash:   distribution{300 * time.Millisecond, 0.4, 2 * time.Second},
		probes:  0.1,
	},
	Realistic: {
		sandbox: distribution{1200 * time.Millisecond, 0.4, 10 * time.Second},
		image:   distribution{5 * time.Second, 0.7, 90 * time.Second},
		pull:    distribution{sigma: 0.2},
		recheck: distribution{400 * time.Millisecond, 0.3, 5 * time.Second},
		start:   distribution{500 * time.Millisecond, 0.3, 5 * time.Second},
		stop:    distribution{900 * time.Millisecond, 0.7, 30 * time.Second},
		run:     distribution{15 * time.Second, 0.6, 5 * time.Minute},
		crash:   distribution{3 * time.Second, 0.4, 20 * time.Second},
		probes:  1,
	},
}

// pulling returns how long it takes to pull image onto a node. An image is slow
// or fast everywhere: its size is drawn from its name alone.
func (p *profile) pulling(image string, node stream) time.Duration {
	size := p.image.draw(stream(0).of("image", image))
	return distribution{size, p.pull.sigma, p.image.limit}.draw(node.of("pull", image))
}

// passing returns how long after its start a container passes a probe: probes
// run from the initial delay on, every period, and must succeed some times.
func (p *profile) passing(probe *corev1.Probe, s stream) time.Duration {
	if probe == nil || p.probes == 0 {
		return 0
	}
	period := float64(max(probe.PeriodSeconds, 1))
	wait := float64(probe.InitialDelaySeconds) + period*(s.unit()+float64(max(probe.SuccessThreshold, 1)-1))
	return time.Duration(wait * p.probes * float64(time.Second))
}

// Back-offs double from the first to the limit.
const (
	firstBackOff = 10 * time.Second
	backOffLimit = 5 * time.Minute
)

// backOff returns the wait before attempt n+1, after n (>= 1) failures.
func backOff(n int) time.Duration {
	d := firstBackOff
	for ; n > 1 && d < backOffLimit; n-- {
		d *= 2
	}
	return min(d, backOffLimit)
}
