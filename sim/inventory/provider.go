package inventory

import "fmt"

// machine is a size of node that a cloud offers.
type machine struct {
	name   string
	arch   string
	cores  int
	gib    int
	hourly float64 // US dollars on demand in the cheapest region; 0 = OpenCost's defaults
}

// provider is what differs between clouds in the eyes of KOF.
type provider struct {
	location   string // where a cluster is that does not say
	sizes      []machine
	spot       bool
	disk       string
	zone       func(location string, i int) string
	providerID func(n *Node, s Seed) string
}

func zoneLetter(location string, i int) string { return location + string(rune('a'+i%3)) }
func zoneNumber(location string, i int) string { return fmt.Sprintf("%s-%d", location, 1+i%3) }
func zoneNova(string, int) string              { return "nova" }

// onPremises are sizes without a price list: OpenCost falls back to its defaults.
func onPremises(prefix string) []machine {
	sizes := make([]machine, 0, 6)
	for cores := 2; cores <= 64; cores *= 2 {
		sizes = append(sizes, machine{fmt.Sprintf("%s.%dx%d", prefix, cores, 4*cores), "amd64", cores, 4 * cores, 0})
	}
	return sizes
}

var providers = map[string]*provider{
	"aws": {
		location: "us-east-2", spot: true, disk: "gp3", zone: zoneLetter,
		sizes: []machine{
			{"m5.large", "amd64", 2, 8, .096}, {"m5.xlarge", "amd64", 4, 16, .192}, {"m5.2xlarge", "amd64", 8, 32, .384},
			{"m5.4xlarge", "amd64", 16, 64, .768}, {"m5.8xlarge", "amd64", 32, 128, 1.536}, {"m5.16xlarge", "amd64", 64, 256, 3.072},
		},
		providerID: func(n *Node, s Seed) string { return "aws:///" + n.Zone + "/i-0" + s.Of("instance").Hex(16) },
	},
	"azure": {
		location: "westus2", spot: true, disk: "premium", zone: zoneNumber,
		sizes: []machine{
			{"Standard_D2s_v5", "amd64", 2, 8, .096}, {"Standard_D4s_v5", "amd64", 4, 16, .192}, {"Standard_D8s_v5", "amd64", 8, 32, .384},
			{"Standard_D16s_v5", "amd64", 16, 64, .768}, {"Standard_D32s_v5", "amd64", 32, 128, 1.536}, {"Standard_D64s_v5", "amd64", 64, 256, 3.072},
		},
		providerID: func(n *Node, s Seed) string {
			return "azure:///subscriptions/" + s.Of("subscription").UUID() + "/resourceGroups/kof/providers/Microsoft.Compute/virtualMachines/" + n.Name
		},
	},
	"openstack": {
		location: "RegionOne", disk: "cinder", zone: zoneNova, sizes: onPremises("m1"),
		providerID: func(_ *Node, s Seed) string { return "openstack:///" + s.Of("instance").UUID() },
	},
	"vsphere": {
		location: "dc0", disk: "vsan", zone: zoneNumber, sizes: onPremises("vm"),
		providerID: func(_ *Node, s Seed) string { return "vsphere://" + s.Of("instance").UUID() },
	},
	"docker": {
		location: "local", disk: "local", zone: zoneNumber, sizes: onPremises("docker"),
		providerID: func(n *Node, _ Seed) string { return "docker:////" + n.Name },
	},
}

// adopted stands for clusters KOF did not make: adopted, remote, or no cloud named.
var adopted = &provider{
	location: "on-premises", disk: "local", zone: zoneNumber, sizes: onPremises("bare"),
	providerID: func(n *Node, _ Seed) string { return "k0s://" + n.Name },
}

func providerOf(cloud string) *provider {
	if p := providers[cloud]; p != nil {
		return p
	}
	return adopted
}
