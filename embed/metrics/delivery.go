package metrics

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/decimal"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/fasttime"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/prompb"
	vmstorage "github.com/VictoriaMetrics/VictoriaMetrics/lib/storage"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
)

// series is one series of a request as a decoder found it. Its strings point
// into the request's body.
type series struct {
	labels     []prompb.Label
	samples    []sample
	histograms []histogramSample
	exemplars  []exemplarSample
}

type sample struct {
	t int64 // Unix milliseconds
	v float64
}

// histogramSample is a native histogram; err says why it cannot be one.
type histogramSample struct {
	t   int64
	h   *histogram.FloatHistogram
	err error
}

type exemplarSample struct {
	labels []prompb.Label
	t      int64
	v      float64
}

func (s *series) reset() {
	s.labels, s.samples = s.labels[:0], s.samples[:0]
	s.histograms, s.exemplars = s.histograms[:0], s.exemplars[:0]
}

// values is how many samples the series carries.
func (s *series) values() int { return len(s.samples) + len(s.histograms) }

// delivery collects what one request brings, in lib/storage's form, and keeps
// account of it. Nothing is stored before commit, so that a body which turns
// out to be malformed leaves no trace.
type delivery struct {
	store *Store
	extra []prompb.Label // labels the request's arguments force on every series

	oldest, newest int64 // accepted timestamps, Unix milliseconds

	rows  []vmstorage.MetricRow
	names []byte // what the rows' names point into
	buf   []prompb.Label

	received, stored int64
	dropped          map[string]int64
	samples          int64 // stored float samples, as sent
	histograms       int64 // stored native histograms, as sent
	exemplars        int64
	exemplarsDropped int64

	invalid  rejections // what the protocol forbids
	unstored rejections // what is well formed but beyond the storage's limits
}

// rejections remembers the first few reasons for the answer to the sender.
type rejections struct {
	count int
	first []string
}

const maxReportedRejections = 3

func (r *rejections) add(n int, err error) {
	r.count += n
	if len(r.first) < maxReportedRejections {
		r.first = append(r.first, err.Error())
	}
}

func (r *rejections) err() error {
	if r.count == 0 {
		return nil
	}
	more := ""
	if r.count > len(r.first) {
		more = "; ..."
	}
	return fmt.Errorf("%d samples or series rejected: %s%s", r.count, strings.Join(r.first, "; "), more)
}

var deliveries = sync.Pool{New: func() any { return new(delivery) }}

// maxPooledRows keeps a rare huge request from pinning its memory.
const maxPooledRows = 64 << 10

func (s *Store) newDelivery(extra []prompb.Label) *delivery {
	d := deliveries.Get().(*delivery)
	now := s.now()
	// lib/storage refuses what is too far ahead of the machine's clock. Its
	// own idea of now is read before the rows are added and never goes back.
	machine := int64(fasttime.UnixTimestamp()) * 1000
	*d = delivery{
		store: s, extra: extra,
		oldest: max(0, now-s.opts.Retention.Milliseconds()),
		newest: min(now, machine) + maxFuture.Milliseconds(),
		rows:   d.rows[:0], names: d.names[:0], buf: d.buf[:0],
	}
	return d
}

// release gives the delivery's memory back for the next one.
func (d *delivery) release() {
	if cap(d.rows) > maxPooledRows {
		return
	}
	clear(d.rows)
	deliveries.Put(d)
}

// commit stores the rows and books the request. d.store's gate is held.
func (d *delivery) commit() {
	d.store.vm.AddRows(d.rows, 64)
	d.stored = int64(len(d.rows))
	d.store.counters.add(d)
	if len(d.rows) > 0 {
		d.store.written.Add(1)
	}
}

// What one request may expand to. Symbols shared by many series and bucket
// counts of one byte make a small body large.
const (
	maxRequestRows      = 1 << 20
	maxRequestNameBytes = 128 << 20
)

var errTooMuch = fmt.Errorf("the request expands to more than %d samples or %d MiB of series names: send it in parts", maxRequestRows, maxRequestNameBytes>>20)

// take accepts one series: its labels are checked and completed, its samples
// become rows or are dropped with a reason. An error ends the request.
func (d *delivery) take(s *series) error {
	ls, reason, err := d.normalise(s.labels)
	if err != nil {
		d.refuse(s, reason, err)
		return nil
	}
	raw := d.name(ls)
	for _, p := range s.samples {
		d.received++
		if reason, err := d.row(raw, p.t, p.v); err != nil {
			d.drop(reason, 1)
			d.unstored.add(1, fmt.Errorf("%s: %w", metricName(ls), err))
			continue
		}
		d.samples++
	}
	for i := range s.histograms {
		d.histogram(ls, &s.histograms[i])
	}
	for i := range s.exemplars {
		if d.store.exemplars.add(ls, &s.exemplars[i]) {
			d.exemplars++
		} else {
			d.exemplarsDropped++
		}
	}
	if len(d.rows) > maxRequestRows || len(d.names) > maxRequestNameBytes {
		return errTooMuch
	}
	return nil
}

