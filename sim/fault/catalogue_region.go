package fault

var stores = []string{"metrics", "logs", "audit", "traces"}

var regionFaults = []Spec{
	{
		Name:        "region-down",
		Description: "A region is off the network: all of its listeners are closed.",
		Targets:     []Kind{Region},
		Effect: "Queries through management lose {target} and the clusters stored there, silently with error mode ignore; their collectors queue and retry for 5m, " +
			"and what has waited longer is dropped. What is stored is kept.",
		Providers: embedded("the region's listeners are closed"),
	},
	{
		Name:        "region-crash",
		Description: "A region's stores are killed, unclean, and start again when healed.",
		Targets:     []Kind{Region},
		Effect: "As region-down, and what {target} had acknowledged but not yet written to disk is lost: the flow of its stores shows it as dropped, reason crash. " +
			"Nothing sends it again.",
		Providers: embedded("the stores are reopened from what was on disk, or their process is killed; the listeners stay closed until healed"),
	},
	{
		Name:        "management-down",
		Description: "The management cluster is away: no federated query, and its own collectors stop.",
		Targets:     []Kind{Management},
		Effect: "No federated query is answered, and management's own telemetry stops. Regions and children do not notice: " +
			"they go on storing, and each region still answers by itself.",
		Providers: embedded("management's read services, collectors and API server are stopped"),
	},
	{
		Name:        "child-down",
		Description: "A child cluster is away: its collectors and its API server.",
		Targets:     []Kind{Child},
		Effect: "No telemetry of {target} arrives: its series go stale after 5m and then the cluster is missing without any error. " +
			"When it is back, what waited in its queues on disk arrives, and the log files of the time between are read; metrics and spans of that time are lost.",
		Providers: embedded("the child's collectors are killed and its API server is closed"),
	},
	{
		Name:        "storage-replica-lost",
		Description: "Replicas of a region's storage are gone.",
		Targets:     []Kind{Region},
		Parameters: []Parameter{
			{Name: "store", Description: "whose replicas", Type: Choice, Default: "metrics", Values: []string{"metrics", "logs", "traces"}},
		},
		Intensity: "the share of the replicas that is lost, at least one; 1 loses all",
		Effect: "The pods of the {store} storage of {target} are not ready. As long as one is, everything is stored and answered " +
			"(an embedded store has one copy behind all replicas); with none writes are answered 503 and retried, and reads fail.",
		Providers: embedded("the containers of storage pods fail (annotation koflab.dev/fault)"),
	},
	{
		Name:        "disk-full",
		Description: "A region's storage has no disk space left and turns read-only.",
		Targets:     []Kind{Region},
		Parameters: []Parameter{
			{Name: "store", Description: "whose disk", Type: Choice, Default: "metrics", Values: append([]string{"all"}, stores...)},
		},
		Effect: "Writes to the {store} storage of {target} are refused as VictoriaMetrics does when read-only, and collectors retry them for 5m; " +
			"what is stored is still answered.",
		Providers: embedded("the stores refuse writes"),
	},
	{
		Name:        "certificate-expired",
		Description: "A region's gateway presents a certificate that has expired.",
		Targets:     []Kind{Region},
		Effect: "Clients refuse {target}: \"certificate has expired or is not yet valid\". Collectors retry for 5m; queries through management lose the region " +
			"just as if it were down.",
		Providers: embedded("the gateway presents another certificate, of the lab's own CA"),
	},
	{
		Name:        "certificate-wrong-ca",
		Description: "A region's gateway presents a certificate that another CA has signed.",
		Targets:     []Kind{Region},
		Effect: "Clients refuse {target}: \"certificate signed by unknown authority\". Collectors retry for 5m; queries through management lose the region " +
			"just as if it were down.",
		Providers: embedded("the gateway presents another certificate, of a CA made for it"),
	},
}

var credentialFaults = []Spec{
	{
		Name:        "wrong-credentials",
		Description: "A cluster's collectors have a password that its region does not know.",
		Targets:     []Kind{Child},
		Parameters: []Parameter{
			{Name: "password", Description: "the wrong one", Type: Text, Default: "wrong"},
		},
		Effect: "Writes of {target} are answered 401 and dropped without retry: its series go stale after 5m, the gateway counts unauthorized requests. " +
			"Healing restores from then on; what was dropped stays lost.",
		Providers: embedded("a value of kof-collectors in the ClusterDeployment, as a platform team would set it"), Needs: "a lab with --network ingress: the mesh has no passwords",
	},
	{
		Name:        "rotated-credentials",
		Description: "A cluster's password is rotated in the Secret on management, which reaches both sides.",
		Targets:     []Kind{Child},
		Parameters: []Parameter{
			{Name: "password", Description: "the new one", Type: Text, Default: "rotated"},
		},
		Effect: "The collectors of {target} roll with the new password while the gateway takes it over; what they send in between is answered 401 and dropped. " +
			"Afterwards the old password is refused. Healing rotates back.",
		Providers: embedded("the Secret on management, which kof-operator hands to both sides"), Needs: "a lab with --network ingress: the mesh has no passwords",
	},
}
