package report

import (
	"fmt"
	"math"
	"time"
)

const (
	second = Duration(time.Second)
	minute = Duration(time.Minute)
)

// sample is a report with something of everything.
func sample() Report {
	return Report{Version: Version, Runs: []Run{baseline(), outage(), clockSkew(), kindOnly(), unreachable()}}
}

func baseline() Run {
	return Run{
		Scenario: "healthy-baseline", Title: "Every cluster is there, every region answers", Number: 1,
		Teaches: "What a healthy lab looks like: `count by (cluster)(kube_node_info)` names every cluster once.\n",
		Pins:    []Pin{{"Series of management come through promxy like those of regions", "kof-mothership values, promxy server groups"}},
		Tags:    []string{"smoke", "federation"}, Seed: 1, Outcome: Passed,
		Start: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), Duration: 5 * minute,
		Steps: []Step{
			{Index: 1, Action: "run 5m", Duration: 5 * minute, Outcome: Passed},
			{Index: 2, Action: "check", At: 5 * minute, Outcome: Passed, Checks: []CheckResult{
				{Name: "every cluster is there", Kind: "promql", Query: "count by (cluster)(kube_node_info)", Mode: "now",
					Expected: `{cluster="child-1"} 3, {cluster="mothership"} 1, {cluster="region-1"} 2`,
					Observed: `{cluster="child-1"} 3, {cluster="mothership"} 1, {cluster="region-1"} 2`,
					Outcome:  Passed, At: 5 * minute, Attempts: 1},
				{Name: "what is stored is what was made", Kind: "oracle", Mode: "now", Expected: "no difference",
					Observed: "184,220 records, none missing, duplicated or altered", Outcome: Passed, At: 5 * minute, Attempts: 1},
			}},
		},
		Flow:      flow(5*minute, 15*second, "child-1", "region-1", "metrics", 0, 0, 0),
		Reproduce: "koflab scenario run healthy-baseline --seed 1",
	}
}

// outage is a run that fails: a region is away for longer than its senders retry.
func outage() Run {
	from, to := 10*minute, 130*minute
	run := Run{
		Scenario: "region-outage-long", Title: "A region is away for two hours", Number: 6,
		Teaches: "The queue on disk has room, and yet **the first batches of a long outage are lost**:\n\n" +
			"- each batch is retried for five minutes, then dropped\n- what waits behind it in the queue is younger, and arrives\n\n" +
			"So the gap is at the *beginning*. See [retry_on_failure](https://opentelemetry.io/docs/collector/resiliency/).\n",
		Pins: []Pin{
			{"A batch is dropped after 5 minutes of retries although file_storage has room", "OpenTelemetry Collector exporterhelper, retry_on_failure; contrib #48635"},
			{"Metrics have no queue on disk", "prometheusremotewriteexporter, no WAL in kof-collectors values"},
		},
		Tags: []string{"fault", "flow"}, Seed: 7, Outcome: Failed,
		Start: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), Duration: 150 * minute,
		Faults: []FaultSpan{
			{Name: "outage", Fault: "region-down", Target: "region-2", From: from, To: to,
				Effect: "Nothing of region-2 answers; its children queue and retry, the federation leaves it out without an error"},
			{Name: "slow-link", Fault: "latency", Target: "child-1 -> region-1", From: 30 * minute, To: 50 * minute,
				Effect: "Requests take 2s longer; the queue grows while fewer are sent"},
			{Name: "slow-link-2", Fault: "latency", Target: "child-2 -> region-2", From: 140 * minute, To: 150 * minute, Effect: "Requests take 200ms longer"},
		},
		Events: []Event{
			{At: from, Level: "Warning", Reason: "RegionListenersStopped", Object: "region-2/vmauth", Message: "fault outage: listeners closed"},
			{At: from + 5*minute, Level: "Error", Reason: "BatchDropped", Object: "child-2/kof-collectors-daemon-collector", Message: "retry_on_failure.max_elapsed_time of 5m0s exceeded"},
			{At: to, Level: "Normal", Reason: "RegionListenersStarted", Object: "region-2/vmauth"},
		},
		Reproduce: "koflab scenario run region-outage-long --seed 7",
	}
	run.Steps = []Step{
		{Index: 1, Action: "run 10m", Duration: from, Outcome: Passed},
		{Index: 2, Title: "region-2 goes away", Action: "inject region-down at region-2 for 2h as outage", At: from, Outcome: Passed},
		{Index: 3, Action: "check", At: from, Duration: minute, Outcome: Passed, Checks: []CheckResult{
			{Name: "the federation hides it", Kind: "promql", Query: "count by (promxyCluster)(up)", Mode: "eventually 2m", Expected: "labels promxyCluster: region-1",
				Observed: `{promxyCluster="region-1"} 41`, Outcome: Passed, At: from, Took: 45 * second, Attempts: 4},
			{Name: "and without an error", Kind: "coverage", Query: "up", Mode: "always 1m", Expected: "error empty", Observed: "2 of 3 groups answered, no error",
				Outcome: Passed, At: from, Took: minute, Attempts: 5},
		}},
		{Index: 4, Action: "run 20m", At: 11 * minute, Duration: 19 * minute, Outcome: Passed},
		{Index: 5, Action: "inject latency at child-1 -> region-1 for 20m as slow-link", At: 30 * minute, Outcome: Passed},
		{Index: 6, Action: "run 1h40m", At: 30 * minute, Duration: 100 * minute, Outcome: Passed},
		{Index: 7, Title: "what arrived after the outage", Action: "check", At: to, Duration: 10 * minute, Outcome: Failed, Checks: []CheckResult{
			{Name: "logs have a hole of five minutes", Kind: "logsql", Query: `k8s.cluster.name:="child-2" | stats by (_time:1m) count() as lines`, Mode: "now",
				Expected: "count 5", Observed: "count 4", Outcome: Failed, Message: "want 5 rows, there are 4: the hole is 09:10 to 09:14", At: to, Attempts: 1},
			{Name: "the ledger balances", Kind: "ledger", Query: "from child-2 to region-2", Mode: "eventually 10m",
				Expected: "cel rows.all(r, r.fields.balance == 0)", Observed: "metrics: offered 1,203,400, acknowledged 1,103,200, dropped 100,200 retry_expired",
				Outcome: Passed, At: to, Took: 2 * minute, Attempts: 9},
			{Name: "nobody pages", Kind: "events", Query: "level Error", Mode: "never 10m", Expected: "empty", Observed: "1 event: BatchDropped",
				Outcome: Failed, Message: "it held at 2h10m: never must not hold at any time", At: to, Attempts: 1},
		}},
		{Index: 8, Action: "inject latency at child-2 -> region-2 as slow-link-2", At: 140 * minute, Outcome: Skipped},
	}
	run.Flow = append(run.Flow, flow(150*minute, minute, "child-1", "region-1", "metrics", 30*minute, 50*minute, 0)...)
	run.Flow = append(run.Flow, flow(150*minute, minute, "child-2", "region-2", "logs", from, to, 310)...)
	run.Flow = append(run.Flow, flow(150*minute, minute, "child-2", "region-2", "metrics", from, to, 4180)...)
	return run
}

