// Package clustertest renders the objects of a KOF cluster for tests: a stand-in
// for charts, controllers, scheduler and kubelet that is done at once. What it
// renders can be changed: workloads scaled and restarted, pods replaced, nodes
// drained.
package clustertest

import (
	"slices"
	"strconv"
	"time"

	"koflab/sim/inventory"
)

// Cluster is a cluster whose objects follow what is done to it.
type Cluster struct {
	Spec  inventory.Spec
	rows  []*workload
	nodes []*inventory.Node
	pods  []*pod
	born  int // pods ever made
}

type workload struct {
	row
	revision, restarts int // rollouts; of the containers of all its pods
	revised            time.Time
	created            time.Time
	off                bool // deleted
}

type pod struct {
	of       *workload
	name     string
	revision int
	uid      string
	created  time.Time
	node     *inventory.Node // nil: does not fit
	ip       string
	// fault is why its container waits; empty when it runs.
	fault    string
	restarts int
	started  time.Time
}

// New returns a cluster in which everything runs that fits.
func New(s inventory.Spec) *Cluster {
	if s.Epoch.IsZero() {
		s.Epoch = inventory.DefaultEpoch
	}
	c := &Cluster{Spec: s, nodes: inventory.Machines(s)}
	for _, r := range rows(s) {
		c.rows = append(c.rows, &workload{row: r, created: s.Epoch})
	}
	c.reconcile(s.Epoch)
	return c
}

// Inventory reads the cluster's objects.
func (c *Cluster) Inventory() *inventory.Cluster { return inventory.FromObjects(c.Spec, c.Objects()) }

// Workloads names the workloads that exist, as namespace/name.
func (c *Cluster) Workloads() []string {
	var out []string
	for _, w := range c.rows {
		if !w.off {
			out = append(out, w.namespace+"/"+w.name)
		}
	}
	return out
}

func (c *Cluster) workload(name string) *workload {
	for _, w := range c.rows {
		if w.namespace+"/"+w.name == name {
			return w
		}
	}
	return &workload{}
}

// Scale changes the number of replicas of a workload.
func (c *Cluster) Scale(name string, replicas int, at time.Time) {
	c.workload(name).replicas = replicas
	c.reconcile(at)
}

// Delete removes a workload, or brings back one that was.
func (c *Cluster) Delete(name string, gone bool, at time.Time) {
	c.workload(name).off = gone
	c.reconcile(at)
}

// Rollout replaces all pods of a workload by new ones.
func (c *Cluster) Rollout(name string, at time.Time) {
	c.workload(name).revision++
	c.reconcile(at)
}

// Replace deletes a workload's first pod; its controller makes another.
func (c *Cluster) Replace(name string, at time.Time) {
	w := c.workload(name)
	for i, p := range c.pods {
		if p.of == w {
			c.pods = slices.Delete(c.pods, i, i+1)
			break
		}
	}
	c.reconcile(at)
}

// Fault makes the containers of a workload wait for a reason such as
// CrashLoopBackOff, or with an empty one lets them run, anew.
func (c *Cluster) Fault(name, reason string, at time.Time) {
	for _, p := range c.pods {
		if p.of == c.workload(name) && p.node != nil {
			p.fault = reason
			p.restarts++
			p.started = at
		}
	}
}

// Drain removes node i of those there are, unless it is the last; its pods go
// elsewhere.
func (c *Cluster) Drain(i int, at time.Time) {
	if len(c.nodes) < 2 {
		return
	}
	i %= len(c.nodes)
	gone := c.nodes[i]
	c.nodes = slices.Delete(slices.Clone(c.nodes), i, i+1)
	c.pods = slices.DeleteFunc(c.pods, func(p *pod) bool { return p.node == gone })
	c.reconcile(at)
}

// Join brings back the nodes that were drained.
func (c *Cluster) Join(at time.Time) {
	c.nodes = inventory.Machines(c.Spec)
	for _, p := range c.pods {
		for _, n := range c.nodes {
			if p.node != nil && n.Name == p.node.Name {
				p.node = n
				break
			}
		}
	}
	c.reconcile(at)
}

// reconcile makes the pods that are wanted and removes the others. First replicas
// come before second ones, and the platform before applications, so that a cluster
// that is too small runs one of each.
func (c *Cluster) reconcile(at time.Time) {
	have := map[string]bool{}
	c.pods = slices.DeleteFunc(c.pods, func(p *pod) bool {
		id := p.of.slot(p.revision, p.name)
		drop := p.of.off || p.revision != p.of.revision || p.of.kind != daemonSet && ordinal(p) >= p.of.replicas || p.node == nil
		if !drop {
			have[id] = true
		}
		return drop
	})
	for round, more := 0, true; more; round++ {
		more = false
		for _, w := range c.rows {
			n := w.replicas
			if w.kind == daemonSet {
				n = len(c.nodes)
			}
			if w.off || round >= n {
				continue
			}
			more = true
			at, name := at, w.slotName(c, round)
			if have[w.slot(w.revision, name)] {
				continue
			}
			c.place(w, name, round, at)
		}
	}
}

// ordinal is the number that a pod's slot ends with.
func ordinal(p *pod) int {
	for i := len(p.name) - 1; i >= 0; i-- {
		if p.name[i] == '-' {
			n, _ := strconv.Atoi(p.name[i+1:])
			return n
		}
	}
	return 0
}

func (w *workload) slot(revision int, name string) string {
	return string(w.kind) + w.namespace + "/" + name + "@" + strconv.Itoa(revision)
}

// slotName names what a pod is one of: the nodes of a DaemonSet, else a number.
func (w *workload) slotName(c *Cluster, i int) string {
	if w.kind == daemonSet {
		return w.name + "@" + c.nodes[i].Name + "-0"
	}
	return w.name + "-" + strconv.Itoa(i)
}

// place makes a pod and puts it on the node with the most CPU left, or of its
// DaemonSet.
func (c *Cluster) place(w *workload, slot string, i int, at time.Time) {
	c.born++
	p := &pod{of: w, name: slot, revision: w.revision, created: at, started: at}
	p.uid = c.Spec.Seed.Of("pod", w.namespace, slot).At(int64(c.born)).UUID()
	var best *inventory.Node
	var most float64
	for n, node := range c.nodes {
		if w.kind == daemonSet && n != i {
			continue
		}
		cpu, mem, count := c.free(node)
		if cpu < w.cpu || mem < w.mem || count >= inventory.MaxPods {
			continue
		}
		if best == nil || float64(cpu) > most {
			best, most = node, float64(cpu)
		}
	}
	if p.node = best; best != nil {
		p.ip = best.IP
		if !w.hostNetwork {
			p.ip = "10.244." + strconv.Itoa(c.born/250%250) + "." + strconv.Itoa(2+c.born%250)
		}
	}
	c.pods = append(c.pods, p)
}

// free is what is left of a node, in millicores and MiB, and its number of pods.
func (c *Cluster) free(n *inventory.Node) (cpu, mem, pods int) {
	a := n.Allocatable()
	cpu, mem = int(a.CPU*1000+0.5), int(a.Memory>>20)
	for _, p := range c.pods {
		if p.node == n {
			cpu -= p.of.cpu
			mem -= p.of.mem
			pods++
		}
	}
	return cpu, mem, pods
}
