package lab

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"koflab/sim/collector"
	"koflab/sim/ledger"
	"koflab/topology/lab/control"
)

// Bounds of a window: how many records of all clusters are held at once.
const (
	maxSamplesHeld = 400_000
	maxRecordsHeld = 50_000
)

// Oracle compares every record that is stored with what must be stored: all samples,
// log records and spans of some clusters, or of all for none, and of some signals
// (metrics, logs, traces), or of all for none. What must be is made again from seed
// and inventories for the scrapes and windows that the collectors' journals name,
// less what the ledger counts as dropped or queued; the ledger must agree with
// that to the record. It is an error if the lab keeps no journals or a region cannot be read.
//
// Collectors go on meanwhile: what they send after the beginning is not judged.
func (l *Lab) Oracle(ctx context.Context, clusters, signals []string) (control.OracleVerdict, error) {
	if l.journals == nil {
		return control.OracleVerdict{}, control.ErrNoJournal
	}
	l.journals.asking.Lock()
	defer l.journals.asking.Unlock()
	o := &oracle{lab: l, rows: map[rowKey]*oracleRow{}, all: len(clusters) == 0}
	defer o.forget()
	if err := o.choose(clusters, signals); err != nil {
		return control.OracleVerdict{}, err
	}
	stores, err := o.stores()
	if err != nil {
		return control.OracleVerdict{}, err
	}
	for _, s := range stores {
		for _, signal := range o.signals {
			if err := o.compare(ctx, s, signal); err != nil {
				return control.OracleVerdict{}, fmt.Errorf("oracle: %s of %s: %w", signal, s.cluster.ID, err)
			}
		}
	}
	return o.verdict(), nil
}

// oracle is one verdict in the making.
type oracle struct {
	lab      *Lab
	all      bool      // clusters are wanted
	begun    time.Time // lab time
	clusters []*observed
	signals  []ledger.Signal
	rows     map[rowKey]*oracleRow
}

// observed is a cluster with what it offered.
type observed struct {
	*journal
	wanted bool
	offers *collector.Offers
	// disputed is where the ledger disagrees.
	disputed map[rowKey]dispute
}

// dispute is a hop of which the ledger's account is not what the journal has.
type dispute struct {
	missing, unexpected int64
	text                string
}

// rowKey is a row of the verdict.
type rowKey struct{ cluster, region, signal string }

// oracleRow is a row of the verdict in the making.
type oracleRow struct {
	control.OracleSignal
	// What is wrong beside the records that were looked for.
	late     []string
	unproved int64
}

func (o *oracle) row(cluster, region string, s ledger.Signal) *oracleRow {
	k := rowKey{cluster, region, string(s)}
	if o.rows[k] == nil {
		o.rows[k] = &oracleRow{OracleSignal: control.OracleSignal{Cluster: cluster, Region: region, Signal: string(s)}}
	}
	return o.rows[k]
}

// forget lets go of what was made again.
func (o *oracle) forget() {
	for _, c := range o.clusters {
		c.history.forget()
	}
}

// choose takes stock of what the clusters offered.
func (o *oracle) choose(clusters, signals []string) error {
	known := map[string]bool{}
	for _, j := range o.lab.journals.all() {
		id := j.cluster.ID
		known[id] = true
		c := &observed{journal: j, wanted: o.all || slices.Contains(clusters, id)}
		if err := o.takeStock(c); err != nil {
			return fmt.Errorf("oracle: %s: %w", id, err)
		}
		o.clusters = append(o.clusters, c)
	}
	for _, id := range clusters {
		if !known[id] {
			return fmt.Errorf("oracle: there is no observed cluster %q; the clusters are %v", id, o.lab.journals.order)
		}
	}
	for _, s := range []ledger.Signal{ledger.Metrics, ledger.Logs, ledger.Traces} {
		if len(signals) == 0 || slices.Contains(signals, string(s)) {
			o.signals = append(o.signals, s)
		}
	}
	for _, s := range signals {
		if !slices.Contains(o.signals, ledger.Signal(s)) {
			return fmt.Errorf("oracle: signal %q: want metrics, logs or traces", s)
		}
	}
	return nil
}

// The ledger and a journal are written one after the other, so while a collector
// works they are asked again until they agree.
const (
	stockTries = 50
	stockPause = 2 * time.Millisecond // real time
)

