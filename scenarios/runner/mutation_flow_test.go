package runner_test

import (
	"time"

	"koflab/scenarios"
	"koflab/topology"
)

// collectors is a step that changes values of the collectors of a cluster, per node
// and per cluster alike.
func collectors(cluster string, values map[string]any) scenarios.Step {
	return scenarios.Step{Change: &scenarios.Change{Upgrade: &scenarios.Upgrade{
		Cluster: cluster, Release: "kof-collectors", Values: map[string]any{"collectors": map[string]any{"node-exporter": values, "k8s-cluster": values}},
	}}}
}

// with changes the parameters of the fault that the step with an index injects.
func with(at int, name, value string) func(*scenarios.Scenario) {
	return func(s *scenarios.Scenario) {
		if s.Steps[at].Inject.With == nil {
			s.Steps[at].Inject.With = map[string]string{}
		}
		s.Steps[at].Inject.With[name] = value
	}
}

// target has the step with an index strike another one.
func target(at int, other string) func(*scenarios.Scenario) {
	return func(s *scenarios.Scenario) { s.Steps[at].Inject.Target = other }
}

// before inserts a fault before the step with an index.
func before(at int, i scenarios.Inject) func(*scenarios.Scenario) {
	return func(s *scenarios.Scenario) { insert(s, at, scenarios.Step{Inject: &i}) }
}

