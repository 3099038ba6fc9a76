package runner_test

import (
	"time"

	"koflab/scenarios"
	"koflab/topology"
)

// accessMutations are those of who may come in, and of ways to a region that are shut.
var accessMutations = map[string][]mutation{
	"tenant-isolation": {
		{
			off: "the gateway's query arguments of tenant-a's user",
			mutate: func(s *scenarios.Scenario) {
				insert(s, 0, patchOf("r1", "vmusers", "kof", "kof-vmuser-3382643776", openUser()))
			},
			fails: []string{"tenant-a's user sees tenant-a", "asking for another tenant finds nothing", "nor does an argument help"},
		},
		{
			off:    "tenants as different labels of the children",
			mutate: func(s *scenarios.Scenario) { s.Lab.Spec.Children[0].Tenant = "tenant-b" },
			fails: []string{
				"tenant-a's user sees tenant-a", "asking for another tenant finds nothing", "nor does an argument help",
				"the administrator sees all; a region's own data have no tenant",
			},
		},
	},
	"path-and-credential-matrix": {
		{
			off: "the child's user at the gateway",
			mutate: func(s *scenarios.Scenario) {
				insert(s, 0, patchOf("region-1", "vmusers", "kof", childUser, map[string]any{"spec": map[string]any{"username": "another"}}))
			},
			fails: []string{"with credentials it is 400, missing route"},
		},
		{
			off: "the store behind vm/select",
			mutate: func(s *scenarios.Scenario) {
				insert(s, 2, step(inject("component-oom", "region-1:vmselect-cluster")), scenarios.Step{Run: topology.Duration(time.Second)})
			},
			fails: []string{"metrics"},
		},
	},
	"region-down-is-silent": {
		{
			off:    "ignore_error of the server groups",
			mutate: func(s *scenarios.Scenario) { s.Lab.ErrorMode = "fail" },
			fails:  []string{"its children are in no answer any more", "the bill got smaller by half the clusters", "promxy answers 200, with no word of it", "logs of its children are missing too"},
		},
		{
			off:    "silence: errors become warnings",
			mutate: func(s *scenarios.Scenario) { s.Lab.ErrorMode = "downgrade" },
			fails:  []string{"promxy answers 200, with no word of it"},
		},
	},
	"management-down": {
		{
			off: "the outage",
			mutate: func(s *scenarios.Scenario) {
				s.Steps[1].Inject.Fault, s.Steps[1].Inject.Target, s.Steps[1].Inject.As = "latency", "mothership->region-1", "management-down"
			},
			fails: []string{"the federation does not answer"},
		},
		{
			off:    "the region's independence of others' outages",
			mutate: func(s *scenarios.Scenario) { insert(s, 2, step(inject("region-down", "region-1"))) },
			fails: []string{
				"the region does, with the child's data of just now", "the child's user reads it too",
				"nothing is lost, and what waits is the batch of this second",
			},
		},
	},
	"wrong-child-password": {
		{
			off:    "401: the region is away instead, which is retried",
			mutate: func(s *scenarios.Scenario) { insert(s, 2, step(inject("region-down", "region-1"))) },
			fails: []string{
				"the child is in no answer any more", "all is dropped as 401, nothing waits but the batch of this second",
				"metrics, logs and traces alike", "the collector says whom it should be told by",
			},
		},
		{
			off: "refusal: the password is rotated on both sides",
			mutate: func(s *scenarios.Scenario) {
				s.Steps[1].Inject = inject("rotated-credentials", "child-1")
				s.Steps[1].Inject.As = "wrong-credentials"
			},
			fails: []string{
				"the child is in no answer any more", "metrics, logs and traces alike", "its own counter of failures rises",
			},
		},
	},
	"secret-rotation": {
		{
			off:    "the child's way to the Secret: its values have a password of their own",
			mutate: func(s *scenarios.Scenario) { insert(s, 0, step(inject("wrong-credentials", "child-1"))) },
			fails:  []string{"the gateway takes it", "the child's collectors send with it"},
		},
		{
			off:    "the second rotation",
			mutate: func(s *scenarios.Scenario) { drop(s, 4) },
			fails:  []string{"the old password is refused", "the new one is not"},
		},
	},
	"default-tenant": {
		{
			off:    "the default: the child has a tenant of its own",
			mutate: func(s *scenarios.Scenario) { s.Lab.Spec.Children[1].Tenant = "tenant-b" },
			fails: []string{
				"the labelled child has its tenant, the other PLATFORM, the region none", "a count by tenant has a row without one", "logs have the same",
			},
		},
	},
	"m2m": {
		{
			off:    "M2M",
			mutate: func(s *scenarios.Scenario) { s.Lab.Spec.ManagementData = topology.ManagementDataM2R },
			fails:  []string{"management is stored by itself, the child by its region", "there is a server group for each", "management's logs are its own too"},
		},
	},
	"m2r": {
		{
			off:    "M2R",
			mutate: func(s *scenarios.Scenario) { s.Lab.Spec.ManagementData = topology.ManagementDataM2M },
			fails:  []string{"management is in region-1", "the server groups are the regions"},
		},
		{
			off:    "the outage of the region that has management's data",
			mutate: func(s *scenarios.Scenario) { s.Steps[2].Inject.Target = "region-2" },
			fails:  []string{"management sees region-2, and not itself", "what it observes of itself waits in its collectors"},
		},
	},
	"regionless": {
		{
			off: "regionless: there is a region, and management stores beside it",
			mutate: func(s *scenarios.Scenario) {
				spec := presetOf("regionless")
				spec.ManagementData, spec.Regions = topology.ManagementDataM2M, []topology.Region{{Name: "region-1"}}
				s.Lab.Preset, s.Lab.Spec = "", spec
			},
			fails: []string{
				"management and the children are stored by management", "it is the only server group",
				"children come in by management's gateway, and see the children's tenant alone",
			},
		},
	},
	"istio-mode": {
		{
			off:    "the mesh",
			mutate: func(s *scenarios.Scenario) { s.Lab.Spec.Network = topology.NetworkIngress },
			fails:  []string{"by http and its name in the mesh, without a password"},
		},
		{
			off:    "the stop of the gateway",
			mutate: func(s *scenarios.Scenario) { s.Steps[2].Change.Scale.Replicas = 1 },
			fails:  []string{"metrics, logs and traces of the child wait", "the federation misses the region"},
		},
	},
	"wrong-ca": {
		{
			off:    "verification: management skips it from the beginning",
			mutate: func(s *scenarios.Scenario) { insert(s, 0, s.Steps[5]) },
			fails:  []string{"region-2 is missing, and nothing says so"},
		},
		{
			off: "the cause: the region is away",
			mutate: func(s *scenarios.Scenario) {
				s.Steps[1].Inject.Fault, s.Steps[1].Inject.As = "region-down", "certificate-wrong-ca"
			},
			fails: []string{
				"a direct probe says what it is", "so does the explain record", "inside the region all is well, it answers for itself",
			},
		},
	},
	"dns-host-missing": {
		{
			off:    "names: the link is cut instead",
			mutate: func(s *scenarios.Scenario) { s.Steps[1].Inject.Fault = "region-down" },
			fails: []string{
				"the child's collectors say why", "the name resolves on the child as little as on management",
				"by its address the gateway answers", "the region's own collectors do not need the name",
			},
		},
		{
			off:    "retries: the child's queues are too small",
			mutate: func(s *scenarios.Scenario) { insert(s, 0, step(inject("queue-too-small", "child-1"))) },
			fails:  []string{"they keep what they have"},
		},
	},
	"certificate-expired": {
		{
			off: "expiry: another CA has signed",
			mutate: func(s *scenarios.Scenario) {
				s.Steps[1].Inject.Fault, s.Steps[1].Inject.As = "certificate-wrong-ca", "certificate-expired"
			},
			fails: []string{"management", "the child's collectors, for all signals", "and whoever asks directly"},
		},
		{
			off: "the end of retries: the child's collectors never give up",
			mutate: func(s *scenarios.Scenario) {
				s.Lab.Spec = presetOf("minimal")
				s.Lab.Preset, s.Lab.Spec.Children[0].Collector.RetryMaxElapsed = "", topology.Duration(time.Hour)
			},
			fails: []string{"the oldest batches have been given up"},
		},
	},
	"query-semantics": {
		{
			off:    "the difference: regions answer as Prometheus would",
			mutate: func(s *scenarios.Scenario) { s.Lab.Semantics = "prometheus" },
			fails:  []string{"the region's graph ends where the samples end", "so does the federation's, which asks it", "an increase of whole steps is whole"},
		},
		{
			off:    "the child's end",
			mutate: func(s *scenarios.Scenario) { s.Steps[1].Inject.For = topology.Duration(time.Minute) },
			fails:  []string{"the region's graph ends where the samples end", "so does the federation's, which asks it"},
		},
	},
	"federation-asks-no-one": {
		{
			off: "the federation's right to all: its user of the gateway is another",
			mutate: func(s *scenarios.Scenario) {
				insert(s, 0, patchOf("r1", "vmusers", "kof", adminUser, map[string]any{"spec": map[string]any{"username": "another"}}))
			},
			fails: []string{"whoever reaches promxy sees every tenant", "and every tenant's logs", "and may ask for one that is not his"},
		},
		{
			off:    "the gateway's authentication, which promxy lacks: management is down",
			mutate: func(s *scenarios.Scenario) { insert(s, 2, step(inject("management-down", "mothership"))) },
			fails:  []string{"whoever reaches promxy sees every tenant", "and every tenant's logs", "and may ask for one that is not his"},
		},
	},
	"region-crash": {
		{
			off:    "the crash: the region is off the network and its stores go on",
			mutate: func(s *scenarios.Scenario) { s.Steps[1].Inject.Fault = "region-down" },
			fails:  []string{"the stores started from what was on disk, and say what is lost", "the region's record counts it, seconds' worth"},
		},
	},
}

