package runner_test

import (
	"time"

	"koflab/scenarios"
	"koflab/topology"
)

// clusterMutations are those of how clusters come, move, change and go, and of what
// happens inside them.
var clusterMutations = map[string][]mutation{
	"missing-kof-version-label": {
		{
			off:    "the label's absence",
			mutate: func(s *scenarios.Scenario) { labelsOf(s.Steps[0])["k0rdent.mirantis.com/kof-version"] = "0.3.0" },
			fails:  []string{"the cluster is ready, with services 0/0", "nothing was rolled out to it", "it is in no answer"},
		},
		{
			off: "the right version in the label",
			mutate: func(s *scenarios.Scenario) {
				s.Steps[3].Change.Patch.Patch = labelled("k0rdent.mirantis.com/kof-version", "0.2.0")
			},
			fails: []string{"all services are ready", "it is observed"},
		},
	},
	"child-of-absent-region": {
		{
			off:    "the typing error",
			mutate: func(s *scenarios.Scenario) { s.Steps[0].Change.AddChild.Region = "region-1" },
			fails: []string{
				"the operator says what is wrong and what to do", "an event warns", "it has no ConfigMap that says where to write",
				"it has no collectors", "it is in no answer",
			},
		},
		{
			off: "the right name in the end",
			mutate: func(s *scenarios.Scenario) {
				s.Steps[3].Change.Patch.Patch = labelled("k0rdent.mirantis.com/kof-regional-cluster-name", "region-8")
			},
			fails: []string{"the ConfigMap names the region", "it is observed through that region"},
		},
	},
	"adopted-child-without-region": {
		{
			off:    "the label's absence",
			mutate: func(s *scenarios.Scenario) { s.Steps[0].Change.AddChild.Region = "region-1" },
			fails:  []string{"the operator says which label is missing", "an event warns", "only the child with the label is observed"},
		},
		{
			off: "clouds that never match",
			mutate: func(s *scenarios.Scenario) {
				s.Lab.Spec.Regions[0].Cloud, s.Lab.Spec.Children[0].Cloud, s.Steps[0].Change.AddChild.Cloud = "docker", "docker", "docker"
			},
			fails: []string{"the operator says which label is missing", "an event warns", "only the child with the label is observed"},
		},
	},
	"two-regions-one-location": {
		{
			off:    "the ConfigMap that holds the choice",
			mutate: func(s *scenarios.Scenario) { insert(s, 8, s.Steps[10]) },
			fails:  []string{"the child stays where it is"},
		},
		{
			off:    "a region in the same place",
			mutate: func(s *scenarios.Scenario) { s.Steps[1].Change.AddRegion.Location = "eu-west-1"; drop(s, 7) },
			fails:  []string{"the child has moved"},
		},
	},
	"child-moves-region": {
		{
			off: "the move: it is moved back",
			mutate: func(s *scenarios.Scenario) {
				back := s.Steps[1]
				back.Change = &scenarios.Change{Patch: &scenarios.Patch{
					ObjectRef: s.Steps[1].Change.Patch.ObjectRef,
					Patch:     labelled("k0rdent.mirantis.com/kof-regional-cluster-name", "region-1"),
				}}
				insert(s, 4, back)
			},
			fails: []string{
				"it is in the new region now", "no sample of the old region is younger than any of the new", "its old user is unknown at the old gateway",
			},
		},
		{
			off:    "staleness by look-back alone: the move is an hour old",
			mutate: func(s *scenarios.Scenario) { s.Steps[2].Run = topology.Duration(time.Hour) },
			fails:  []string{"an instant query still finds it in the old region too"},
		},
	},
	"duplicate-cluster-name": {
		{
			off:    "the same name",
			mutate: func(s *scenarios.Scenario) { s.Lab.Spec.Children[1].Name = "shop-b" },
			fails:  []string{"two clusters by name and namespace", "their log lines are told apart too"},
		},
		{
			off: "the namespaces as all that tells them apart",
			mutate: func(s *scenarios.Scenario) {
				insert(s, 0, scenarios.Step{Inject: &scenarios.Inject{
					Fault: "duplicate-cluster-name", Target: "other", With: map[string]string{"other": "team-b/shop"},
				}})
			},
			fails: []string{"two clusters by name and namespace"},
		},
	},
	"promxy-reload": {
		{
			off: "the new region's answers",
			mutate: func(s *scenarios.Scenario) {
				insert(s, 4, scenarios.Step{Inject: &scenarios.Inject{Fault: "dns-missing", Target: "region-2"}})
			},
			fails: []string{"two server groups are asked, and both answer", "the new child is found through the new region"},
		},
		{
			off:    "the removal",
			mutate: func(s *scenarios.Scenario) { drop(s, 8); drop(s, 7) },
			fails: []string{
				"one server group is asked again", "promxyservergroups are those of region-1 alone",
				"vmstorageconnections are those of region-1 alone", "the ConfigMap that described it is gone",
				"its history cannot be reached", "nor can its logs", "the rest is as it was",
			},
		},
	},
	"third-party-storage": {
		{
			off:    "the label that makes a ConfigMap a region",
			mutate: func(s *scenarios.Scenario) { delete(labelsOf(s.Steps[1]), "k0rdent.mirantis.com/kof-cluster-role") },
			fails:  []string{"it answers beside region-1"},
		},
		{
			off: "the credentials",
			mutate: func(s *scenarios.Scenario) {
				delete(s.Steps[1].Change.Apply.Manifest["data"].(map[string]any), "kof_http_config")
			},
			fails: []string{"it answers beside region-1"},
		},
	},
	"seed-era-label": {{
		off:    "KOF 1.0",
		mutate: func(s *scenarios.Scenario) { s.Lab.Spec.Stack = "seed" },
		fails:  []string{"one row without a name has all nodes", "the variable of dashboards is empty"},
	}},
	"upgrade-one-cluster": {
		{
			off: "services that stay where a selector does not match any more",
			mutate: func(s *scenarios.Scenario) {
				leave := scenarios.Upgrade{Cluster: "mothership", Release: "kof-child", Values: map[string]any{"keepServicesOnSelectorMismatch": false}}
				insert(s, 0, scenarios.Step{Change: &scenarios.Change{Upgrade: &leave}})
			},
			fails: []string{"child-1 has collectors of the old version"},
		},
		{
			off: "the label that asks for the version",
			mutate: func(s *scenarios.Scenario) {
				s.Steps[6].Change.Patch.Patch = labelled("k0rdent.mirantis.com/kof-version", "0.3.0")
			},
			fails: []string{"child-1 has collectors of the new version"},
		},
	},
	"kof-generated-label": {
		{
			off: "the label that keeps the operator away",
			mutate: func(s *scenarios.Scenario) {
				s.Steps[3].Change.Patch.Patch["metadata"] = labelled("k0rdent.mirantis.com/kof-generated", "true")["metadata"]
			},
			fails: []string{"the edit stays, and nothing generated comes in"},
		},
		{
			off: "overwriting by the operator",
			mutate: func(s *scenarios.Scenario) {
				s.Steps[0].Change.Patch.Patch["metadata"] = labelled("k0rdent.mirantis.com/kof-generated", "false")["metadata"]
			},
			fails: []string{"the edit is gone, the generated rules are there"},
		},
	},
	"uninstall-order": {
		{
			off:    "the end of the first region",
			mutate: func(s *scenarios.Scenario) { drop(s, 4) },
			fails:  []string{"only the other two are left", "only the other region is asked", "the other region has what it had"},
		},
		{
			off:    "the end of the last clusters",
			mutate: func(s *scenarios.Scenario) { drop(s, 8); drop(s, 7) },
			fails: []string{
				"no ClusterDeployment", "no server group", "no storage connection", "nothing of Sveltos", "no credentials",
				"no ConfigMap of a region or a child", "no region is asked, and that is no error",
			},
		},
	},
	"component-oom": {{
		off:    "the part that is killed",
		mutate: target(1, "child-1:opencost"),
		fails:  []string{"the container was killed for memory", "its series are away", "its target is not down but absent"},
	}},
	"node-not-ready": {
		{
			off: "the grace period: the kubelet is silent for less",
			mutate: func(s *scenarios.Scenario) {
				s.Steps[1].Inject.For = topology.Duration(20 * time.Second)
				drop(s, 6)
			},
			fails: []string{"one node is not ready", "that it is unknown, not that it is unwell", "it has the taint unreachable"},
		},
		{
			off: "room for the pods that leave",
			mutate: func(s *scenarios.Scenario) {
				insert(s, 4, scenarios.Step{Inject: &scenarios.Inject{
					Fault: "quota-exceeded", Target: "child-1:shop/cart", With: map[string]string{"delete": "0"},
				}})
			},
			fails: []string{"running pods of the shop are on the two other nodes", "no Deployment of the shop lacks a replica"},
		},
	},
	"pod-crash-loop": {{
		off:    "containers that end",
		mutate: with(1, "reason", "not-ready"),
		fails:  []string{"its container waits in back-off", "it was restarted, and no other", "an event of the pod tells"},
	}},
	"quota-exceeded": {{
		off:    "a quota below what is used",
		mutate: with(1, "pods", "1000"),
		fails: []string{
			"one replica is missing", "the quota shows more used than allowed", "the successor was refused", "an event tells",
		},
	}},
	"config-drift": {
		{
			off: "the detection of drift",
			mutate: func(s *scenarios.Scenario) {
				insert(s, 0, patchOf("mothership", "multiclusterservices", "", "kof-child-cluster",
					map[string]any{"spec": map[string]any{"serviceSpec": map[string]any{"syncMode": "OneTime"}}}))
			},
			fails: []string{"it is put back within ten minutes", "an event says so"},
		},
		{
			off:    "the cluster that drifts",
			mutate: target(1, "region-1:kof/kof-collectors-opencost"),
			fails:  []string{"none is wanted", "the child costs nothing", "the region still costs"},
		},
	},
	"child-down-and-back": {
		{
			off:    "an absence beyond the look-back",
			mutate: func(s *scenarios.Scenario) { s.Steps[1].Inject.For = topology.Duration(3 * time.Minute) },
			fails:  []string{"it is missing, and nothing says so", "comparing with before finds it"},
		},
		{
			off: "logs that nobody has read yet: the region does not take them",
			mutate: func(s *scenarios.Scenario) {
				insert(s, 6, scenarios.Step{Inject: &scenarios.Inject{Fault: "disk-full", Target: "region-1", With: map[string]string{"store": "logs"}}})
			},
			fails: []string{"no minute of its logs is missing"},
		},
	},
	"scale-follows": {
		{
			off: "the scrape of kube-state-metrics",
			mutate: func(s *scenarios.Scenario) {
				insert(s, 2, scenarios.Step{Inject: &scenarios.Inject{Fault: "component-oom", Target: "child-1:kube-state-metrics"}})
			},
			fails: []string{"five are wanted", "there are five pods"},
		},
		{
			off: "room for more pods",
			mutate: func(s *scenarios.Scenario) {
				insert(s, 2, scenarios.Step{Inject: &scenarios.Inject{
					Fault: "quota-exceeded", Target: "child-1:shop/catalog", With: map[string]string{"delete": "0"},
				}})
			},
			fails: []string{"there are five pods"},
		},
	},
	"finops-exporters-off": {{
		off: "the values that switch them off",
		mutate: func(s *scenarios.Scenario) {
			s.Steps[2].Change.Patch.Patch = map[string]any{"spec": map[string]any{"config": map[string]any{"clusterAnnotations": map[string]any{
				"k0rdent.mirantis.com/kof-collectors-values": "{}",
			}}}}
		},
		fails: []string{
			"child-1 costs nothing, and no error says so", "its nodes have no usage", "there is not even a target that is down", "neither pod is there",
		},
	}},
}

// labelsOf are the labels of the object that a step applies.
func labelsOf(s scenarios.Step) map[string]any {
	return s.Change.Apply.Manifest["metadata"].(map[string]any)["labels"].(map[string]any)
}

// labelled is a patch that sets a label.
func labelled(label, value string) map[string]any {
	return map[string]any{"metadata": map[string]any{"labels": map[string]any{label: value}}}
}
