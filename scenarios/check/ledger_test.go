package check

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/topology/lab/control"
)

func flows() []control.Flow {
	return []control.Flow{
		{From: "child-2", To: "region-1", Signal: "logs", Offered: 5, Acknowledged: 5, Dropped: map[string]int64{}},
		{From: "child-1", To: "region-1", Signal: "metrics", Offered: 100, Acknowledged: 60, Queued: 10, Duplicated: 3,
			Dropped: map[string]int64{"queue_full": 25, "http_401": 5}},
	}
}

func TestLedger(t *testing.T) {
	env := &fakeEnv{flow: flows()}
	r := evaluate(t, Check{Ledger: &Ledger{From: "child-1", Signal: "metrics"}}, env)
	require.Equal(t, []string{
		`{count="acknowledged", from="child-1", signal="metrics", to="region-1"} 60`,
		`{count="dropped", from="child-1", reason="http_401", signal="metrics", to="region-1"} 5`,
		`{count="dropped", from="child-1", reason="queue_full", signal="metrics", to="region-1"} 25`,
		`{count="dropped", from="child-1", signal="metrics", to="region-1"} 30`,
		`{count="duplicated", from="child-1", signal="metrics", to="region-1"} 3`,
		`{count="offered", from="child-1", signal="metrics", to="region-1"} 100`,
		`{count="queued", from="child-1", signal="metrics", to="region-1"} 10`,
	}, rows(r))
	require.Equal(t, "100 records offered, 60 acknowledged, 10 queued, 30 dropped (http_401 5, queue_full 25), 3 duplicated", r.Text)

	r = evaluate(t, Check{Ledger: &Ledger{To: "region-1"}}, env)
	ok, why := Expect{CEL: `body.offered == 105 && body.dropped == 30 && body.droppedBy.queue_full == 25 && body.balance == 0 && count == 12`}.Holds(r)
	require.True(t, ok, why)
	require.Equal(t, "no entries", evaluate(t, Check{Ledger: &Ledger{From: "child-3"}}, env).Text)
	require.Equal(t, "5 records offered, 5 acknowledged, 0 queued, 0 dropped", evaluate(t, Check{Ledger: &Ledger{Signal: "logs"}}, env).Text)
}

func TestEvents(t *testing.T) {
	env := &fakeEnv{events: []control.Event{
		{Seq: 1, Time: start.Add(-time.Second), Level: "Normal", Reason: "Ready", Object: "lab"},
		{Seq: 2, Time: start, Level: "Warning", Reason: "RegionDown", Object: "region-1", Message: "closed 127.1.1.1:443"},
		{Seq: 3, Time: now, Level: "Normal", Reason: "UsersChanged", Object: "region-1/vmauth"},
		{Seq: 4, Time: now, Level: "Normal", Reason: "UsersChanged", Object: "region-10/vmauth"},
	}}
	for _, c := range []struct {
		events Events
		text   string
	}{
		{Events{}, "3 events: RegionDown 1, UsersChanged 2"},
		{Events{Object: "region-1"}, "2 events: RegionDown 1, UsersChanged 1"},
		{Events{Reason: "UsersChanged", Object: "region-1"}, "1 event: UsersChanged 1"},
		{Events{Level: "Warning"}, "1 event: RegionDown 1"},
		{Events{Reason: "Ready"}, "no events"},
	} {
		r := evaluate(t, Check{Events: &c.events}, env)
		require.Equal(t, c.text, r.Text)
	}
	r := evaluate(t, Check{Events: &Events{Level: "Warning"}}, env)
	require.Equal(t, []string{`{level="Warning", object="region-1", reason="RegionDown"} 1`}, rows(r))
	require.Equal(t, "closed client", r.Rows[0].Fields["message"])
}

func TestOracle(t *testing.T) {
	good := control.OracleSignal{Cluster: "child-1", Region: "region-1", Signal: "metrics", Expected: 10, Stored: 10}
	env := &fakeEnv{verdict: control.OracleVerdict{Signals: []control.OracleSignal{good}}}
	check := Check{Oracle: &Oracle{Clusters: []string{"child-1"}, Signals: []string{"metrics"}}}
	holds := func(e Expect) (bool, string) { return e.Holds(evaluate(t, check, env)) }
	ok, why := holds(Expect{})
	require.True(t, ok, why)
	require.Equal(t, [][]string{{"child-1"}, {"metrics"}}, env.compared)
	require.Equal(t, "10 records expected, 10 stored: all as they must be", evaluate(t, check, env).Text)

	bad := control.OracleSignal{
		Cluster: "child-1", Region: "region-1", Signal: "logs", Expected: 4, Stored: 5, Missing: 1, Unexpected: 1, Duplicated: 1, Altered: 1,
		Examples: []string{"missing: line 3 of pod cart-0\nat 09:01", "altered: line 4"},
	}
	env.verdict.Signals = []control.OracleSignal{good, bad}
	ok, why = holds(Expect{})
	require.False(t, ok)
	require.Equal(t, "14 records expected, 15 stored: 1 missing, 1 unexpected, 1 duplicated, 1 altered; "+
		"logs of child-1 at region-1 1 missing, 1 unexpected, 1 duplicated, 1 altered; for example missing: line 3 of pod cart-0 at 09:01, altered: line 4", why)
	// What is expected explicitly may be a gap.
	for _, e := range []Expect{
		{CEL: "body.missing == 1 && body.signals[1].cluster == 'child-1' && body.signals[1].expected == 4"},
		{Series: []Series{{Labels: map[string]string{"signal": "logs"}, Value: ptr(4.0)}, {Labels: map[string]string{"signal": "metrics"}, Value: ptr(0.0)}}},
	} {
		ok, why = holds(e)
		require.True(t, ok, why)
	}

	env.verdict = control.OracleVerdict{Signals: []control.OracleSignal{{Cluster: "child-1", Signal: "logs"}}}
	ok, why = holds(Expect{})
	require.False(t, ok)
	require.Equal(t, "the oracle had nothing to compare: no record must be stored yet", why)
}
