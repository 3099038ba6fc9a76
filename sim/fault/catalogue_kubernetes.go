package fault

var kubernetesFaults = []Spec{
	{
		Name:        "component-oom",
		Description: "The containers of a part of KOF are killed for memory again and again.",
		Targets:     []Kind{Component},
		Effect: "Pods of {name} on {cluster} end with OOMKilled and are restarted with back-off: kube_pod_container_status_last_terminated_reason says so, and while " +
			"they are down what they do is not done.",
		Providers: embedded("the containers of the component's pods are killed (annotation koflab.dev/fault)"),
	},
	{
		Name:        "pod-crash-loop",
		Description: "The containers of a workload fail right after they start.",
		Targets:     []Kind{Workload},
		Parameters: []Parameter{
			{Name: "reason", Description: "what goes wrong", Type: Choice, Default: "crash-loop", Values: []string{"crash-loop", "oom", "image-pull-error", "not-ready"}},
		},
		Effect:    "New pods of {target} do not become ready ({reason}): kube_pod_container_status_waiting_reason and the restarts show it, and the workload's roll-out stops.",
		Providers: embedded("the containers of the workload's pods fail (annotation koflab.dev/fault)"),
	},
	{
		Name:        "node-not-ready",
		Description: "A node's kubelet does not report any more.",
		Targets:     []Kind{Node},
		Effect: "{name} of {cluster} becomes NotReady, is tainted unreachable, and after the tolerations of its pods (5m) they are evicted and start elsewhere, if there is room. " +
			"kube_node_status_condition tells.",
		Providers: embedded("the node's kubelet is silent (annotation koflab.dev/fault)"),
	},
	{
		Name:        "quota-exceeded",
		Description: "A namespace has a ResourceQuota that leaves no room for more pods.",
		Targets:     []Kind{Workload},
		Parameters: []Parameter{
			{Name: "pods", Description: "how many the quota allows", Type: Count, Default: "0", Min: "0", Max: "10000"},
			{Name: "delete", Description: "how many pods of the workload are deleted, to be replaced in vain", Type: Count, Default: "1", Min: "0", Max: "10000"},
		},
		Effect: "The namespace of {target} may have {pods} pods: {delete} of {name} are deleted, and their replacements are refused (\"exceeded quota\") until it is healed. " +
			"Those that run go on; kube_resourcequota shows used against hard.",
		Providers: embedded("a ResourceQuota in the workload's namespace, and pods are deleted"),
	},
	{
		Name:        "config-drift",
		Description: "Somebody edits by hand an object that KOF's charts own.",
		Targets:     []Kind{Workload},
		Parameters: []Parameter{
			{Name: "replicas", Description: "what the workload's replicas are set to", Type: Count, Default: "0", Min: "0", Max: "100"},
		},
		Effect: "{target} has {replicas} replicas, other than its chart says, until Sveltos looks for drift (every 10m) and puts it back: event DriftCorrected. " +
			"The telemetry of what it does has a gap until then.",
		Providers: embedded("spec.replicas of the workload is changed behind Sveltos' back"),
	},
}