func clockSkew() Run {
	return Run{Scenario: "clock-skew", Title: "A cluster's clock is two minutes ahead", Tags: []string{"fault"}, Seed: 1, Outcome: Passed,
		Start: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), Duration: 12*minute + 345*Duration(time.Millisecond),
		Faults: []FaultSpan{{Name: "clock-skew", Fault: "clock-skew", Target: "child-1", From: 2 * minute, To: 7 * minute, Effect: "Samples are stamped 2m ahead"}},
		Steps: []Step{{Index: 1, Action: "check", Outcome: Passed, Duration: 12 * minute, Checks: []CheckResult{
			{Name: "samples in the future are seen", Kind: "promql", Query: "max(timestamp(up)) > time()", Mode: "eventually 5m", Expected: "count 1",
				Observed: "1772442125", Outcome: Passed, At: 2 * minute, Took: 3 * minute, Attempts: 13}}}},
		Reproduce: "koflab scenario run clock-skew --seed 1"}
}

func kindOnly() Run {
	return Run{Scenario: "upgrade-node-image", Title: "Nodes are replaced one by one", Tags: []string{"upgrade"}, Seed: 1, Outcome: Skipped,
		Skipped: "needs containers: the embedded provider has none; run it with --provider kind"}
}

func unreachable() Run {
	return Run{Scenario: "tenant-isolation", Title: "A child reads its own tenant only", Tags: []string{"tenancy", "smoke"}, Seed: 1, Outcome: Errored,
		Error:     "start lab: region-1: vmauth: listen tcp 127.9.0.2:443: permission denied\n  allow it with: sudo sysctl net.ipv4.ip_unprivileged_port_start=0",
		Reproduce: "koflab scenario run tenant-isolation --seed 1"}
}

// flow makes the samples of a hop that is stopped between two times and drops so
// many records per sample in the five minutes that follow its fifth minute.
func flow(span, every Duration, from, to, signal string, stop, resume Duration, drop int64) []FlowSample {
	var out []FlowSample
	queued := 0.0
	for i := 0; Duration(i)*every <= span; i++ {
		at := Duration(i) * every
		s := FlowSample{At: at, From: from, To: to, Signal: signal, Rate: math.Round(1400+90*math.Sin(float64(i)/4)) / 10}
		switch {
		case at >= stop && at < resume:
			queued += s.Rate
			s.Rate = 0
			if drop > 0 && at >= stop+5*minute && at < stop+10*minute {
				s.Dropped = map[string]int64{"retry_expired": drop, "queue_full": drop / 10}
			}
		case queued > 0:
			s.Rate, queued = s.Rate*3, max(0, queued-s.Rate*9)
		}
		s.Queued = math.Round(queued)
		out = append(out, s)
	}
	return out
}

// many is a report like that of a whole library: n scenarios, every ninth failed.
func many(n int) Report {
	r := Report{Version: Version}
	for i := range n {
		run := clockSkew()
		if i%9 == 5 {
			run = outage()
		}
		run.Scenario = fmt.Sprintf("scenario-%02d", i+1)
		r.Runs = append(r.Runs, run)
	}
	return r
}
