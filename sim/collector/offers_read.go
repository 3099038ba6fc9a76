package collector

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"koflab/sim/ledger"
)

// Offers is what a journal held at one instant. It is for one goroutine.
type Offers struct {
	flows   []*flow
	parts   map[*lot]*Part
	jobs    map[*flow]map[*jobNotes][]int // the takes of each job
	replays map[*jobNotes]*replay
	problem func(string)
}

// Standing is how a record should be found in a store.
type Standing struct {
	// Must says that it is there, otherwise it may be: it is queued, or it was given
	// up when it may have been delivered.
	Must bool
	// Copies is how many more times it may be there.
	Copies int
	// Part is the batch of which a part was turned away, so that it is not known
	// which of its records are there; nil for others.
	Part *Part
}

// Part is a batch of which the far side took so many records and no more.
type Part struct {
	Taken, TurnedAway int64
	Name              string
}

// Totals are what the accounts of a hop must show.
type Totals struct {
	Acknowledged, Duplicated int64
	Dropped                  map[string]int64
}

// Snapshot returns what has been offered so far, or an error if the journal is not
// complete.
func (j *OfferJournal) Snapshot() (*Offers, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return nil, j.broken
	}
	o := &Offers{
		parts: map[*lot]*Part{}, jobs: map[*flow]map[*jobNotes][]int{}, replays: map[*jobNotes]*replay{}, problem: func(string) {},
	}
	for _, l := range j.lives {
		for _, s := range []ledger.Signal{ledger.Metrics, ledger.Logs, ledger.Traces} {
			f := *l.flows[s]
			for i, t := range f.trails {
				if t == nil {
					continue
				}
				c := *t
				c.lots = make([]*lot, len(t.lots))
				lots := make([]lot, len(t.lots))
				for k, b := range t.lots {
					lots[k] = *b
					c.lots[k] = &lots[k]
				}
				f.trails[i] = &c
			}
			o.flows = append(o.flows, &f)
		}
	}
	return o, nil
}

// OnProblem has f told when records cannot be made again as they were.
func (o *Offers) OnProblem(f func(string)) { o.problem = f }