var flowMutations = map[string][]mutation{
	"healthy-baseline": {{
		off:    "management's link to region-2",
		mutate: before(1, scenarios.Inject{Fault: "reset", Target: "mothership->region-2"}),
		fails:  []string{"every cluster is there with all its nodes", "both regions answer", "every cluster logs"},
	}, {
		off:    "child-1's password",
		mutate: before(0, scenarios.Inject{Fault: "wrong-credentials", Target: "child-1"}),
		fails: []string{
			"every cluster is there with all its nodes", "a child's series come from its region alone", "every cluster logs",
		},
	}, {
		off: "the memory of child-1's collectors",
		mutate: func(s *scenarios.Scenario) {
			insert(s, 2, scenarios.Step{Inject: &scenarios.Inject{Fault: "partition", Target: "child-1->region-1"}},
				scenarios.Step{Run: topology.Duration(30 * time.Second)},
				scenarios.Step{Inject: &scenarios.Inject{Fault: "collector-killed", Target: "child-1"}})
		},
		fails: []string{"no record was dropped or sent twice"},
	}, {
		off:    "that child-1 says who it is",
		mutate: before(0, scenarios.Inject{Fault: "duplicate-cluster-name", Target: "child-1", With: map[string]string{"other": "child-2"}}),
		fails: []string{
			"every cluster is there with all its nodes", "a child's series come from its region alone", "every cluster logs",
		},
	}},
	"region-outage-short": {{
		off: "retries for longer than half a minute",
		mutate: func(s *scenarios.Scenario) {
			insert(s, 0, collectors("child-3", map[string]any{"retryMaxElapsed": "30s"}))
		},
		fails: []string{"what child-3 cannot deliver waits"},
	}, {
		off:    "that the region comes back within the retry limit",
		mutate: func(s *scenarios.Scenario) { s.Steps[1].Inject.For = topology.Duration(6 * time.Minute) },
		fails: []string{
			"no scrape of child-3 is missing", "nothing was dropped",
		},
	}, {
		off:    "error mode ignore",
		mutate: func(s *scenarios.Scenario) { s.Lab.ErrorMode = "fail" },
		fails:  []string{"region-2 is missing, and nothing says so", "the explain record knows"},
	}},
	"audit-routing": {{
		off: "the exporter of audit logs",
		mutate: func(s *scenarios.Scenario) {
			insert(s, 0, collectors("child-1", map[string]any{"exporters": map[string]any{"auditLogs": map[string]any{"enabled": false}}}), scenarios.Step{Run: topology.Duration(time.Minute)})
		},
		fails: []string{"the audit record is in the audit store"},
	}, {
		off: "log_type of the audit record",
		mutate: func(s *scenarios.Scenario) {
			s.Steps[0].Send.Logs[0].Attributes["log_type"] = "other"
		},
		fails: []string{"the audit record is in the audit store"},
	}},
	"trace-correlation": {{
		off:    "management's link to region-2",
		mutate: before(0, scenarios.Inject{Fault: "reset", Target: "mothership->region-2"}),
		fails: []string{
			"the trace has both spans", "the log record is found by the trace's ID", "a search by service finds it too",
		},
	}, {
		off:    "that region-2 alone has it",
		mutate: func(s *scenarios.Scenario) { s.Steps[0].Send.To = "child-1" },
		fails:  []string{"region-1 knows nothing of it"},
	}},
	"outage-longer-than-retry": {{
		off: "the retry limit",
		mutate: func(s *scenarios.Scenario) {
			s.Lab.Spec.Children[0].Collector.RetryMaxElapsed = topology.Duration(24 * time.Hour)
		},
		fails: []string{
			"most metrics still wait, and only retries that ran out have cost any", "so do logs",
		},
	}},
	"outage-small-queue": {{
		off:    "the small queue",
		mutate: with(0, "size", "1000"),
		fails: []string{
			"the first scrape of the outage has got in", "no other of its sixteen has", "of the log records of its first minute two batches have got in", "of the rest of it none has",
		},
	}},
	"collector-killed-in-outage": {{
		off:    "the kill",
		mutate: target(4, "region-1"),
		fails:  []string{"the scrapes between outage and kill are a hole", "as many samples are dropped as were queued"},
	}},
	"cardinality-explosion": {{
		off:    "the explosion",
		mutate: with(2, "series", "50"),
		fails: []string{
			"there is one for each request", "child-1 has several times as many as child-2",
			"the region's status names the metric", "and the label",
		},
	}},
	"churn-storm": {{
		off:    "the churn",
		mutate: with(1, "every", "24h"),
		fails:  []string{"in five minutes ten times as many", "the region's index has them all"},
	}},
	"too-many-labels": {{
		off:    "what is over the limit",
		mutate: func(s *scenarios.Scenario) { s.Steps[0].Send.Metrics[1].ExtraLabels = 50 },
		fails:  []string{"series of sixty labels are there, those of more are not", "only the storage counts it"},
	}},
	"retention": {{
		off: "a week of logs",
		mutate: func(s *scenarios.Scenario) {
			s.Lab.Spec.Regions[0].Retention.Logs = topology.Duration(8 * 24 * time.Hour)
		},
		fails: []string{
			"of logs that of less than a week ago", "what is too old is refused; of the log record the collector hears too",
		},
	}, {
		off: "a year of audit logs",
		mutate: func(s *scenarios.Scenario) {
			s.Lab.Spec.Regions[0].Retention.Audit = topology.Duration(7 * 24 * time.Hour)
		},
		fails: []string{"of the audit log both", "what is too old is refused; of the log record the collector hears too"},
	}, {
		off: "a month of metrics",
		mutate: func(s *scenarios.Scenario) {
			s.Lab.Spec.Regions[0].Retention.Metrics = topology.Duration(40 * 24 * time.Hour)
		},
		fails: []string{"metrics of less than a month ago", "what is too old is refused; of the log record the collector hears too"},
	}},
	"late-samples": {{
		off:    "so much that an instant query misses it",
		mutate: with(0, "skew", "-3m"),
		fails:  []string{"an instant query misses child-1", "the same instant ten minutes ago has it"},
	}, {
		off:    "more future than the storage accepts",
		mutate: with(6, "skew", "24h"),
		fails:  []string{"of logs they do", "the stores count what they dropped"},
	}},
	"storage-replica-lost": {{
		off:    "the second replica",
		mutate: func(s *scenarios.Scenario) { s.Lab.Spec.Regions[0].Replicas = 1 },
		fails: []string{
			"one replica of two is not ready", "every scrape is answered", "no write waits",
		},
	}, {
		off:    "the loss of both",
		mutate: func(s *scenarios.Scenario) { s.Steps[5].Inject.Intensity = 0.5 },
		fails: []string{
			"the region answers 503", "the federation says nothing of it", "who wants to know is told", "metrics wait in the collectors",
		},
	}},
	"events": {{
		off: "the collector's logs",
		mutate: func(s *scenarios.Scenario) {
			insert(s, 3, collectors("child-1", map[string]any{"exporters": map[string]any{"logs": map[string]any{"enabled": false}}}))
		},
		fails: []string{
			"the only warnings are those of the pod that fits no node", "they say why",
		},
	}},
	"cost-join-collision": {{
		off: "the second node of that name",
		mutate: func(s *scenarios.Scenario) {
			s.Steps[5].Change.Apply.Manifest["metadata"].(map[string]any)["name"] = "worker-1"
		},
		fails: []string{"the panel's join fails for all", "both machines are paid for"},
	}},
	"cost-sanity": {{
		off: "OpenCost of child-1",
		mutate: func(s *scenarios.Scenario) {
			insert(s, 0, scenarios.Step{Change: &scenarios.Change{Upgrade: &scenarios.Upgrade{
				Cluster: "child-1", Release: "kof-collectors", Values: map[string]any{"opencost": map[string]any{"enabled": false}},
			}}}, scenarios.Step{Run: topology.Duration(6 * time.Minute)})
		},
		fails: []string{
			"every cluster has costs", "a node costs what its cores and its memory cost", "what namespaces use is no more than what the nodes cost",
		},
	}, {
		off:    "the end of child-2",
		mutate: target(2, "child-1"),
		fails:  []string{"child-2 has no costs any more"},
	}},
	"duplicate-scrape": {{
		off:    "the second scrape of node information",
		mutate: with(2, "job", "node-exporter"),
		fails: []string{
			"the sum is double", "by job one sees why", "pods do not join their nodes any more",
		},
	}},
	"region-slow": {{
		off:    "most of the latency",
		mutate: with(1, "latency", "50ms"),
		fails:  []string{"promxy's metrics name who was slow"},
	}, {
		off:    "the timeout",
		mutate: with(5, "latency", "1s"),
		fails:  []string{"the answer has region-1 only, and says nothing", "the explain record knows"},
	}, {
		off:    "error mode ignore",
		mutate: func(s *scenarios.Scenario) { s.Lab.ErrorMode = "fail" },
		fails:  []string{"the answer has region-1 only, and says nothing"},
	}},
	"disk-full": {{
		off:    "that it is the disk of metrics",
		mutate: with(1, "store", "logs"),
		fails: []string{
			"a write is refused", "nothing of the last minute is", "metrics wait", "logs, on another disk, do not",
		},
	}},
	"loss-and-latency": {{
		off: "that TCP sends again",
		mutate: func(s *scenarios.Scenario) {
			insert(s, 1, collectors("child-1", map[string]any{"retryMaxElapsed": "20s"}))
			s.Steps[2].Inject.Fault, s.Steps[2].Inject.With, s.Steps[2].Inject.As = "partition", nil, "loss"
		},
		fails: []string{"scrapes arrive", "nothing is dropped"},
	}},
	"slow-drip": {{
		off:    "that it drips",
		mutate: with(1, "rate", "16KiB"),
		fails: []string{
			"region-2 is missing from the answer, and nothing says so", "the explain record knows",
		},
	}},
	"label-collision": {{
		off:    "honor_labels false",
		mutate: with(0, "honor", "true"),
		fails:  []string{"job and instance are the scrape's, its own are renamed"},
	}},
}
