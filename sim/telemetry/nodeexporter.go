package telemetry

import (
	"cmp"
	"fmt"
	"strconv"

	"koflab/sim/inventory"
)

// cpuModes splits a core's busy time; idle and iowait share the rest.
var cpuModes = []struct {
	mode string
	part float64
}{{"user", .66}, {"system", .26}, {"softirq", .05}, {"irq", .03}, {"nice", 0}, {"steal", 0}}

// iowaitPart is the part of a core's spare time that waits for disks.
const iowaitPart = 0.008

// nodeExporterImage is the last part of the image's name.
const nodeExporterImage = "node-exporter"

// nodeExporter adds the target of a node's own metrics, if an exporter runs on it.
func (b *builder) nodeExporter(i int32) {
	self := b.g.running(nodeExporterImage, i)
	if self < 0 {
		return
	}
	n := b.g.machines[i].node
	p := b.g.instances[self].pod
	b.to("node-exporter", n.IP+":9100", 0, "endpoint", "metrics", "namespace", p.Namespace, "service", serviceOf(p),
		"container", b.g.instances[self].container.Name, "node", n.Name, "nodename", n.Name, "pod", p.Name)
	b.lives(ofNode, i)
	b.nodeCPU(i)
	b.nodeMemory(i)
	b.nodeFilesystem(i)
	b.nodeNetwork(i)
	b.nodeDisk(i)
	b.nodeSystem(i)
	b.process(self)
}

// anywhere stands for no machine in particular.
const anywhere = -1

// running finds the first running container of an image, by the last part of its
// name, on a machine; -1 for none.
func (g *Generator) running(image string, machine int32) int32 {
	for i := range g.instances {
		in := &g.instances[i]
		if (machine == anywhere || in.node == machine) && in.container.Image.Base() == image {
			return int32(i)
		}
	}
	return -1
}

// serviceOf is the service in front of a pod, or else what is behind the pod.
func serviceOf(p *inventory.Pod) string { return cmp.Or(p.Workload.Service, p.Workload.Name) }

// nodeCPU splits time in use over cores and modes; all modes of a core sum to the
// time since boot.
func (b *builder) nodeCPU(i int32) {
	m := &b.g.machines[i]
	share := 1 / float64(m.node.Cores)
	for cpu := range m.node.Cores {
		b.unit(core)
		name := strconv.Itoa(cpu)
		for _, p := range cpuModes {
			b.add("node_cpu_seconds_total", formula{eval: evalBusy, life: ofMachine, round: ticks, of: i, a: share * p.part}, "cpu", name, "mode", p.mode)
		}
		b.add("node_cpu_seconds_total", formula{eval: evalSpare, life: ofMachine, round: ticks, of: i, a: share, b: 1 - iowaitPart}, "cpu", name, "mode", "idle")
		b.add("node_cpu_seconds_total", formula{eval: evalSpare, life: ofMachine, round: ticks, of: i, a: share, b: iowaitPart}, "cpu", name, "mode", "iowait")
	}
}

// evalBusy is a part of the CPU seconds used since boot.
func evalBusy(m *moment, f *formula) float64 {
	n := &m.g.machines[f.of]
	return max(0, f.a*(n.cpu.total(m)-n.cpuAtBoot))
}

// evalSpare is a part of the CPU seconds not used since boot by one core.
func evalSpare(m *moment, f *formula) float64 {
	n := &m.g.machines[f.of]
	return max(0, f.b*(m.sec-n.booted-f.a*(n.cpu.total(m)-n.cpuAtBoot)))
}

// Of the memory that no process uses, parts are page cache and buffers.
const cachePart, bufferPart = 0.45, 0.03

func (b *builder) nodeMemory(i int32) {
	m := &b.g.machines[i]
	total := float64(m.node.Memory)
	unused := func(part float64) formula {
		return formula{of: i, a: part, round: kernelPage, eval: func(m *moment, f *formula) float64 {
			n := &m.g.machines[f.of]
			return f.a * (float64(n.node.Memory) - n.memory.level(m))
		}}
	}
	b.one(core, "node_memory_MemTotal_bytes", constant(total))
	b.one(core, "node_memory_MemAvailable_bytes", unused(1))
	b.one(core, "node_memory_MemFree_bytes", unused(1-cachePart-bufferPart))
	b.one(core, "node_memory_Buffers_bytes", unused(bufferPart))
	b.one(core, "node_memory_Cached_bytes", unused(cachePart))
	b.one(standard, "node_memory_Slab_bytes", constant(total/64))
	b.one(detail, "node_memory_SReclaimable_bytes", constant(total/96))
	b.one(standard, "node_memory_SwapTotal_bytes", constant(0))
	b.one(standard, "node_memory_SwapFree_bytes", constant(0))
}

// nodeFilesystem adds a root file system that is well below what alerts look for.
func (b *builder) nodeFilesystem(i int32) {
	m := &b.g.machines[i]
	size := float64(m.node.Disk)
	used := b.g.seed.Of("disk", m.node.UID).Between(0.3, 0.6)
	w := 1 + uint8(i)%(waves-1)
	disk := []string{"device", "/dev/sda1", "fstype", "ext4", "mountpoint", "/"}
	b.one(core, "node_filesystem_size_bytes", constant(size), disk...)
	b.one(core, "node_filesystem_avail_bytes", byteGauge(size*(1-used)*0.95, 0.02, w), disk...)
	b.one(standard, "node_filesystem_free_bytes", byteGauge(size*(1-used), 0.02, w), disk...)
	b.one(standard, "node_filesystem_files", constant(size/16384), disk...)
	b.one(standard, "node_filesystem_files_free", level(size/16384*0.9, 0.01, w), disk...)
	b.one(standard, "node_filesystem_readonly", constant(0), disk...)
}

