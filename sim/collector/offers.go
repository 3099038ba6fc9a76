package collector

import (
	"errors"
	"fmt"
	"sync"

	"github.com/prometheus/prometheus/model/labels"

	"koflab/sim/ledger"
)

// OfferJournal keeps what the collectors of one cluster have offered and what became
// of it, over all their lives. It keeps no records of what can be made again: a
// scrape is its target and time, logs are a source and a window. So Snapshot can tell
// every record that must be stored, from sources made anew. It is safe for
// concurrent use.
type OfferJournal struct {
	again Again

	mu      sync.Mutex
	lives   []*life
	onDisk  map[string]map[uint64]*lot // batches in the queues' files, by exporter
	entries int                        // scrapes, windows and batches noted
	bytes   int                        // of records kept because nothing makes them again
	broken  error                      // why the journal is not complete, if so
}

// Bounds of a journal: about 150 MB of entries, and of records kept.
const (
	maxOfferEntries = 1 << 20
	maxOfferBytes   = 128 << 20
)

// errForeign says that a queue's file held batches of an earlier process.
var errForeign = errors.New("the collectors took over a queue of an earlier process, of whose records there is no journal")

// Again says how what a collector observes is found again: each function returns one
// that makes a source of the same records later, of which only the latter is kept.
// Nil functions keep the source itself.
type Again struct {
	Target func(Target) func() (Target, error)
	Logs   func(LogSource) func() (LogSource, error)
	Traces func(TraceSource) func() (TraceSource, error)
}

// NewOfferJournal returns an empty journal, for the Configs of one cluster's
// collectors, one after the other.
func NewOfferJournal(again Again) *OfferJournal {
	orKeep(&again.Target)
	orKeep(&again.Logs)
	orKeep(&again.Traces)
	return &OfferJournal{again: again, onDisk: map[string]map[uint64]*lot{}}
}

func orKeep[T any](again *func(T) func() (T, error)) {
	if *again == nil {
		*again = func(source T) func() (T, error) { return func() (T, error) { return source, nil } }
	}
}

// life is what one collector offers. A nil life, and its nil parts, note nothing.
type life struct {
	journal *OfferJournal
	cfg     Config
	flows   map[ledger.Signal]*flow
}

// flow is what one pipeline was offered, in order, and its exporters.
type flow struct {
	life   *life
	signal ledger.Signal
	takes  []take
	// offered are the records for the main exporter and for that of audit records.
	offered [2]int64
	trails  [2]*trail
	closed  string // the reason for which what is in no batch is dropped, once it is

	sources []any // func() (LogSource, error) or func() (TraceSource, error)
	last    any   // the source that the newest of sources makes again
}

// trail is the batches of one exporter, in order.
type trail struct {
	flow *flow
	name string
	lots []*lot
	next int64 // how many records are in batches
}

// lot is a batch: records first to first+count of its flow's exporter.
type lot struct {
	first    int64
	count    int
	id       uint64 // in the queue's file, if it is there
	to       string // who has it, or would have
	finished bool   // acknowledged but for those dropped
	dropped  int    // records
	reason   string // of the drop
	tried    bool   // may have been delivered, whatever the ledger says
	copies   int    // how many more times it may have been delivered
}

// jobNotes is a scraper with the targets that it had.
type jobNotes struct {
	journal *OfferJournal
	flow    *flow
	own     labels.Labels // none for one that does not report
	targets []func() (Target, error)
	last    Target
}

// origin says what makes records again: a scrape of a job, or the window of a
// source. Nil says that nothing does.
type origin struct {
	job    *jobNotes
	target int   // of the job's, or jobEnd
	failed bool  // the scrape did
	at, to int64 // of the scrape, or the window (at, to]; Unix nanoseconds
	skew   int64 // of the timestamps, nanoseconds
	source int   // of the flow's
}

// jobEnd in place of a target stands for the staleness markers when a job ends.
const jobEnd = -1

// take is what a pipeline was offered at once.
type take struct {
	origin
	// count and first are how many records there are for the main exporter and for
	// that of audit records, and how many there were before.
	count, first [2]int64
	// oldest and newest bound the records' timestamps, Unix nanoseconds.
	oldest, newest int64
	points         []point // kept, when nothing makes them again
	records        []byte  // kept likewise, as an OTLP request
}

// open begins a life.
func (j *OfferJournal) open(cfg Config) *life {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	l := &life{journal: j, cfg: cfg, flows: map[ledger.Signal]*flow{}}
	for _, s := range []ledger.Signal{ledger.Metrics, ledger.Logs, ledger.Traces} {
		l.flows[s] = &flow{life: l, signal: s}
	}
	j.lives = append(j.lives, l)
	return l
}

// room books entries and kept bytes; too many break the journal. The caller holds mu.
func (j *OfferJournal) room(entries, bytes int) bool {
	j.entries += entries
	j.bytes += bytes
	if j.broken == nil && (j.entries > maxOfferEntries || j.bytes > maxOfferBytes) {
		j.broken = fmt.Errorf("the journal of offers is full: %d scrapes, windows and batches, and %d MiB of records that cannot be made again; run a shorter time, or fewer targets", j.entries, j.bytes>>20)
	}
	return j.broken == nil
}

// flow is the life's part for a signal's pipeline.
func (l *life) flow(s ledger.Signal) *flow {
	if l == nil {
		return nil
	}
	return l.flows[s]
}

// Places of records in a flow, by the exporter that they go to.
const (
	toMain  = 0
	toAudit = 1
)

const auditExporter = "otlphttp/logs-audit"

// trail is the life's part for an exporter.
func (l *life) trail(s ledger.Signal, exporter string) *trail {
	if l == nil {
		return nil
	}
	place := toMain
	if exporter == auditExporter {
		place = toAudit
	}
	t := &trail{flow: l.flows[s], name: exporter}
	l.flows[s].trails[place] = t
	return t
}

// job is the life's part for a scraper.
func (l *life) job(own labels.Labels) *jobNotes {
	if l == nil {
		return nil
	}
	return &jobNotes{journal: l.journal, flow: l.flows[ledger.Metrics], own: own}
}
