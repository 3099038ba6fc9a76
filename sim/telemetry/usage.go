package telemetry

import (
	"koflab/sim/inventory"
)

// instance is a running container: what uses CPU and memory, logs and restarts.
type instance struct {
	pod       *inventory.Pod
	container *inventory.State
	first     bool // of its pod's running containers
	node      int32
	began     int64   // first process, Unix nanoseconds
	started   float64 // the same, seconds since the epoch
	restarts  *restarts
	cpu       flow    // cores
	memory    float64 // mean working set, bytes
	memWave   uint8
	receive   flow // bytes per second
	transmit  flow
	read      flow
	write     flow
}

// key tells the instances of a cluster apart over time.
func (i *instance) key() string { return i.pod.UID + "/" + i.container.Name }

// Shares of what a container may need. With the waves' peak on top use stays below
// its share, and as the shares fit the node's allocatable part, containers and
// system together fit the node at every instant.
const (
	cpuShareMin, cpuShareMax       = 0.20, 0.60
	memoryShareMin, memoryShareMax = 0.50, 0.85
	memorySwing                    = 0.15 // of the mean, times the wave
)

func newInstance(g *Generator, p *inventory.Pod, c *inventory.State, node int32) instance {
	seed := g.seed.Of("instance", p.UID, c.Name)
	w := uint8(1 + seed.Of("wave").Below(waves-1))
	if p.Workload.App {
		w = trafficWave
	}
	bytes := seed.Of("network").Between(400, 6000)
	disk := seed.Of("disk").Between(50, 800)
	if len(p.Volumes) > 0 {
		disk *= 20
	}
	share, room := c.Share(), &g.machines[node]
	began := c.Started.UnixNano()
	return instance{
		pod: p, container: c, node: node,
		began: began, started: g.seconds(began),
		restarts: newRestarts(seed, began, p.Workload.App && c.Restarts == 0),
		cpu:      flow{share.CPU * room.cpuScale * seed.Of("cpu").Between(cpuShareMin, cpuShareMax), w},
		memory:   float64(share.Memory) * room.memoryScale * seed.Of("memory").Between(memoryShareMin, memoryShareMax),
		memWave:  w,
		receive:  flow{bytes, w},
		transmit: flow{bytes * seed.Of("transmit").Between(0.4, 2.5), w},
		read:     flow{disk * 0.3, w},
		write:    flow{disk, w},
	}
}

// machine is a node in use: the sum of its containers and of what the system
// itself needs.
type machine struct {
	node                           *inventory.Node
	booted                         float64 // seconds since the epoch
	cpu                            mix     // cores in use
	cpuAtBoot                      float64
	memory                         mix // bytes in use
	receive, transmit, read, write mix
	atBoot                         struct{ receive, transmit, read, write float64 }
	running, containers            int
	// The scales are 1 unless what containers may need is more than the node has.
	cpuScale, memoryScale float64
}

func newMachine(g *Generator, n *inventory.Node) machine {
	m := machine{node: n, booted: g.seconds(n.Booted.UnixNano())}
	reserved := n.Reserved()
	w := uint8(1 + g.seed.Of("machine", n.UID).Below(waves-1))
	m.cpu.add(flow{reserved.CPU / (1 + peak) * 0.9, w})
	m.memory.constant = 0.8 * float64(reserved.Memory)
	m.receive.add(flow{4000, w})
	m.transmit.add(flow{3000, w})
	m.read.add(flow{2000, w})
	m.write.add(flow{9000, w})
	m.scale()
	return m
}

// scale makes room for containers that nobody asked whether they fit: those that
// request nothing, and those that were put on the node by name.
func (m *machine) scale() {
	var need inventory.Resources
	for _, p := range m.node.Pods {
		for i := range p.Containers {
			if share := p.Containers[i].Share(); p.Runs() {
				need.CPU += share.CPU
				need.Memory += share.Memory
			}
		}
	}
	room := m.node.Allocatable()
	m.cpuScale, m.memoryScale = 1, 1
	if need.CPU > room.CPU {
		m.cpuScale = room.CPU / need.CPU
	}
	if need.Memory > room.Memory {
		m.memoryScale = float64(room.Memory) / float64(need.Memory)
	}
}

func (m *machine) carry(i *instance) {
	m.cpu.add(i.cpu)
	m.memory.constant += i.memory
	m.memory.per[i.memWave] += i.memory * memorySwing
	m.receive.add(i.receive)
	m.transmit.add(i.transmit)
	m.read.add(i.read)
	m.write.add(i.write)
	m.containers++
}

// settle fixes the counters' zero at boot, once all containers are known.
func (m *machine) settle(g *Generator) {
	var boot moment
	boot.sec = m.booted
	for i := range g.waves {
		boot.level[i], boot.area[i] = g.waves[i].at(boot.sec)
	}
	m.cpuAtBoot = m.cpu.total(&boot)
	m.atBoot.receive = m.receive.total(&boot)
	m.atBoot.transmit = m.transmit.total(&boot)
	m.atBoot.read = m.read.total(&boot)
	m.atBoot.write = m.write.total(&boot)
}