// bytesPerPacket turns counters of bytes into counters of packets.
const bytesPerPacket = 620.0

// mixCount counts a mix since boot, scaled and whole; which selects the mix.
func mixCount(i int32, which uint8, scale float64) formula {
	return formula{eval: evalMix, life: ofMachine, round: whole, of: i, sub: which, a: scale}
}

const (
	mixReceive uint8 = iota
	mixTransmit
	mixRead
	mixWrite
)

func evalMix(m *moment, f *formula) float64 {
	n := &m.g.machines[f.of]
	var v float64
	switch f.sub {
	case mixReceive:
		v = n.receive.total(m) - n.atBoot.receive
	case mixTransmit:
		v = n.transmit.total(m) - n.atBoot.transmit
	case mixRead:
		v = n.read.total(m) - n.atBoot.read
	default:
		v = n.write.total(m) - n.atBoot.write
	}
	return max(0, f.a*v)
}

func (b *builder) nodeNetwork(i int32) {
	dev := []string{"device", "eth0"}
	b.one(core, "node_network_receive_bytes_total", mixCount(i, mixReceive, 1), dev...)
	b.one(core, "node_network_transmit_bytes_total", mixCount(i, mixTransmit, 1), dev...)
	b.one(standard, "node_network_receive_packets_total", mixCount(i, mixReceive, 1/bytesPerPacket), dev...)
	b.one(standard, "node_network_transmit_packets_total", mixCount(i, mixTransmit, 1/bytesPerPacket), dev...)
	for _, name := range []string{"node_network_receive_drop_total", "node_network_transmit_drop_total",
		"node_network_receive_errs_total", "node_network_transmit_errs_total"} {
		b.one(standard, name, constant(0), dev...)
	}
	b.one(detail, "node_network_up", constant(1), dev...)
}

func (b *builder) nodeDisk(i int32) {
	dev := []string{"device", "sda"}
	b.one(standard, "node_disk_read_bytes_total", mixCount(i, mixRead, 1), dev...)
	b.one(standard, "node_disk_written_bytes_total", mixCount(i, mixWrite, 1), dev...)
	b.one(standard, "node_disk_io_time_seconds_total", b.g.total(flow{0.01, 1}, b.g.machines[i].booted), dev...)
	b.one(detail, "node_disk_reads_completed_total", mixCount(i, mixRead, 1.0/16384), dev...)
	b.one(detail, "node_disk_writes_completed_total", mixCount(i, mixWrite, 1.0/16384), dev...)
}

func (b *builder) nodeSystem(i int32) {
	m := &b.g.machines[i]
	n := m.node
	w := 1 + uint8(i)%(waves-1)
	for _, l := range []struct {
		name   string
		factor float64
	}{{"node_load1", 1.1}, {"node_load5", 1.05}, {"node_load15", 1}} {
		b.one(standard, l.name, formula{of: i, a: l.factor, round: hundredth, eval: func(m *moment, f *formula) float64 {
			return f.a * m.g.machines[f.of].cpu.level(m)
		}})
	}
	b.one(core, "node_uname_info", constant(1), "nodename", n.Name, "release", n.Kernel, "machine", machineOf(n),
		"sysname", "Linux", "domainname", "(none)", "version", "#62-Ubuntu SMP")
	b.one(core, "node_boot_time_seconds", constant(float64(n.Booted.Unix())))
	b.one(standard, "node_time_seconds", now())
	b.one(standard, "node_timex_offset_seconds", gauge(2e-5, 3, w))
	b.one(detail, "node_timex_sync_status", constant(1))
	b.one(standard, "node_vmstat_pgmajfault", b.g.count(flow{0.3, w}, m.booted))
	b.one(standard, "node_filefd_allocated", level(1200+90*float64(m.containers), 0.05, w))
	b.one(standard, "node_filefd_maximum", constant(9.223372036854776e18))
	b.one(standard, "node_netstat_Tcp_CurrEstab", level(40+6*float64(m.containers), 0.2, w))
	b.one(detail, "node_context_switches_total", b.g.count(flow{900 + 300*float64(m.containers), w}, m.booted))
	b.one(detail, "node_intr_total", b.g.count(flow{500 + 150*float64(m.containers), w}, m.booted))
	b.one(detail, "node_forks_total", b.g.count(flow{2 + float64(m.containers)/4, w}, m.booted))
}

func machineOf(n *inventory.Node) string {
	if n.Arch == "arm64" {
		return "aarch64"
	}
	return "x86_64"
}

// process adds what every Go program says of itself.
func (b *builder) process(i int32) {
	in := &b.g.instances[i]
	b.one(standard, "process_cpu_seconds_total", b.g.ofProcess(i, in.cpu, millis))
	b.one(standard, "process_resident_memory_bytes", byteGauge(in.memory*residentPart, memorySwing, in.memWave))
	b.one(standard, "process_start_time_seconds", b.g.processStart(i))
	b.one(standard, "go_goroutines", level(40+in.memory/(4<<20), 0.1, in.memWave))
	b.one(detail, "process_open_fds", level(12+in.memory/(16<<20), 0.1, in.memWave))
	b.one(detail, "process_max_fds", constant(1048576))
	b.one(detail, "go_info", constant(1), "version", "go1.24.4")
}

func podPort(p *inventory.Pod, port int) string { return fmt.Sprintf("%s:%d", p.IP, port) }