// takeStock reads a cluster's journal at an instant at which the ledger agrees, if
// there is one.
func (o *oracle) takeStock(c *observed) error {
	for range stockTries {
		entries := o.lab.ledger.Snapshot()
		var err error
		if c.offers, err = c.journal.offers.Snapshot(); err != nil {
			return err
		}
		if c.audit(entries); len(c.disputed) == 0 {
			return nil
		}
		time.Sleep(stockPause)
	}
	return nil
}

// audit compares the journal with the ledger's accounts.
func (c *observed) audit(entries []ledger.Entry) {
	c.disputed = map[rowKey]dispute{}
	for _, e := range entries {
		if e.From != c.cluster.ID {
			continue
		}
		want := c.offers.Totals(e.Signal, e.To)
		drops := maps.Clone(e.Dropped)
		maps.DeleteFunc(drops, func(_ string, n int64) bool { return n == 0 })
		if want.Acknowledged == e.Acknowledged && want.Duplicated == e.Duplicated && maps.Equal(want.Dropped, drops) {
			continue
		}
		d := dispute{missing: max(e.Acknowledged-want.Acknowledged, 0), unexpected: max(want.Acknowledged-e.Acknowledged, 0)}
		if d.missing == d.unexpected {
			d.missing = 1 // the books differ, if not in this
		}
		d.text = fmt.Sprintf("ledger: %d acknowledged, %d sent again, dropped %v; the collectors' journal has %d, %d, %v",
			e.Acknowledged, e.Duplicated, drops, want.Acknowledged, want.Duplicated, want.Dropped)
		c.disputed[rowKey{c.cluster.ID, e.To, string(e.Signal)}] = d
	}
}

// stores are the regions to read.
func (o *oracle) stores() ([]*store, error) {
	wanted := map[string]bool{}
	for _, c := range o.clusters {
		if c.wanted {
			for _, to := range c.offers.Destinations() {
				wanted[to] = true
			}
		}
	}
	var out []*store
	for _, c := range o.lab.all() {
		s := o.lab.store(c.ID)
		switch {
		case s != nil && (o.all || wanted[c.ID]):
			if s.region.Cut() {
				return nil, fmt.Errorf("oracle: %s is off the network, so what it has stored cannot be read; bring it back first", c.ID)
			}
			out = append(out, s)
		case s == nil && wanted[c.ID]:
			return nil, fmt.Errorf("oracle: the stores of %s do not run, so what they have cannot be read", c.ID)
		}
	}
	return out, nil
}

// compare reads one signal of a region, and adds to the rows.
func (o *oracle) compare(ctx context.Context, s *store, signal ledger.Signal) error {
	region := s.cluster.ID
	for _, c := range o.clusters {
		if err := o.takeStock(c); err != nil {
			return err
		}
		if slices.Contains(c.offers.Destinations(), region) {
			o.row(c.cluster.ID, region, signal) // also when there is nothing to say
		}
		c.offers.OnProblem(func(what string) {
			r := o.row(c.cluster.ID, region, signal)
			r.unproved++
			r.late = append(r.late, "not repeatable: "+what)
		})
	}
	o.begun = o.lab.clock.Now()
	compare := map[ledger.Signal]func(context.Context, *store) (*mistakes, error){
		ledger.Metrics: o.compareMetrics, ledger.Logs: o.compareLogs, ledger.Traces: o.compareSpans,
	}[signal]
	m, err := compare(ctx, s)
	if err != nil {
		return err
	}
	m.judgeParts()
	if err := m.excuse(); err != nil {
		return err
	}
	for _, c := range o.clusters {
		k := rowKey{c.cluster.ID, region, string(signal)}
		if d, ok := c.disputed[k]; ok {
			r := o.row(k.cluster, region, signal)
			r.late = append(r.late, d.text)
			r.unproved += d.missing
			r.Unexpected += d.unexpected
		}
	}
	return nil
}

// verdict puts the rows of the wanted clusters in order.
func (o *oracle) verdict() control.OracleVerdict {
	wanted := map[string]bool{}
	for _, c := range o.clusters {
		wanted[c.cluster.ID] = c.wanted
	}
	v := control.OracleVerdict{Signals: []control.OracleSignal{}}
	for k, r := range o.rows {
		if !o.all && !wanted[k.cluster] {
			continue
		}
		r.Missing += r.unproved
		r.Examples = append(r.Examples, r.late[:min(len(r.late), maxExamples)]...)
		v.Signals = append(v.Signals, r.OracleSignal)
	}
	slices.SortFunc(v.Signals, func(a, b control.OracleSignal) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Signal, b.Signal))
	})
	return v
}
