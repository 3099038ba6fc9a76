package fault

// embedded is how koflab's own engines do what no other provider can.
func embedded(how string) []Means { return []Means{{Provider: Embedded, How: how}} }

// edges are what faults of the network strike: one direction of dialing, or all
// links of a cluster, whoever dials.
var edges = []Kind{Link, Cluster}

var networkFaults = []Spec{
	{
		Name:        "partition",
		Description: "All packets of a link vanish.",
		Targets:     edges,
		Effect: "Connections over {target} hang: new ones time out after 30s, established ones stall. Collectors that write over it keep what they have " +
			"in their queues and retry for 5m; queries through management wait for the region and then do without it.",
		Providers: embedded("the lab's network holds all packets of the link"),
	},
	{
		Name:        "latency",
		Description: "Every round trip over a link takes longer.",
		Targets:     edges,
		Parameters: []Parameter{
			{Name: "latency", Description: "added to each round trip", Type: Duration, Default: "200ms", Min: "0s", Max: "10m"},
			{Name: "jitter", Description: "added on top, evenly from zero to this", Type: Duration, Default: "0s", Min: "0s", Max: "10m"},
		},
		Intensity: "scales latency and jitter",
		Effect: "Each request over {target} takes {latency} longer. A federated query takes as long as its slowest region; writes arrive late by as much, " +
			"and beyond 5s for metrics and 30s for logs and traces they time out and are sent again.",
		Providers: embedded("the lab's network holds each packet that the dialing side sends"),
	},
	{
		Name:        "loss",
		Description: "A link loses packets, which TCP sends again.",
		Targets:     edges,
		Parameters: []Parameter{
			{Name: "probability", Description: "of losing a packet, either way", Type: Number, Default: "0.1", Min: "0", Max: "0.99"},
		},
		Intensity: "scales the probability",
		Effect:    "Requests over {target} are delayed by retransmissions: 200ms for the first, doubling. No record is lost by it.",
		Providers: embedded("the lab's network holds packets as long as TCP would take to send them again, drawn from the lab's seed"),
	},
	{
		Name:        "bandwidth",
		Description: "A link carries only so many bytes per second.",
		Targets:     edges,
		Parameters: []Parameter{
			{Name: "rate", Description: "bytes per second and direction, shared by all connections", Type: Bytes, Default: "64KiB", Min: "64", Max: "1GB"},
		},
		Intensity: "1 is the rate, half of it twice the rate",
		Effect: "What goes over {target} shares {rate} a second. Writes that need longer than their timeout (5s metrics, 30s logs and traces) fail and are retried, " +
			"so a rate below what is produced fills the queues and ends in drops.",
		Providers: embedded("the lab's network meters the bytes of each direction"),
	},
	{
		Name:        "slow-drip",
		Description: "A link lets bytes through one small piece at a time.",
		Targets:     edges,
		Parameters: []Parameter{
			{Name: "rate", Description: "bytes per second and direction", Type: Bytes, Default: "128", Min: "16", Max: "16KiB"},
		},
		Intensity: "1 is the rate, half of it twice the rate",
		Effect: "Connections over {target} open and never break, but {rate} a second get through: requests run into their timeouts instead of failing at once, " +
			"and a query waits for the region as long as it may.",
		Providers: embedded("the lab's network meters the bytes of each direction"),
	},
	{
		Name:        "reset",
		Description: "Connections over a link are reset, new ones at once.",
		Targets:     edges,
		Effect: "Connections over {target} end with \"connection reset by peer\". Collectors retry with back-off for 5m; " +
			"queries through management fail for that region at once instead of waiting.",
		Providers: embedded("the lab's network resets the connections of the link"),
	},
	{
		Name:        "dns-missing",
		Description: "The names of a region's gateway are not in DNS.",
		Targets:     []Kind{Region},
		Parameters: []Parameter{
			{Name: "connections", Description: "established connections do not need the name: close them, or keep them until they end", Type: Choice, Default: "close", Values: []string{"close", "keep"}},
		},
		Effect: "Collectors that store in {target} log \"no such host\" and retry for 5m; queries through management lose it. " +
			"The region itself is well: asked by its address it answers.",
		Providers: embedded("the lab's network forgets the names"), Needs: "a region with an ingress name",
	},
}