// refuse drops all a series brings.
func (d *delivery) refuse(s *series, reason string, err error) {
	n := s.values()
	d.received += int64(n)
	d.drop(reason, n)
	d.exemplarsDropped += int64(len(s.exemplars))
	if reason == ReasonInvalidLabels {
		d.invalid.add(max(n, 1), err)
	} else {
		d.unstored.add(max(n, 1), err)
	}
}

func (d *delivery) drop(reason string, n int) {
	if n == 0 {
		return
	}
	if d.dropped == nil {
		d.dropped = map[string]int64{}
	}
	d.dropped[reason] += int64(n)
}

var (
	errNaN    = errors.New("the value is NaN, which the storage cannot hold")
	errTooOld = errors.New("the timestamp is older than the retention")
)

// row adds a row unless lib/storage would ignore it.
func (d *delivery) row(raw []byte, t int64, v float64) (reason string, err error) {
	switch {
	case v != v && !decimal.IsStaleNaN(v):
		return ReasonNaN, errNaN
	case t < d.oldest:
		return ReasonSmallTimestamp, errTooOld
	case t > d.newest:
		return ReasonBigTimestamp, fmt.Errorf("the timestamp %s is too far in the future", time.UnixMilli(t).UTC().Format(time.RFC3339))
	}
	d.rows = append(d.rows, vmstorage.MetricRow{MetricNameRaw: raw, Timestamp: t, Value: v})
	return "", nil
}

// name marshals sorted labels as lib/storage wants them.
func (d *delivery) name(ls []prompb.Label) []byte {
	start := len(d.names)
	d.buf = append(d.buf[:0], ls...) // marshalling renames __name__
	d.names = vmstorage.MarshalMetricNameRaw(d.names, d.buf)
	return d.names[start:len(d.names):len(d.names)]
}

// Length limits of vminsert (-maxLabelNameLen, -maxLabelValueLen).
const (
	maxLabelNameBytes  = 256
	maxLabelValueBytes = 4 << 10
)

// normalise applies the forced labels, sorts, drops labels without a value and
// checks the rest. It works in place.
func (d *delivery) normalise(ls []prompb.Label) (_ []prompb.Label, reason string, err error) {
	for _, e := range d.extra {
		ls = setLabel(ls, e)
	}
	if sorted, complete := inspect(ls); !sorted || !complete {
		ls = slices.DeleteFunc(ls, func(l prompb.Label) bool { return l.Value == "" && l.Name != "" })
		slices.SortStableFunc(ls, func(a, b prompb.Label) int { return strings.Compare(a.Name, b.Name) })
	}
	if len(ls) > d.store.opts.MaxLabels {
		return ls, ReasonTooManyLabels, fmt.Errorf("%s: %d labels, at most %d are kept", metricName(ls), len(ls), d.store.opts.MaxLabels)
	}
	named := false
	for i := range ls {
		l := &ls[i]
		switch {
		case l.Name == "":
			return ls, ReasonInvalidLabels, fmt.Errorf("%s: a label has no name", metricName(ls))
		case i > 0 && ls[i-1].Name == l.Name:
			return ls, ReasonInvalidLabels, fmt.Errorf("%s: label %q is given twice", metricName(ls), l.Name)
		case len(l.Name) > maxLabelNameBytes:
			return ls, ReasonTooLongLabelName, fmt.Errorf("%s: a label name has %d bytes, at most %d are kept", metricName(ls), len(l.Name), maxLabelNameBytes)
		case len(l.Value) > maxLabelValueBytes:
			return ls, ReasonTooLongLabelValue, fmt.Errorf("%s: the value of label %q has %d bytes, at most %d are kept", metricName(ls), l.Name, len(l.Value), maxLabelValueBytes)
		case !utf8.ValidString(l.Name), !utf8.ValidString(l.Value):
			return ls, ReasonInvalidLabels, fmt.Errorf("%s: label %q is not valid UTF-8", metricName(ls), l.Name)
		}
		named = named || l.Name == model.MetricNameLabel
	}
	if !named {
		return ls, ReasonInvalidLabels, fmt.Errorf("%s: the series has no metric name", prompb.LabelsToString(ls))
	}
	return ls, "", nil
}

// inspect tells whether labels are sorted and all have values, as senders should send them.
func inspect(ls []prompb.Label) (sorted, complete bool) {
	sorted, complete = true, true
	for i := range ls {
		complete = complete && ls[i].Value != ""
		sorted = sorted && (i == 0 || ls[i-1].Name < ls[i].Name)
	}
	return sorted, complete
}

func setLabel(ls []prompb.Label, l prompb.Label) []prompb.Label {
	for i := range ls {
		if ls[i].Name == l.Name {
			ls[i].Value = l.Value
			return ls
		}
	}
	return append(ls, l)
}

// metricName is for messages; it may be given labels that are not yet checked.
func metricName(ls []prompb.Label) string {
	const maxShown = 100
	for _, l := range ls {
		if l.Name == model.MetricNameLabel {
			if len(l.Value) > maxShown {
				return fmt.Sprintf("%.*q...", maxShown, l.Value[:maxShown])
			}
			return fmt.Sprintf("%q", l.Value)
		}
	}
	return "a series without a metric name"
}
