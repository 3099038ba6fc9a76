package lab

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/value"

	"koflab/sim/collector"
	"koflab/sim/ledger"
)

var staleMarker = math.Float64frombits(value.StaleNaN)

// errHistograms says that a series cannot be compared.
var errHistograms = errors.New("clusters have sent native histograms, which the storage takes apart: the oracle cannot compare those")

// wantedSample is a sample that must or may be stored.
type wantedSample struct {
	t     int64 // Unix milliseconds
	v     float64
	owner *observed
	part  *collector.Part
	must  bool
	more  int // copies allowed beyond the first
	found int
	// altered says that another value was found in its place.
	altered bool
}

// wantedSeries is the samples of one series in a window.
type wantedSeries struct {
	samples []wantedSample
	sorted  bool
	largest float64 // finite value, without its sign
	// One of what it is as it was sent, with the tenant of its sender, and as it is
	// stored, as JSON.
	sent   collector.Series
	tenant string
	stored []byte
}

// labels are the series' labels as they are stored.
func (w *wantedSeries) labels() map[string]string {
	out := map[string]string{}
	if w.stored != nil {
		_ = json.Unmarshal(w.stored, &out) // it has been read before
		return out
	}
	w.sent.Each(func(name, value []byte) { out[string(name)] = string(value) })
	if w.tenant != "" {
		out[tenantLabel] = w.tenant
	}
	return out
}

// tenantLabel is what gateways bind clusters to.
const tenantLabel = "tenant"

// strayed is a stored sample for which there was none left.
type strayed struct {
	series digest
	t      int64
	v      float64
}

// samplesWindow compares the samples of one region in one window.
type samplesWindow struct {
	*mistakes
	store  *store
	span   collector.Range
	series map[digest]*wantedSeries
	stray  []strayed
}

func (o *oracle) compareMetrics(ctx context.Context, s *store) (*mistakes, error) {
	m := newMistakes(o, s, ledger.Metrics)
	for _, w := range o.stretch(s.config.Retention.Metrics, ledger.Metrics, maxSamplesHeld) {
		x := &samplesWindow{
			mistakes: m, store: s, series: map[digest]*wantedSeries{},
			span: collector.Range{To: s.cluster.ID, From: w[0], Until: w[1]},
		}
		if err := x.compare(ctx); err != nil {
			return nil, err
		}
		m.flush()
	}
	return m, nil
}

func (x *samplesWindow) compare(ctx context.Context) error {
	for _, c := range x.oracle.clusters {
		if err := x.expect(ctx, x.series, c, c.offers, x.span); err != nil {
			return err
		}
	}
	if err := readSamples(ctx, x.store, x.span.From, x.span.Until, x.match); err != nil {
		return err
	}
	if len(x.stray) > 0 {
		if err := x.newcomers(ctx); err != nil {
			return err
		}
	}
	x.judge()
	return nil
}

// expect adds what a cluster offered that is or may be in the span.
func (x *samplesWindow) expect(ctx context.Context, into map[digest]*wantedSeries, c *observed, offers *collector.Offers, span collector.Range) error {
	tenant := x.oracle.lab.tenant(c.journal, x.store, offers.Users(span.To))
	known := map[collector.Series]*wantedSeries{}
	var bad error
	err := offers.Samples(ctx, span, func(s collector.Sample, st collector.Standing) {
		if s.Histogram {
			bad = errHistograms
			return
		}
		w := known[s.Series]
		if w == nil {
			var d digest
			s.Series.Each(func(name, value []byte) {
				if tenant == "" || string(name) != tenantLabel {
					d.addBytes(name, value)
				}
			})
			d.add(tenantLabel, tenant)
			w = seriesIn(into, d)
			w.sent, w.tenant = s.Series, tenant
			known[s.Series] = w
		}
		if v := math.Abs(s.Value); v > w.largest && !math.IsInf(v, 0) {
			w.largest = v
		}
		w.samples = append(w.samples, wantedSample{t: s.Time, v: s.Value, owner: c, part: st.Part, must: st.Must, more: st.Copies})
	})
	return errors.Join(err, bad)
}

func seriesIn(all map[digest]*wantedSeries, key digest) *wantedSeries {
	w := all[key]
	if w == nil {
		w = &wantedSeries{}
		all[key] = w
	}
	return w
}

// text writes the series down, as Prometheus does.
func (w *wantedSeries) text() string {
	l := w.labels()
	var b strings.Builder
	b.WriteString(l[model.MetricNameLabel])
	b.WriteByte('{')
	comma := ""
	for _, name := range slices.Sorted(maps.Keys(l)) {
		if name != model.MetricNameLabel && l[name] != "" {
			fmt.Fprintf(&b, "%s%s=%q", comma, name, l[name])
			comma = ", "
		}
	}
	b.WriteByte('}')
	return b.String()
}

