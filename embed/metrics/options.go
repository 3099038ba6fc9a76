package metrics

import (
	"errors"
	"fmt"
	"time"

	"koflab/sim/clock"
)

// Semantics of a read: whose PromQL answers it.
const (
	// SemanticsPrometheus evaluates with Prometheus' own engine.
	SemanticsPrometheus = "prometheus"
	// SemanticsKOF evaluates with VictoriaMetrics' vmselect, as a KOF region does.
	SemanticsKOF = "kof"
)

// Options of a Store. Zero values mean the defaults named here.
type Options struct {
	// Dir holds the store's files; it is created when absent. Required.
	Dir string
	// Retention is how long samples are kept, in the clock's time; 30 days as
	// in KOF, at least one day.
	Retention time.Duration
	// Clock says what "now" is; the machine's clock by default.
	Clock clock.Clock
	// DedupInterval keeps one sample per series and interval on reads, as
	// vmselect does for replicated storage; 0 keeps all.
	DedupInterval time.Duration

	// MaxSeries a selector may match, 300 000 by default.
	MaxSeries int
	// MaxSamples a query may hold in memory, 50 million by default.
	MaxSamples int
	// MaxPointsPerSeries of a range query, 11 000 by default.
	MaxPointsPerSeries int
	// Timeout of a query in real time, 30 s by default.
	Timeout time.Duration
	// MaxLabels of a series; a series with more is dropped. 60 by default, as
	// KOF sets it (kof-facts, scenario 18).
	MaxLabels int

	// Semantics of reads that do not choose by the argument "semantics";
	// SemanticsPrometheus by default.
	Semantics string
	// Stores is how many stores share the process and hence its memory, 1 by
	// default. The first store that is opened decides for all.
	Stores int
}

const (
	minRetention = 24 * time.Hour

	// lookbackDelta is how far an instant selector looks back, Prometheus' default.
	lookbackDelta = 5 * time.Minute

	// maxFuture is how far ahead of now samples may be: VictoriaMetrics' own limit.
	maxFuture = 48 * time.Hour
)

func (o *Options) setDefaults() error {
	setDefault(&o.Retention, 30*24*time.Hour)
	setDefault(&o.MaxSeries, 300_000)
	setDefault(&o.MaxSamples, 50_000_000)
	setDefault(&o.MaxPointsPerSeries, 11_000)
	setDefault(&o.Timeout, 30*time.Second)
	setDefault(&o.MaxLabels, 60)
	setDefault(&o.Semantics, SemanticsPrometheus)
	setDefault(&o.Stores, 1)
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	switch {
	case o.Dir == "":
		return errors.New("metrics store: no directory given")
	case o.Retention < minRetention:
		return fmt.Errorf("metrics store: retention %s: want at least %s", o.Retention, minRetention)
	case o.Semantics != SemanticsPrometheus && o.Semantics != SemanticsKOF:
		return fmt.Errorf("metrics store: semantics %q: want %q or %q", o.Semantics, SemanticsPrometheus, SemanticsKOF)
	case min(o.MaxSeries, o.MaxSamples, o.MaxPointsPerSeries, o.MaxLabels, o.Stores) < 0,
		o.DedupInterval < 0, o.Timeout < 0:
		return errors.New("metrics store: a limit is negative")
	}
	return nil
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
