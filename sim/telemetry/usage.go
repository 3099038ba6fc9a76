package telemetry

import (
	"koflab/sim/inventory"
)

// instance is a container of a running pod: what uses CPU and memory, logs and
// restarts.
type instance struct {
	pod       *inventory.Pod
	container *inventory.Container
	node      int32
	started   float64 // first process, seconds since the epoch
	restarts  *restarts
	cpu       flow    // cores
	memory    float64 // mean working set, bytes
	memWave   uint8
	receive   flow // bytes per second
	transmit  flow
	read      flow
	write     flow
}

// Shares of a container's requests. With the waves' peak on top use stays below
// requests, and as requests fit the node's allocatable part, containers and system
// together fit the node at every instant.
const (
	cpuShareMin, cpuShareMax       = 0.20, 0.60
	memoryShareMin, memoryShareMax = 0.50, 0.85
	memorySwing                    = 0.15 // of the mean, times the wave
)

func newInstance(g *Generator, p *inventory.Pod, container int, node int32) instance {
	c := &p.Workload.Containers[container]
	seed := g.seed.Of("instance", p.UID, c.Name)
	started := p.Created
	w := uint8(1 + seed.Of("wave").Below(waves-1))
	if p.Workload.App {
		w = trafficWave
	}
	bytes := seed.Of("network").Between(400, 6000)
	disk := seed.Of("disk").Between(50, 800)
	if p.Workload.VolumeBytes > 0 {
		disk *= 20
	}
	return instance{
		pod: p, container: c, node: node,
		started:  g.seconds(started.UnixNano()),
		restarts: newRestarts(seed, started, p.Workload.App),
		cpu:      flow{c.Requests.CPU * seed.Of("cpu").Between(cpuShareMin, cpuShareMax), w},
		memory:   float64(c.Requests.Memory) * seed.Of("memory").Between(memoryShareMin, memoryShareMax),
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
	return m
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
