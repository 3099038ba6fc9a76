package explore

import (
	"fmt"
	"strings"
	"time"

	"koflab/scenarios"
	"koflab/scenarios/check"
	"koflab/topology"
)

// The invariants, by the names of their checks.
const (
	Books    = "every hop's books balance"
	Truthful = "coverage says which regions answer"
	Drained  = "nothing waits any more"
	Healed   = "every region answers"
	Clusters = "every cluster is in the answers"
	Logs     = "every cluster's logs arrive"
	Stored   = "what is stored is what must be, and nothing twice"
)

// Invariants are all of them, in the order in which they are told.
func Invariants() []string {
	return []string{Books, Stored, Truthful, Drained, Healed, Clusters, Logs}
}

// healing is how long what must come back may take in the end.
const healing = 4 * time.Minute

// balance wants offered = acknowledged + queued + dropped of each hop, and no count
// below zero.
const balance = `rows.all(r, r.value >= 0.0) && rows.filter(r, r.labels.count == "offered").all(o,
  o.value == rows.filter(r, r.labels.count == "acknowledged" && r.labels.from == o.labels.from && r.labels.to == o.labels.to && r.labels.signal == o.labels.signal)[0].value
  + rows.filter(r, r.labels.count == "queued" && r.labels.from == o.labels.from && r.labels.to == o.labels.to && r.labels.signal == o.labels.signal)[0].value
  + rows.filter(r, r.labels.count == "dropped" && !has(r.labels.reason) && r.labels.from == o.labels.from && r.labels.to == o.labels.to && r.labels.signal == o.labels.signal)[0].value)`

func books() check.Check {
	return check.Check{Name: Books, Ledger: &check.Ledger{}, Expect: check.Expect{CEL: balance}}
}

const everywhere = "count by (promxyCluster)(up)"

// meanwhile is what must hold at a time of a run.
func (c Case) meanwhile(r Run, at time.Duration) scenarios.Checks {
	lab := complete(c.Lab.Spec)
	var there, gone []string
	for _, region := range storing(lab) {
		switch reach(lab, r, region, at) {
		case answers:
			there = append(there, region)
		case silent:
			gone = append(gone, region)
		}
	}
	checks := scenarios.Checks{books()}
	var wants []string
	for value, names := range map[int][]string{1: there, 0: gone} {
		if len(names) > 0 {
			wants = append(wants, fmt.Sprintf(`["%s"].all(n, rows.exists(r, r.labels.region == n && r.value == %d.0))`, strings.Join(names, `", "`), value))
		}
	}
	if len(wants) > 1 && wants[0] > wants[1] {
		wants[0], wants[1] = wants[1], wants[0]
	}
	if len(wants) > 0 {
		checks = append(checks, check.Check{Name: Truthful, Coverage: everywhere, Expect: check.Expect{CEL: strings.Join(wants, " && ")}})
	}
	return checks
}

// afterwards is what must hold when all faults are healed.
func (c Case) afterwards() scenarios.Checks {
	lab := complete(c.Lab.Spec)
	within := func(k check.Check, every time.Duration) check.Check {
		k.Eventually, k.Every = topology.Duration(healing), topology.Duration(every)
		return k
	}
	return scenarios.Checks{
		books(),
		within(check.Check{Name: Drained, Ledger: &check.Ledger{}, Expect: check.Expect{CEL: "body.queued == 0"}}, 7*time.Second),
		within(check.Check{Name: Healed, Coverage: everywhere, Expect: check.Expect{
			CEL: fmt.Sprintf("body.coverage == 1.0 && body.expected == %d", len(storing(lab))),
		}}, 15*time.Second),
		within(check.Check{Name: Clusters, PromQL: "count by (cluster)(up)", Expect: check.Expect{
			Labels: map[string][]string{"cluster": reporting(lab)},
		}}, 15*time.Second),
		within(check.Check{Name: Logs, LogsQL: `_time:4m | stats by ("k8s.cluster.name") count() lines`, Expect: check.Expect{
			Labels: map[string][]string{"k8s.cluster.name": reporting(lab)},
		}}, 15*time.Second),
		{Name: Stored, Oracle: &check.Oracle{}},
	}
}

// reporting are the clusters whose telemetry is stored.
func reporting(lab *topology.Lab) []string {
	names := observed(lab)
	if lab.ManagementData != topology.ManagementDataNone {
		names = append([]string{managementOf(lab)}, names...)
	}
	return names
}
