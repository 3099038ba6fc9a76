package fault

var clusterFaults = []Spec{
	{
		Name:        "collector-killed",
		Description: "A cluster's collectors are killed (SIGKILL) and their pods deleted; others take their place.",
		Targets:     []Kind{Cluster},
		Effect: "Metrics in memory of {target} are lost (dropped, reason killed), logs and spans in the queues on disk are sent after the restart, log files are read " +
			"from where they were. The metrics have a gap as long as the restart.",
		Once: true, Providers: embedded("the collectors' pods are deleted without grace"),
	},
	{
		Name:        "queue-too-small",
		Description: "The sending queues of a cluster's collectors hold very few batches.",
		Targets:     []Kind{Cluster},
		Parameters: []Parameter{
			{Name: "size", Description: "batches that each queue holds", Type: Count, Default: "2", Min: "1", Max: "1000"},
		},
		Effect: "The collectors of {target} restart with queues of {size} batches. Nothing is seen while their region answers; when it is away, " +
			"what does not fit is dropped at once (reason queue_full), so the gap is at the end of the outage.",
		Providers: embedded("a value of kof-collectors in the ClusterDeployment, as a platform team would set it"),
	},
	{
		Name:        "clock-skew",
		Description: "The clock of a cluster's nodes is off, and so are the timestamps of its telemetry.",
		Targets:     []Kind{Cluster},
		Parameters: []Parameter{
			{Name: "skew", Description: "by how much the clock is ahead; negative for behind", Type: Duration, Default: "-10m", Min: "-720h", Max: "720h"},
		},
		Intensity: "scales the skew",
		Effect: "Telemetry of {target} is stamped {skew} off. Behind by more than 5m an instant query misses it and a range query shows it; " +
			"samples more than 2 days ahead are refused by the storage.",
		Providers: embedded("the collectors stamp what they scrape and read with another clock"),
	},
	{
		Name:        "duplicate-cluster-name",
		Description: "A cluster's collectors say that it is another cluster.",
		Targets:     []Kind{Cluster},
		Parameters: []Parameter{
			{Name: "other", Description: "the cluster whose name it takes", Type: Text, Required: true},
		},
		Effect: "Telemetry of {target} is labelled as that of {other}: sums by cluster count both as {other}, and the cluster variable of dashboards shows one entry. " +
			"Where namespace and region are the same too, the two write the same series.",
		Providers: embedded("a value of kof-collectors in the ClusterDeployment, as a platform team would set it"),
	},
}

var telemetryFaults = []Spec{
	{
		Name:        "cardinality-explosion",
		Description: "A new target of a cluster exposes very many series.",
		Targets:     []Kind{Cluster},
		Parameters: []Parameter{
			{Name: "series", Description: "how many", Type: Count, Default: "10000", Min: "1", Max: "1000000"},
			{Name: "label", Description: "the label with a value for each", Type: Text, Default: "request_id"},
		},
		Intensity: "scales the number of series",
		Effect: "{target} writes {series} more series at every scrape, one for each value of {label} of koflab_exploded_requests_total: its samples, the region's active series and " +
			"the time of queries over all of them grow by as much. They go stale when it is healed; the index keeps them.",
		Providers: embedded("the collectors scrape one more target"),
	},
	{
		Name:        "churn-storm",
		Description: "The series of a new target of a cluster are replaced again and again, as pods are in a restart loop.",
		Targets:     []Kind{Cluster},
		Parameters: []Parameter{
			{Name: "series", Description: "how many at a time", Type: Count, Default: "1000", Min: "1", Max: "100000"},
			{Name: "every", Description: "how often all are replaced", Type: Duration, Default: "1m", Min: "1s", Max: "24h"},
		},
		Intensity: "scales the number of series",
		Effect: "{target} writes {series} series of koflab_churned_requests_total whose pod label changes every {every}: at any instant there are as many, " +
			"over time the index holds a multiple, and range queries read them all.",
		Providers: embedded("the collectors scrape one more target"),
	},
	{
		Name:        "label-collision",
		Description: "A new target of a cluster exposes labels that the scrape adds itself.",
		Targets:     []Kind{Cluster},
		Parameters: []Parameter{
			{Name: "cluster", Description: "the value of its own cluster label", Type: Text, Default: "elsewhere"},
			{Name: "honor", Description: "what wins, as honor_labels of the scrape configuration", Type: Choice, Default: "false", Values: []string{"false", "true"}},
		},
		Effect: "koflab_collided_requests_total of {target} brings job, instance and cluster labels of its own. With honor_labels false job and instance are the scrape's and its own " +
			"become exported_job and exported_instance; with true its own stay. Its own cluster label wins in any case, so its series are found under cluster {cluster}.",
		Providers: embedded("the collectors scrape one more target"),
	},
	{
		Name:        "duplicate-scrape",
		Description: "Targets of a cluster are scraped twice, as by annotation and ServiceMonitor.",
		Targets:     []Kind{Cluster},
		Parameters: []Parameter{
			{Name: "job", Description: "the job whose targets are scraped again", Type: Text, Default: "kube-state-metrics"},
			{Name: "second", Description: "the job label of the second scrape", Type: Text, Default: "duplicate"},
		},
		Effect: "The metrics of job {job} of {target} are there twice, with two values of job: sum() doubles, and joins on(...) that were one to one fail with " +
			"\"many-to-many matching not allowed\".",
		Providers: embedded("the collectors scrape the job's targets again"),
	},
}
