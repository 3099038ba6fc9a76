package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"koflab/sim/collector"
	"koflab/sim/ledger"
)

// fields are a row of a LogsQL store. The first field of a name counts, and those
// without a value do not.
type fields map[string]string

func (f fields) add(name, value string) {
	if _, ok := f[name]; !ok && value != "" {
		f[name] = value
	}
}

func (f fields) digest() (d digest) {
	for name, value := range f {
		d.add(name, value)
	}
	return d
}

// wantedRecord is a log record or span that must or may be stored.
type wantedRecord struct {
	owner *observed
	part  *collector.Part
	must  bool
	more  int // copies allowed beyond the first
	found int
}

// rowKind says how records of a signal are read and named.
type rowKind struct {
	signal ledger.Signal
	// services and filter say where the rows are.
	services []string
	filter   string
	// ignored are fields of the store's own making.
	ignored  []string
	identity func(fields) string
	name     func(fields) string
	owner    func(fields) (cluster, namespace string)
	// offered calls f for the rows of what a cluster offered in a range; the rows are
	// valid until the next. place is the service that has the row.
	offered func(ctx context.Context, o *collector.Offers, r collector.Range, tenant string, f func(row fields, place int, st collector.Standing)) error
}

// recordsWindow compares the rows of one region in one window.
type recordsWindow struct {
	*mistakes
	*rowKind
	span   collector.Range
	wanted map[rowID][]wantedRecord
	stray  []strayRecord
}

// rowID is a row in the store of a service.
type rowID struct {
	place int
	digest
}

// strayRecord is a stored row for which there was none left.
type strayRecord struct {
	rowID
	row fields
}

func (o *oracle) compareRows(ctx context.Context, s *store, kind *rowKind, retention time.Duration) (*mistakes, error) {
	m := newMistakes(o, s, kind.signal)
	for _, w := range o.stretch(retention, kind.signal, maxRecordsHeld) {
		x := &recordsWindow{
			mistakes: m, rowKind: kind, wanted: map[rowID][]wantedRecord{},
			span: collector.Range{To: s.cluster.ID, From: w[0], Until: w[1]},
		}
		if err := x.compare(ctx); err != nil {
			return nil, err
		}
		m.flush()
	}
	return m, nil
}

func (x *recordsWindow) compare(ctx context.Context) error {
	for _, c := range x.oracle.clusters {
		if err := x.expect(ctx, x.wanted, c, c.offers, x.span); err != nil {
			return err
		}
	}
	for place, service := range x.services {
		if err := readRows(ctx, x.store, service, x.filter, x.span.From, x.span.Until, func(row []byte) error {
			return x.match(place, row)
		}); err != nil {
			return err
		}
	}
	if len(x.stray) > 0 {
		if err := x.newcomers(ctx); err != nil {
			return err
		}
	}
	return x.judge(ctx)
}

// each calls f for the rows of what a cluster offered that are or may be in the span.
func (x *recordsWindow) each(ctx context.Context, c *observed, offers *collector.Offers, span collector.Range, f func(rowID, fields, collector.Standing)) error {
	tenant := x.oracle.lab.tenant(c.journal, x.store, offers.Users(span.To))
	return x.offered(ctx, offers, span, tenant, func(row fields, place int, st collector.Standing) {
		f(rowID{place, row.digest()}, row, st)
	})
}

func (x *recordsWindow) expect(ctx context.Context, into map[rowID][]wantedRecord, c *observed, offers *collector.Offers, span collector.Range) error {
	return x.each(ctx, c, offers, span, func(id rowID, _ fields, st collector.Standing) {
		into[id] = append(into[id], wantedRecord{owner: c, part: st.Part, must: st.Must, more: st.Copies})
	})
}

// match looks for a stored row among the wanted.
func (x *recordsWindow) match(place int, row []byte) error {
	id := rowID{place: place}
	if err := eachPair(row, func(name, value []byte) {
		if !slices.Contains(x.ignored, string(name)) {
			id.addBytes(name, value)
		}
	}); err != nil {
		return err
	}
	if find(x.wanted[id]) {
		return nil
	}
	if len(x.stray) == maxStray {
		return errStray
	}
	s := strayRecord{id, fields{}}
	if err := eachPair(row, func(name, value []byte) { s.row[string(name)] = string(value) }); err != nil {
		return err
	}
	x.stray = append(x.stray, s)
	return nil
}