// presetOf is a preset to be changed.
func presetOf(name string) *topology.Lab {
	lab, err := topology.Preset(name)
	if err != nil {
		panic(err)
	}
	return lab
}

// childUser is the gateway's user of child-1 of namespace kcm-system, by KOF's rule for names.
const childUser = "kof-vmuser-153751006"

// adminUser is management's user of the gateway of r1.
const adminUser = "kof-vmuser-admin-912328269"

func inject(fault, target string) *scenarios.Inject {
	return &scenarios.Inject{Fault: fault, Target: target}
}

func step(i *scenarios.Inject) scenarios.Step { return scenarios.Step{Inject: i} }

func patchOf(cluster, resource, namespace, name string, patch map[string]any) scenarios.Step {
	return scenarios.Step{Change: &scenarios.Change{Patch: &scenarios.Patch{
		ObjectRef: scenarios.ObjectRef{Cluster: cluster, Resource: resource, Namespace: namespace, Name: name}, Patch: patch,
	}}}
}

// openUser are the routes of a user of the gateway without the arguments that confine
// them to a tenant.
func openUser() map[string]any {
	route := func(path, to string) any {
		return map[string]any{"paths": []any{path}, "drop_src_path_prefix_parts": 1, "static": map[string]any{"url": "http://" + to}}
	}
	return map[string]any{"spec": map[string]any{"targetRefs": []any{
		route("/vm/insert/.*", "vminsert-cluster:8480"), route("/vm/select/.*", "vmselect-cluster:8481"),
		route("/vli/.*", "kof-storage-victoria-logs-single-server:9428"), route("/vls/.*", "kof-storage-victoria-logs-single-server:9428"),
	}}}
}
