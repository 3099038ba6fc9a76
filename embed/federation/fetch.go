package federation

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"sync"

	"github.com/prometheus/common/model"
)

// maxPoints is how many instants a group is asked for at once: Prometheus and
// vmselect refuse more than 11,000 per series.
const maxPoints = 10_000

// results are the answers to parts, by the part's name.
type results struct {
	mu     sync.Mutex
	series map[string]map[*member][]series
}

func (r *results) add(p *part, m *member, s []series) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.series[p.name] == nil {
		r.series[p.name] = map[*member][]series{}
	}
	r.series[p.name][m] = append(r.series[p.name][m], s...)
}

// take returns the merged answers to p of the groups that answered everything.
func (r *results) take(p *part, s *session, o Options) ([]series, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	merged := merger{antiAffinity: o.AntiAffinity.Milliseconds(), exact: p.window == 0, exclusive: p.exclusive}
	for _, m := range p.groups {
		if s.account(m).failure() == nil {
			merged.add(r.series[p.name][m])
		}
	}
	if merged.collided {
		// The engine's own words for it.
		return nil, errors.New("vector cannot contain metrics with the same labelset")
	}
	return merged.series, nil
}

// tasks asks every group of the part for it.
func (f *Federator) tasks(p *part, semantics string, s *session, r *results) ([]task, error) {
	if p.grid.points() == 0 {
		return nil, nil
	}
	tasks := make([]task, 0, len(p.groups))
	for _, m := range p.groups {
		text, err := p.textFor(f.parser, m)
		if err != nil {
			return nil, &QueryError{Type: "execution", Err: err}
		}
		if p.window > 0 {
			text += "[" + model.Duration(p.window).String() + "]"
		}
		tasks = append(tasks, task{m, func(ctx context.Context, a *asked) error {
			a.push(text)
			return f.fetch(ctx, p, text, semantics, a, s, r)
		}})
	}
	return tasks, nil
}

// fetch asks one group for one part, in pieces where the instants are many.
func (f *Federator) fetch(ctx context.Context, p *part, text, semantics string, a *asked, s *session, r *results) error {
	for _, piece := range p.grid.split(maxPoints) {
		q := request{
			signal: metricsSignal,
			// vmselect moves the instants to multiples of the step unless nocache is set.
			form: url.Values{"query": {text}, "nocache": {"1"}},
		}
		if semantics != "" {
			q.form.Set("semantics", semantics)
		}
		if piece.points() == 1 {
			q.path, q.call = "/api/v1/query", "query"
			q.form.Set("time", seconds(piece.start))
		} else {
			q.path, q.call = "/api/v1/query_range", "query_range"
			q.form.Set("start", seconds(piece.start))
			q.form.Set("end", seconds(piece.end))
			q.form.Set("step", seconds(piece.step))
		}
		body, err := a.member.open(ctx, q)
		if err != nil {
			return err
		}
		bounded := &boundedReader{r: body, limit: f.options.MaxResponseBytes}
		d := decoder{part: p, member: a.member, maxSeries: f.options.MaxSeries, maxSamples: f.options.MaxSamples}
		err = d.decode(bounded)
		body.Close()
		a.received(len(d.series), d.samples, bounded.n)
		if err != nil {
			return err
		}
		s.note(withoutPositions(d.warnings), withoutPositions(d.infos))
		r.add(p, a.member, d.series)
	}
	return nil
}

// seconds formats milliseconds as the query API wants times and steps.
func seconds(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64) }
