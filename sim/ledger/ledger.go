// Package ledger counts every record at every hop, so that at any instant
// offered = acknowledged + queued + dropped, whatever has failed.
package ledger

import (
	"maps"
	"sort"
	"sync"
)

// Signal is a kind of telemetry.
type Signal string

// The signals a ledger counts. Units: samples, log records, spans.
const (
	Metrics Signal = "metrics"
	Logs    Signal = "logs"
	Traces  Signal = "traces"
)

// Edge is one hop of one signal.
type Edge struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Signal Signal `json:"signal"`
}

// Entry is an account's state at one instant. Duplicated stands beside the
// balance: it counts records whose delivery may have happened more than once
// (re-sent after an attempt whose outcome is not known).
type Entry struct {
	Edge
	Offered      int64            `json:"offered"`
	Acknowledged int64            `json:"acknowledged"`
	Queued       int64            `json:"queued"`
	Duplicated   int64            `json:"duplicated"`
	Dropped      map[string]int64 `json:"dropped"`
}

// DroppedTotal sums the drops of all reasons.
func (e Entry) DroppedTotal() int64 {
	var n int64
	for _, v := range e.Dropped {
		n += v
	}
	return n
}

// Balance is offered - acknowledged - queued - dropped: zero, always.
func (e Entry) Balance() int64 {
	return e.Offered - e.Acknowledged - e.Queued - e.DroppedTotal()
}

// Ledger holds one account per edge. It is safe for concurrent use.
type Ledger struct {
	mu       sync.Mutex
	accounts map[Edge]*Account
}

// New returns an empty ledger.
func New() *Ledger { return &Ledger{accounts: map[Edge]*Account{}} }

// Account returns the account of an edge, opening it on first use.
func (l *Ledger) Account(from, to string, s Signal) *Account {
	e := Edge{From: from, To: to, Signal: s}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[e]
	if a == nil {
		a = &Account{e: Entry{Edge: e}}
		l.accounts[e] = a
	}
	return a
}

// Remove closes the accounts that touch a cluster or component, for example
// when it leaves the lab.
func (l *Ledger) Remove(node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := range l.accounts {
		if e.From == node || e.To == node {
			delete(l.accounts, e)
		}
	}
}

// Snapshot returns all entries ordered by from, to, signal. Each entry is
// consistent in itself.
func (l *Ledger) Snapshot() []Entry {
	l.mu.Lock()
	accounts := make([]*Account, 0, len(l.accounts))
	for _, a := range l.accounts {
		accounts = append(accounts, a)
	}
	l.mu.Unlock()
	out := make([]Entry, 0, len(accounts))
	for _, a := range accounts {
		out = append(out, a.Entry())
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i].Edge, out[j].Edge
		if a.From != b.From {
			return a.From < b.From
		}
		if a.To != b.To {
			return a.To < b.To
		}
		return a.Signal < b.Signal
	})
	return out
}

// Account is the double-entry book of one edge: a record enters by Offer and
// leaves the queue by exactly one of Acknowledge and Drop.
type Account struct {
	mu sync.Mutex
	e  Entry
}

// Offer books n records as handed to the edge; they count as queued.
func (a *Account) Offer(n int) {
	a.mu.Lock()
	a.e.Offered += int64(n)
	a.e.Queued += int64(n)
	a.mu.Unlock()
}

// Acknowledge books n queued records as accepted by the far side.
func (a *Account) Acknowledge(n int) {
	a.mu.Lock()
	a.e.Queued -= int64(n)
	a.e.Acknowledged += int64(n)
	a.mu.Unlock()
}

// Drop books n queued records as lost for a reason, such as "queue_full".
func (a *Account) Drop(reason string, n int) {
	if n == 0 {
		return
	}
	a.mu.Lock()
	a.e.Queued -= int64(n)
	if a.e.Dropped == nil {
		a.e.Dropped = map[string]int64{}
	}
	a.e.Dropped[reason] += int64(n)
	a.mu.Unlock()
}

// Duplicate books n records as possibly delivered more than once.
func (a *Account) Duplicate(n int) {
	a.mu.Lock()
	a.e.Duplicated += int64(n)
	a.mu.Unlock()
}

// Entry returns the account's state.
func (a *Account) Entry() Entry {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.e
	e.Dropped = maps.Clone(a.e.Dropped)
	if e.Dropped == nil {
		e.Dropped = map[string]int64{} // {} in JSON, not null
	}
	return e
}