// match looks for the samples of a stored series among the wanted.
func (x *samplesWindow) match(s *storedSeries) error {
	var d digest
	if err := eachPair(s.labels, d.addBytes); err != nil {
		return err
	}
	w := seriesIn(x.series, d)
	for i, t := range s.times {
		if !w.find(t, s.values[i]) {
			if len(x.stray) == maxStray {
				return errStray
			}
			x.stray = append(x.stray, strayed{d, t, s.values[i]})
			w.stored = append(w.stored[:0], s.labels...)
		}
	}
	return nil
}

// find marks a wanted sample as found; one that has been found before counts as a
// copy if there is no other.
func (w *wantedSeries) find(t int64, v float64) bool {
	var copied *wantedSample
	for i := w.first(t); i < len(w.samples) && w.samples[i].t == t; i++ {
		s := &w.samples[i]
		if !sameValue(s.v, v, w.largest) {
			continue
		}
		if s.found == 0 {
			s.found++
			return true
		}
		copied = s
	}
	if copied != nil {
		copied.found++
	}
	return copied != nil
}

// first is the place of the first sample at t or later.
func (w *wantedSeries) first(t int64) int {
	if !w.sorted {
		slices.SortStableFunc(w.samples, func(a, b wantedSample) int { return cmp.Compare(a.t, b.t) })
		w.sorted = true
	}
	return sort.Search(len(w.samples), func(i int) bool { return w.samples[i].t >= t })
}

// VictoriaMetrics keeps decimals of at least twelve digits. Values of a series share
// an exponent, with which the largest has at least seventeen: a small one beside it,
// such as the uptime right after a restart, keeps fewer.
const (
	precision       = 1e-12
	sharedPrecision = 1e-17
)

// sameValue reports whether a value was stored as another, in a series with a
// largest value.
func sameValue(sent, stored, largest float64) bool {
	if sent == stored {
		return true
	}
	if math.IsNaN(sent) || math.IsNaN(stored) {
		return math.IsNaN(sent) && math.IsNaN(stored)
	}
	return math.Abs(sent-stored) <= max(precision*math.Abs(sent), sharedPrecision*largest)
}

// newcomers takes those samples from the stray ones that were offered after the
// verdict began.
func (x *samplesWindow) newcomers(ctx context.Context) error {
	since := map[digest]*wantedSeries{}
	for _, c := range x.oracle.clusters {
		now, err := c.journal.offers.Snapshot()
		if err != nil {
			return err
		}
		span := x.span
		span.After = c.offers
		if err := x.expect(ctx, since, c, now, span); err != nil {
			return err
		}
	}
	x.stray = slices.DeleteFunc(x.stray, func(s strayed) bool {
		w := since[s.series]
		return w != nil && w.find(s.t, s.v)
	})
	return nil
}

// judge counts what was found and what was not.
func (x *samplesWindow) judge() {
	x.judgeStray()
	for _, w := range x.series {
		for i := range w.samples {
			s := &w.samples[i]
			id := s.owner.cluster.ID
			if s.must {
				x.row(id).Expected++
			}
			switch {
			case s.part != nil:
				x.ofPart(s.part, id, s.found > 0)
			case s.found == 0 && s.must:
				x.add(id, missingRecord, fmt.Sprintf("%s %s = %s", w.text(), millis(s.t), number(s.v)), 1)
			case s.must && !s.altered:
				x.row(id).Stored++
			}
			if extra := s.found - 1 - s.more; extra > 0 {
				x.add(id, duplicatedRecord, fmt.Sprintf("%s %s = %s, %d times", w.text(), millis(s.t), number(s.v), s.found), int64(extra))
			}
		}
	}
}

// judgeStray tells altered samples, in whose place another value was wanted, from
// unexpected ones.
func (x *samplesWindow) judgeStray() {
	for _, stray := range x.stray {
		w := x.series[stray.series]
		altered := false
		for i := w.first(stray.t); i < len(w.samples) && w.samples[i].t == stray.t && !altered; i++ {
			if s := &w.samples[i]; s.found == 0 {
				altered = true
				s.found, s.altered, s.part = 1, true, nil
				x.add(s.owner.cluster.ID, alteredRecord, fmt.Sprintf("%s %s = %s, must be %s", w.text(), millis(stray.t), number(stray.v), number(s.v)), 1)
			}
		}
		if !altered {
			l, names := w.labels(), x.oracle.lab.stack.Labels
			x.add(x.oracle.owner(l[names.Cluster], l[names.ClusterNamespace]), unexpectedRecord, fmt.Sprintf("%s %s = %s", w.text(), millis(stray.t), number(stray.v)), 1)
		}
	}
}

func millis(t int64) string { return time.UnixMilli(t).UTC().Format("2006-01-02T15:04:05.000Z") }

func number(v float64) string {
	if value.IsStaleNaN(v) {
		return "stale"
	}
	return fmt.Sprint(v)
}
