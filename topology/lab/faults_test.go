package lab_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"koflab/sim/fault"
	"koflab/topology"
	"koflab/topology/lab"
	"koflab/topology/lab/control"
)

// faulty is a lab for faults, on a fast clock, and what it was like before.
type faulty struct {
	*lab.Lab
	t      *testing.T
	nodes  map[string]float64
	states map[string]string
	healed time.Time // when the last fault was healed, in lab time
}

// faultSpeed makes minutes of the lab seconds of the test.
const faultSpeed = 60

func startFaulty(t *testing.T, o lab.Options) *faulty {
	t.Helper()
	if testing.Short() {
		t.Skip("a lab on a fast clock: left out with -short, as under the race detector")
	}
	home(t)
	o.Speed = faultSpeed
	f := &faulty{Lab: start(t, o), t: t}
	f.eventually("all that runs is ready", func() error {
		f.states = f.componentStates()
		for name, s := range f.states {
			if s != "running" && s != "simulated" && s != "absent" {
				return fmt.Errorf("%s is %s", name, s)
			}
		}
		return nil
	})
	var err error
	f.nodes, err = f.rows("count by (cluster)(kube_node_info)")
	require.NoError(t, err)
	return f
}

// eventually polls, in real time; lab time goes on meanwhile.
func (f *faulty) eventually(what string, g func() error) {
	f.t.Helper()
	since := int64(0)
	for _, e := range f.EventsSince(0) {
		since = max(e.Seq-20, 0)
	}
	deadline := time.Now().Add(25 * time.Second)
	for {
		err := g()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			for _, e := range f.EventsSince(since) {
				f.t.Log(e.Time.Format("15:04:05"), e.Level, e.Reason, e.Object, e.Message)
			}
			require.Failf(f.t, what, "%v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// query asks the federation, failing when a region does.
func (f *faulty) query(expr string) (model.Vector, error) {
	r, err := f.Query(f.t.Context(), control.QueryRequest{Expr: expr, ErrorMode: "fail", Timeout: 2 * time.Second})
	if err != nil {
		return nil, err
	}
	if r.Status != "success" {
		return nil, errors.New(r.Error)
	}
	var answer struct{ Result model.Vector }
	return answer.Result, json.Unmarshal(r.Data, &answer)
}

// rows are an answer's values by the values of its labels, sorted by the labels' names.
func (f *faulty) rows(expr string) (map[string]float64, error) {
	v, err := f.query(expr)
	out := map[string]float64{}
	for _, s := range v {
		var key []string
		for _, name := range slices.Sorted(maps.Keys(s.Metric)) {
			key = append(key, string(s.Metric[name]))
		}
		out[strings.Join(key, "/")] = float64(s.Value)
	}
	return out, err
}

// are wants an answer to be exactly this.
func (f *faulty) are(expr string, want map[string]float64) func() error {
	return func() error {
		got, err := f.rows(expr)
		if err == nil && !maps.Equal(got, want) {
			err = fmt.Errorf("%s: %v, want %v", expr, got, want)
		}
		return err
	}
}

// some wants an answer with at least one row.
func (f *faulty) some(expr string) func() error {
	return func() error {
		got, err := f.rows(expr)
		if err == nil && len(got) == 0 {
			err = fmt.Errorf("%s: nothing", expr)
		}
		return err
	}
}

// fails wants a federated query to fail with one of the texts.
func (f *faulty) fails(texts ...string) func() error {
	return func() error {
		_, err := f.query("count(up)")
		if err == nil {
			return errors.New("all regions answer")
		}
		for _, text := range texts {
			if strings.Contains(err.Error(), text) {
				return nil
			}
		}
		return fmt.Errorf("another error: %w", err)
	}
}

// flow is one account of the ledger.
func (f *faulty) flow(from, to, signal string) control.Flow {
	for _, w := range f.Status().Flow {
		if w.From == from && w.To == to && w.Signal == signal {
			return w
		}
	}
	return control.Flow{}
}

// queues wants telemetry of a cluster to wait.
func (f *faulty) queues(from, to, signal string) func() error {
	return func() error {
		w := f.flow(from, to, signal)
		if w.Queued == 0 {
			return fmt.Errorf("%s: nothing is queued: %+v", signal, w)
		}
		return nil
	}
}

// drops wants records of a cluster to be dropped for a reason, more than before.
func (f *faulty) drops(from, to, signal, reason string) func() error {
	before := f.flow(from, to, signal).Dropped[reason]
	return func() error {
		if w := f.flow(from, to, signal); w.Dropped[reason] <= before {
			return fmt.Errorf("%s: nothing more is dropped for %s: %+v", signal, reason, w)
		}
		return nil
	}
}

func (f *faulty) componentStates() map[string]string {
	out := map[string]string{}
	for _, c := range f.Status().Clusters {
		for _, k := range c.Components {
			out[c.Name+":"+k.Name+"/"+k.Chart] = k.State
		}
	}
	return out
}

// logs are the answer's lines to a LogsQL query.
func (f *faulty) logs(query string) ([]map[string]string, error) {
	w := httptest.NewRecorder()
	f.Logs("").ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/select/logsql/query?query="+url.QueryEscape(query), nil))
	if w.Code != http.StatusOK {
		return nil, fmt.Errorf("%d: %s", w.Code, w.Body)
	}
	var out []map[string]string
	lines := bufio.NewScanner(w.Body)
	for lines.Scan() {
		m := map[string]string{}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, lines.Err()
}

// healthy wants everything to be as it was: all clusters in metrics since the healing
// and in logs of the last minute, all components in their state, no fault.
func (f *faulty) healthy() error {
	if active := f.Faults(); len(active) > 0 {
		return fmt.Errorf("active: %v", active)
	}
	for _, c := range f.Status().Clusters {
		if !c.Ready {
			return fmt.Errorf("%s: %s", c.Name, c.Message)
		}
	}
	for name, s := range f.componentStates() {
		if f.states[name] != s {
			return fmt.Errorf("%s is %s, was %s", name, s, f.states[name])
		}
	}
	if err := f.are("count by (cluster)(kube_node_info)", f.nodes)(); err != nil {
		return err
	}
	fresh := fmt.Sprintf("count by (cluster)(timestamp(kube_node_info) > %d)", f.healed.Unix())
	if err := f.are(fresh, f.nodes)(); err != nil {
		return err
	}
	lines, err := f.logs(`_time:1m | stats by ("k8s.cluster.name") count() n`)
	if err != nil {
		return err
	}
	if len(lines) != len(f.nodes) {
		return fmt.Errorf("of %d clusters are new logs: %v", len(lines), lines)
	}
	return nil
}

// once injects a fault, wants its effect, and heals it.
func (f *faulty) once(q fault.Fault, seen ...func() error) {
	f.t.Helper()
	a, err := f.Inject(f.t.Context(), q)
	require.NoError(f.t, err)
	for _, s := range seen {
		f.eventually("the effect of "+a.ID+" is seen: "+a.Effect, s)
	}
	spec, err := fault.Lookup(q.Name)
	require.NoError(f.t, err)
	if !spec.Once {
		require.Equal(f.t, []fault.Active{a}, f.Faults())
		require.NoError(f.t, f.Heal(context.Background(), a.ID))
	}
	f.healed = f.Status().Clock.Now
	f.eventually("everything is as before "+a.ID, f.healthy)
}

const faultSpec = `
apiVersion: koflab/v1alpha1
kind: Lab
regions: [{name: r1, nodes: 2, replicas: 2}, {name: r2, nodes: 1}]
children:
  - {name: c1, region: r1, nodes: 2}
  - {name: c2, region: r2, nodes: 1}
`

func faultLab(t *testing.T, o topology.Overrides) *topology.Lab {
	t.Helper()
	spec, err := topology.Decode("lab.yaml", strings.NewReader(faultSpec), o)
	require.NoError(t, err)
	return spec
}

// trusting is a client from outside that trusts a CA.
func trusting(ca string) *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(ca))
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

func componentNames(c control.Cluster) (names []string) {
	for _, k := range c.Components {
		names = append(names, k.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