// find marks one of equal records as found; when all have been, one counts as a copy.
func find(equal []wantedRecord) bool {
	for i := range equal {
		if equal[i].found == 0 {
			equal[i].found++
			return true
		}
	}
	if len(equal) > 0 {
		equal[0].found++
	}
	return len(equal) > 0
}

// newcomers takes those from the stray records that were offered after the verdict
// began.
func (x *recordsWindow) newcomers(ctx context.Context) error {
	since := map[rowID][]wantedRecord{}
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
	x.stray = slices.DeleteFunc(x.stray, func(s strayRecord) bool { return find(since[s.rowID]) })
	return nil
}

// judge counts what was found and what was not.
func (x *recordsWindow) judge(ctx context.Context) error {
	wrong := false
	for _, equal := range x.wanted {
		for i := range equal {
			r := &equal[i]
			id := r.owner.cluster.ID
			if r.must {
				x.row(id).Expected++
			}
			switch {
			case r.part != nil:
				x.ofPart(r.part, id, r.found > 0)
			case r.found == 0 && r.must:
				wrong = true
			case r.must:
				x.row(id).Stored++
			}
			wrong = wrong || r.found-1 > r.more
		}
	}
	if !wrong && len(x.stray) == 0 {
		return nil
	}
	return x.nameWrong(ctx)
}

// nameWrong makes what was offered once more, to name what is wrong. A stray record
// with the identity of one that was not found is that one, altered.
func (x *recordsWindow) nameWrong(ctx context.Context) error {
	stray := map[string][]strayRecord{}
	for _, s := range x.stray {
		id := x.identity(s.row)
		stray[id] = append(stray[id], s)
	}
	for _, c := range x.oracle.clusters {
		if err := x.each(ctx, c, c.offers, x.span, func(id rowID, row fields, _ collector.Standing) {
			equal := x.wanted[id]
			i := slices.IndexFunc(equal, func(r wantedRecord) bool {
				return r.owner == c && r.part == nil && (r.found == 0 && r.must || r.found-1 > r.more)
			})
			if i < 0 {
				return
			}
			r, same := &equal[i], stray[x.identity(row)]
			switch {
			case r.found > 0:
				x.add(c.cluster.ID, duplicatedRecord, fmt.Sprintf("%s, %d times", x.rowKind.name(row), r.found), int64(r.found-1-r.more))
			case len(same) > 0:
				x.add(c.cluster.ID, alteredRecord, fmt.Sprintf("%s, must be %s", describe(same[0].row, row, x.rowKind), x.rowKind.name(row)), 1)
				stray[x.identity(row)] = same[1:]
			default:
				x.add(c.cluster.ID, missingRecord, x.rowKind.name(row), 1)
			}
			r.found, r.must = 0, false // told
		}); err != nil {
			return err
		}
	}
	for _, rest := range stray {
		for _, s := range rest {
			name, namespace := x.rowKind.owner(s.row)
			x.add(x.oracle.owner(name, namespace), unexpectedRecord, x.rowKind.name(s.row), 1)
		}
	}
	return nil
}

// describe names an altered record, and the fields that differ.
func describe(stored, wanted fields, kind *rowKind) string {
	var differ []string
	for name := range stored {
		if stored[name] != wanted[name] && !slices.Contains(kind.ignored, name) {
			differ = append(differ, name)
		}
	}
	for name := range wanted {
		if _, ok := stored[name]; !ok {
			differ = append(differ, name)
		}
	}
	slices.Sort(differ)
	return fmt.Sprintf("%s (%s)", kind.name(stored), strings.Join(differ, ", "))
}

// maxNamed bounds the text of a record in its name, in bytes.
const maxNamed = 160

func shorten(s string) string {
	if len(s) > maxNamed {
		s = strings.ToValidUTF8(s[:maxNamed], "") + "..."
	}
	return s
}