// Clusters returns the cluster names and namespaces that the collectors have put on
// what they sent.
func (o *Offers) Clusters() [][2]string {
	var out [][2]string
	for _, f := range o.flows {
		id := [2]string{f.life.cfg.Cluster, f.life.cfg.ClusterNamespace}
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// Users returns the users that the collectors have been at a far side, in order.
func (o *Offers) Users(to string) []string {
	var out []string
	for _, f := range o.flows {
		if u := f.life.cfg.Metrics.Username; f.life.cfg.To == to && !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	return out
}

// Destinations are the far sides that were sent anything, by name.
func (o *Offers) Destinations() []string {
	seen := map[string]bool{}
	for _, f := range o.flows {
		for _, t := range f.trails {
			if t == nil {
				continue
			}
			for _, b := range t.lots {
				seen[b.to] = true
			}
		}
	}
	var out []string
	for to := range seen {
		out = append(out, to)
	}
	slices.Sort(out)
	return out
}

// Totals sums up a hop.
func (o *Offers) Totals(s ledger.Signal, to string) Totals {
	out := Totals{Dropped: map[string]int64{}}
	drop := func(reason string, n int64) {
		if n != 0 {
			out.Dropped[reason] += n
		}
	}
	for _, f := range o.flows {
		if f.signal != s {
			continue
		}
		for i, t := range f.trails {
			if t == nil {
				continue
			}
			for _, b := range t.lots {
				if b.to != to {
					continue
				}
				out.Duplicated += int64(b.copies) * int64(b.count)
				if b.finished {
					out.Acknowledged += int64(b.count - b.dropped)
					drop(b.reason, int64(b.dropped))
				}
			}
			if f.closed != "" && f.life.cfg.To == to {
				drop(f.closed, f.offered[i]-t.next)
			}
		}
	}
	return out
}

// Extent is when the records of one take are.
type Extent struct {
	Oldest, Newest time.Time
	Records        int64
}

// Extents are the takes of a signal, to find windows of a size that can be held.
func (o *Offers) Extents(s ledger.Signal) []Extent {
	var out []Extent
	for _, f := range o.flows {
		if f.signal != s {
			continue
		}
		for _, t := range f.takes {
			if n := t.count[toMain] + t.count[toAudit]; n > 0 {
				out = append(out, Extent{time.Unix(0, t.oldest).UTC(), time.Unix(0, t.newest).UTC(), n})
			}
		}
	}
	return out
}

// finder finds the batches of records whose numbers grow, in one flow.
type finder struct {
	flow  *flow
	to    string
	place [2]int
	parts map[*lot]*Part
}

// standing is that of record n of a place; ok is false if it is not, or no longer,
// on its way to the far side.
func (x *finder) standing(place int, n int64) (s Standing, ok bool) {
	t := x.flow.trails[place]
	if t == nil || n >= t.next {
		return Standing{}, x.flow.closed == "" && x.flow.life.cfg.To == x.to
	}
	i := x.place[place]
	if i >= len(t.lots) || n < t.lots[i].first || n >= t.lots[i].first+int64(t.lots[i].count) {
		i = sort.Search(len(t.lots), func(i int) bool { return t.lots[i].first > n }) - 1
		x.place[place] = i
	}
	b := t.lots[i]
	s = Standing{Copies: b.copies}
	switch {
	case b.to != x.to:
		return s, false
	case !b.finished:
		s.Copies++ // of attempts under way
	case b.dropped == 0:
		s.Must = true
	case b.dropped == b.count:
		return s, b.tried
	default:
		if x.parts[b] == nil {
			x.parts[b] = &Part{Taken: int64(b.count - b.dropped), TurnedAway: int64(b.dropped), Name: fmt.Sprintf("a batch of %d, of which %d were turned away (%s)", b.count, b.dropped, b.reason)}
		}
		s.Part = x.parts[b]
	}
	return s, true
}

// reaches reports whether a far side has, or may get, anything of the flow.
func (f *flow) reaches(to string) bool {
	if f.life.cfg.To == to {
		return true
	}
	for _, t := range f.trails {
		if t != nil && slices.ContainsFunc(t.lots, func(b *lot) bool { return b.to == to }) {
			return true
		}
	}
	return false
}

// all reports whether the far side has all records of a take, once.
func (x *finder) all(t *take) bool {
	for place, trail := range x.flow.trails {
		for n, end := t.first[place], t.first[place]+t.count[place]; n < end; {
			if trail == nil || n >= trail.next {
				return false
			}
			b := trail.lots[sort.Search(len(trail.lots), func(i int) bool { return trail.lots[i].first > n })-1]
			if !b.finished || b.dropped > 0 || b.copies > 0 || b.to != x.to {
				return false
			}
			n = b.first + int64(b.count)
		}
	}
	return true
}

// join returns one window in place of take i and those that follow it, and the last
// of them: when all records are there their order does not matter, and one
// window costs less than many.
func (x *finder) join(i int) (*take, int) {
	joined := x.flow.takes[i]
	for i+1 < len(x.flow.takes) {
		next := &x.flow.takes[i+1]
		if !next.windowed() || next.source != joined.source || next.skew != joined.skew || next.at != joined.to ||
			next.to-joined.at > int64(maxWindow) || !x.all(next) {
			break
		}
		i++
		joined.to, joined.newest = next.to, next.newest
		for place, n := range next.count {
			joined.count[place] += n
		}
	}
	return &joined, i
}

// Range is a half-open interval of records' timestamps, with the far side.
type Range struct {
	To          string
	From, Until time.Time
	// After skips what an earlier snapshot has.
	After *Offers
}

// each calls f for the takes of a signal that have records in the range.
func (o *Offers) each(ctx context.Context, s ledger.Signal, r Range, f func(fl *flow, i int, t *take, x *finder) error) error {
	from, until := r.From.UnixNano(), r.Until.UnixNano()
	for k, fl := range o.flows {
		if fl.signal != s || !fl.reaches(r.To) {
			continue
		}
		first := 0
		if r.After != nil && k < len(r.After.flows) {
			first = len(r.After.flows[k].takes)
		}
		x := &finder{flow: fl, to: r.To, parts: o.parts}
		for i := first; i < len(fl.takes); i++ {
			t := &fl.takes[i]
			if t.newest < from || t.oldest >= until || t.count == [2]int64{} {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if t.windowed() && x.all(t) {
				t, i = x.join(i)
			}
			if err := f(fl, i, t, x); err != nil {
				return err
			}
		}
	}
	return nil
}
