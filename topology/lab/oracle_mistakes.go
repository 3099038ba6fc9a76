package lab

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"koflab/sim/collector"
	"koflab/sim/ledger"
)

// kind is a way in which a record is wrong; examples begin with it.
type kind string

const (
	missingRecord    kind = "missing"
	unexpectedRecord kind = "unexpected"
	duplicatedRecord kind = "stored again"
	alteredRecord    kind = "altered"
)

// How many wrong records of a kind a verdict names for each cluster, region and
// signal, and from how many of a window they are chosen.
const (
	maxExamples = 5
	maxChoice   = 20_000
)

// mistakes counts what is wrong with one signal of one region.
type mistakes struct {
	oracle *oracle
	store  *store
	signal ledger.Signal
	parts  map[*collector.Part]*partFound
	found  []example // of the window at hand
	named  map[string]map[kind]int
}

// maxStray bounds how many records that nobody offered are held.
const maxStray = 100_000

var errStray = fmt.Errorf("more than %d records are stored that none of the lab's collectors has offered: the store has data of an earlier lab, or of others", maxStray)

type example struct {
	cluster string
	kind    kind
	text    string
}

// partFound is how many of a batch's records were found.
type partFound struct {
	cluster string
	found   int64
}

func newMistakes(o *oracle, s *store, signal ledger.Signal) *mistakes {
	return &mistakes{oracle: o, store: s, signal: signal, parts: map[*collector.Part]*partFound{}, named: map[string]map[kind]int{}}
}

func (m *mistakes) row(cluster string) *oracleRow {
	return m.oracle.row(cluster, m.store.cluster.ID, m.signal)
}

// add counts n wrong records under one name.
func (m *mistakes) add(cluster string, k kind, name string, n int64) {
	r := m.row(cluster)
	switch k {
	case missingRecord:
		r.Missing += n
	case unexpectedRecord:
		r.Unexpected += n
		r.Stored += n
	case duplicatedRecord:
		r.Duplicated += n
		r.Stored += n
	case alteredRecord:
		r.Altered += n
		r.Stored += n
	}
	if len(m.found) < maxChoice {
		m.found = append(m.found, example{cluster, k, name})
	}
}

// flush names some of a window's mistakes, the same ones in every run.
func (m *mistakes) flush() {
	slices.SortFunc(m.found, func(a, b example) int {
		return cmp.Or(cmp.Compare(a.cluster, b.cluster), cmp.Compare(a.kind, b.kind), cmp.Compare(a.text, b.text))
	})
	for _, e := range m.found {
		named := m.named[e.cluster]
		if named == nil {
			named = map[kind]int{}
			m.named[e.cluster] = named
		}
		if named[e.kind]++; named[e.kind] <= maxExamples {
			r := m.row(e.cluster)
			r.Examples = append(r.Examples, string(e.kind)+": "+e.text)
		}
	}
	m.found = m.found[:0]
}

// ofPart counts a record of a batch of which a part was turned away.
func (m *mistakes) ofPart(p *collector.Part, cluster string, found bool) {
	if m.parts[p] == nil {
		m.parts[p] = &partFound{cluster: cluster}
	}
	if found {
		m.parts[p].found++
	}
}

// judgeParts compares such batches with what was taken of them.
func (m *mistakes) judgeParts() {
	for p, f := range m.parts {
		r := m.row(f.cluster)
		r.Expected += p.Taken
		r.Stored += f.found
		if f.found != p.Taken {
			r.Missing += max(p.Taken-f.found, 0)
			r.Unexpected += max(f.found-p.Taken, 0)
			r.late = append(r.late, fmt.Sprintf("%d records are stored of %s", f.found, p.Name))
		}
	}
}

// storesOf names the storages of a signal.
var storesOf = map[ledger.Signal][]string{
	ledger.Metrics: {"metrics"}, ledger.Logs: {"logs", "audit"}, ledger.Traces: {"traces"},
}

// excuse takes missing records out of the rows if the region's own books say that so
// many were lost or turned away after they had arrived.
func (m *mistakes) excuse() error {
	rows := m.oracle.rowsOf(m.store.cluster.ID, m.signal)
	var missing int64
	for _, r := range rows {
		missing += r.Missing
	}
	if missing == 0 {
		return nil
	}
	stats, err := m.store.region.Stats()
	if err != nil {
		return err
	}
	var lost int64
	reasons := map[string]int64{}
	for _, name := range storesOf[m.signal] {
		for reason, n := range stats[name].Dropped {
			lost += n
			reasons[reason] += n
		}
	}
	for p := range m.parts {
		lost -= p.TurnedAway
	}
	if missing > lost {
		return nil
	}
	maps.DeleteFunc(reasons, func(_ string, n int64) bool { return n == 0 })
	for _, r := range rows {
		if r.Missing == 0 {
			continue
		}
		r.late = append(r.late, fmt.Sprintf("not counted: %d are missing, of those that the store lost or turned away %v", r.Missing, reasons))
		r.Examples = slices.DeleteFunc(r.Examples, func(e string) bool { return strings.HasPrefix(e, string(missingRecord)+": ") })
		r.Expected -= r.Missing
		r.Missing = 0
	}
	return nil
}

// rowsOf are the rows of a region's signal.
func (o *oracle) rowsOf(region string, signal ledger.Signal) []*oracleRow {
	var out []*oracleRow
	for k, r := range o.rows {
		if k.region == region && k.signal == string(signal) {
			out = append(out, r)
		}
	}
	return out
}

// owner is the cluster of a name and namespace, or that name if there is none.
func (o *oracle) owner(name, namespace string) string {
	for _, c := range o.clusters {
		if slices.Contains(c.offers.Clusters(), [2]string{name, namespace}) {
			return c.cluster.ID
		}
	}
	return name
}
