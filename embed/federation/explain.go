package federation

import (
	"strconv"
	"sync"
	"time"
)

// CoverageHeader carries the coverage of every answer.
const CoverageHeader = "X-Koflab-Coverage"

// Explain says what a query did: which groups were asked for what, and what came
// of it.
type Explain struct {
	// Expr is the query as it was asked.
	Expr string `json:"expr"`
	// Groups are those that could hold matching data: matchers on group labels
	// exclude the others.
	Groups []GroupExplain `json:"groups"`
	// Coverage is the share of Groups that answered; 1 when none was expected to.
	Coverage float64 `json:"coverage"`
}

// GroupExplain is one group's part in a query.
type GroupExplain struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	// Pushed are the expressions that the group evaluated.
	Pushed   []string `json:"pushed"`
	Answered bool     `json:"answered"`
	Error    string   `json:"error,omitempty"`
	Series   int      `json:"series"`
	Samples  int      `json:"samples"`
	Bytes    int64    `json:"bytes"`
	// Seconds is real time from the first request to the last answer.
	Seconds float64 `json:"seconds"`
}

// asked is the running account of one group in one query.
type asked struct {
	member  *member
	started time.Time

	mu      sync.Mutex
	explain GroupExplain
	err     error
}

func newAsked(m *member, s signal) *asked {
	return &asked{
		member:  m,
		started: m.wall.Now(),
		explain: GroupExplain{Name: m.Name, URL: m.url(s), Pushed: []string{}, Answered: true},
	}
}

func (a *asked) push(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.explain.Pushed = append(a.explain.Pushed, text)
}

func (a *asked) received(series, samples int, bytes int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.explain.Series += series
	a.explain.Samples += samples
	a.explain.Bytes += bytes
	a.explain.Seconds = a.member.wall.Now().Sub(a.started).Seconds()
}

// fail marks the group as failed; its first error is kept.
func (a *asked) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil {
		a.err = err
		a.explain.Answered = false
		a.explain.Error = err.Error()
	}
	a.explain.Seconds = a.member.wall.Now().Sub(a.started).Seconds()
}

func (a *asked) failure() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

func (a *asked) snapshot() GroupExplain {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.explain
}

func newExplain(expr string, groups []*asked) Explain {
	e := Explain{Expr: expr, Groups: make([]GroupExplain, len(groups)), Coverage: 1}
	answered := 0
	for i, a := range groups {
		e.Groups[i] = a.snapshot()
		if e.Groups[i].Answered {
			answered++
		}
	}
	if len(groups) > 0 {
		e.Coverage = float64(answered) / float64(len(groups))
	}
	return e
}

func (e Explain) coverageHeader() string { return strconv.FormatFloat(e.Coverage, 'g', 4, 64) }
