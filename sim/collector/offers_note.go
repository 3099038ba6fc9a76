package collector

import (
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"koflab/sim/ledger"
)

// scraped says what makes the points of a scrape again: nothing for those of
// endpoints that answer otherwise each time.
func (n *jobNotes) scraped(t Target, at time.Time, r result) *origin {
	if n == nil {
		return nil
	}
	switch t.(type) {
	case *httpTarget, *selfMetrics:
		return nil
	}
	if n.last != t {
		again := n.journal.again.Target(t)
		n.journal.mu.Lock()
		n.targets, n.last = append(n.targets, again), t
		n.journal.mu.Unlock()
	}
	o := &origin{job: n, target: len(n.targets) - 1, failed: r.err != nil, at: at.UnixNano()}
	if len(r.points) > 0 {
		o.skew = (r.points[len(r.points)-1].t - at.UnixMilli()) * int64(time.Millisecond)
	}
	return o
}

// again makes the job's target of a number again.
func (n *jobNotes) again(i int) (Target, error) {
	n.journal.mu.Lock()
	make := n.targets[i]
	n.journal.mu.Unlock()
	return make()
}

// ended says what makes the staleness markers of a job's end again.
func (n *jobNotes) ended(at time.Time) *origin {
	if n == nil || len(n.targets) == 0 {
		return nil
	}
	return &origin{job: n, target: jobEnd, at: at.UnixNano()}
}

// window says what makes a source's records of (from, to] again. A flow's windows
// are told of by one goroutine.
func (f *flow) window(source any, from, to time.Time, by time.Duration) *origin {
	if f == nil {
		return nil
	}
	if f.last != source {
		j := f.life.journal
		var again any
		if f.signal == ledger.Logs {
			again = j.again.Logs(source.(LogSource))
		} else {
			again = j.again.Traces(source.(TraceSource))
		}
		j.mu.Lock()
		f.sources, f.last = append(f.sources, again), source
		j.mu.Unlock()
	}
	return &origin{source: len(f.sources) - 1, at: from.UnixNano(), to: to.UnixNano(), skew: int64(by)}
}

// windowed reports whether a source makes the take's records again.
func (t *take) windowed() bool { return t.job == nil && t.points == nil && t.records == nil }

// takePoints notes points in the order in which they are batched.
func (f *flow) takePoints(o *origin, points []point) {
	if f == nil {
		return
	}
	t := take{count: [2]int64{int64(len(points)), 0}}
	kept := 0
	if o != nil {
		t.origin = *o
		t.oldest = o.at + o.skew
		t.newest = t.oldest
	} else {
		t.points = append([]point(nil), points...)
		t.oldest, t.newest = math.MaxInt64, math.MinInt64
		for _, p := range points {
			kept += 64 + len(p.histogram)
			at := p.t * int64(time.Millisecond)
			t.oldest, t.newest = min(t.oldest, at), max(t.newest, at)
		}
	}
	f.add(t, kept)
}

// takeRecords notes log records or spans in the order in which they are batched.
func (f *flow) takeRecords(o *origin, records any) {
	if f == nil {
		return
	}
	t := take{}
	if o != nil {
		t.origin = *o
		t.oldest, t.newest = o.at+o.skew, o.to+o.skew
	} else {
		t.oldest, t.newest = math.MaxInt64, math.MinInt64
	}
	note := func(place int, at time.Time) {
		t.count[place]++
		if o == nil {
			t.oldest, t.newest = min(t.oldest, at.UnixNano()), max(t.newest, at.UnixNano())
		}
	}
	var err error
	switch records := records.(type) {
	case plog.Logs:
		eachLog(records, func(r LogRecord) { note(f.place(r), r.Time()) })
		if o == nil {
			t.records, err = plogotlp.NewExportRequestFromLogs(records).MarshalProto()
		}
	case ptrace.Traces:
		eachSpan(records, func(s Span) { note(toMain, s.Time()) })
		if o == nil {
			t.records, err = ptraceotlp.NewExportRequestFromTraces(records).MarshalProto()
		}
	}
	f.add(t, len(t.records))
	if err != nil {
		f.life.journal.fail(err)
	}
}

// place is the exporter that a log record goes to.
func (f *flow) place(r LogRecord) int {
	if f.life.cfg.AuditOut.URL != "" && isAudit(r.Resource, r.LogRecord) {
		return toAudit
	}
	return toMain
}

func (f *flow) add(t take, kept int) {
	j := f.life.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	t.first = f.offered
	for i, n := range t.count {
		f.offered[i] += n
	}
	if j.room(1, kept) {
		f.takes = append(f.takes, t)
	}
}

// fail notes why the journal is not complete.
func (j *OfferJournal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken == nil {
		j.broken = err
	}
}

// close says that what is in no batch yet is dropped for reason, as is what comes.
func (f *flow) close(reason string) {
	if f == nil {
		return
	}
	f.life.journal.mu.Lock()
	defer f.life.journal.mu.Unlock()
	f.closed = reason
}

// change runs f on a batch's notes.
func (t *trail) change(b *lot, f func()) {
	if t == nil || b == nil {
		return
	}
	j := t.flow.life.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
}

// cut notes that the next count records are a batch.
func (t *trail) cut(count int) *lot {
	if t == nil {
		return nil
	}
	b := &lot{count: count, to: t.flow.life.cfg.To}
	t.change(b, func() {
		b.first = t.next
		t.next += int64(count)
		if t.flow.life.journal.room(1, 0) {
			t.lots = append(t.lots, b)
		}
	})
	return b
}

// tried notes whether a batch may have been delivered.
func (t *trail) tried(b *lot, tried bool) { t.change(b, func() { b.tried = tried }) }

// repeated notes that a batch may have been delivered once more.
func (t *trail) repeated(b *lot) { t.change(b, func() { b.copies++ }) }

// finish notes that a batch left the queue: so many of its records were dropped.
func (t *trail) finish(b *lot, dropped int, reason string, unknown bool) {
	t.change(b, func() {
		b.finished, b.dropped, b.reason, b.tried, b.to = true, dropped, reason, unknown, t.flow.life.cfg.To
		delete(t.flow.life.journal.onDisk[t.name], b.id)
	})
}

// file notes a batch's number in the queue's file.
func (t *trail) file(b *lot, id uint64) {
	t.change(b, func() {
		b.id = id
		files := t.flow.life.journal.onDisk
		if files[t.name] == nil {
			files[t.name] = map[uint64]*lot{}
		}
		files[t.name][id] = b
	})
}

// restore finds the notes of the batches that were in the queue's file. Those that
// should have been and were not are lost.
func (t *trail) restore(kept []*batch) {
	if t == nil {
		return
	}
	j := t.flow.life.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	lost := j.onDisk[t.name]
	found := map[uint64]*lot{}
	for _, b := range kept {
		if b.lot = lost[b.id]; b.lot == nil {
			j.broken = errForeign
			continue
		}
		b.lot.to = t.flow.life.cfg.To
		found[b.id] = b.lot
		delete(lost, b.id)
	}
	for _, b := range lost {
		b.finished, b.dropped, b.reason, b.to = true, b.count, dropStorageLost, t.flow.life.cfg.To
	}
	j.onDisk[t.name] = found
}

// end notes that the batches in memory are dropped for reason.
func (t *trail) end(reason string) {
	if t == nil {
		return
	}
	j := t.flow.life.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, b := range t.lots {
		if !b.finished {
			b.finished, b.dropped, b.reason = true, b.count, reason
		}
	}
}
