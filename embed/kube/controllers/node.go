package controllers

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"koflab/embed/kube/store"
)

// node is a node with what the pods bound to it take.
type node struct {
	task
	obj    *store.Object
	spec   *corev1.Node // without status
	alloc  amounts
	used   amounts
	pods   map[*pod]struct{}
	ports  map[hostPort]int
	images map[string]struct{} // that have been pulled
	index  int                 // of the node's pod network
	prefix string              // of its pods' addresses, "10.244.1."
	hosts  [4]uint64           // taken last bytes of pods' addresses
	hostIP string
	down   bool // its kubelet is unreachable
}

// hostPort is a port that a pod takes on its node.
type hostPort struct {
	port     int32
	protocol corev1.Protocol
}

// set takes over the node's object.
func (n *node) set(o *store.Object, spec *corev1.Node) {
	n.obj = o
	list := spec.Status.Allocatable
	if len(list) == 0 {
		list = spec.Status.Capacity
	}
	if len(list) == 0 {
		list = defaultCapacity()
	}
	n.alloc = amountsOf(list)
	if n.alloc.pods == 0 {
		n.alloc.pods = 110 // kubelet's default
	}
	n.hostIP = ""
	for _, a := range spec.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			n.hostIP = a.Address
		}
	}
	if n.hostIP == "" {
		n.hostIP = fmt.Sprintf("172.18.%d.%d", n.index/250, n.index%250+2)
	}
	n.prefix = fmt.Sprintf("10.%d.%d.", 244+n.index/256, n.index%256)
	if cidr, err := netip.ParsePrefix(spec.Spec.PodCIDR); err == nil && cidr.Addr().Is4() {
		a := cidr.Addr().As4()
		n.prefix = fmt.Sprintf("%d.%d.%d.", a[0], a[1], a[2])
	}
	n.down = spec.Annotations[FaultAnnotation] == FaultUnreachable
	trimmed := *spec
	trimmed.Status = corev1.NodeStatus{}
	trimmed.ManagedFields = nil
	n.spec = &trimmed
}

// defaultCapacity is a node's that does not say: four cores, 16 GiB.
func defaultCapacity() corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("16Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("100Gi"), corev1.ResourcePods: resource.MustParse("110"),
	}
}

// address takes a free address for a pod: the one that the pod's own stream
// draws, or the next free one.
func (n *node) address(s stream) string {
	const first, last = 2, 254
	at := int(uint64(s) % (last - first + 1))
	for i := range last - first + 1 {
		host := first + (at+i)%(last-first+1)
		if n.hosts[host/64]&(1<<(host%64)) == 0 {
			n.hosts[host/64] |= 1 << (host % 64)
			return fmt.Sprintf("%s%d", n.prefix, host)
		}
	}
	return n.prefix + "254" // more pods than a node's network: the limit of pods forbids it
}

// reserve marks an address as taken or free.
func (n *node) reserve(ip string, taken bool) {
	last, ok := strings.CutPrefix(ip, n.prefix)
	if !ok {
		return
	}
	var i int
	if _, err := fmt.Sscanf(last, "%d", &i); err != nil || i < 0 || i > 255 {
		return
	}
	if taken {
		n.hosts[i/64] |= 1 << (i % 64)
	} else {
		n.hosts[i/64] &^= 1 << (i % 64)
	}
}

// bind counts a pod's needs in (sign 1) or out (-1).
func (n *node) bind(p *pod, sign int64) {
	n.used.add(p.want, sign)
	for _, port := range p.ports {
		if n.ports == nil {
			n.ports = map[hostPort]int{}
		}
		n.ports[port] += int(sign)
	}
}

// tolerates tells whether one of the tolerations covers the taint, and for how
// many seconds (nil: for ever).
func tolerates(ts []corev1.Toleration, taint *corev1.Taint) (ok bool, seconds *int64) {
	for i := range ts {
		t := &ts[i]
		if t.Effect != "" && t.Effect != taint.Effect {
			continue
		}
		if t.Key != "" && t.Key != taint.Key || t.Key == "" && t.Operator != corev1.TolerationOpExists {
			continue
		}
		if t.Operator != corev1.TolerationOpExists && t.Value != taint.Value {
			continue
		}
		// Of several that match the shortest holds, as in Kubernetes.
		if !ok || t.TolerationSeconds != nil && (seconds == nil || *t.TolerationSeconds < *seconds) {
			seconds = t.TolerationSeconds
		}
		ok = true
	}
	return ok, seconds
}

// repels returns the first taint that keeps a pod with these tolerations off the node.
func (n *node) repels(ts []corev1.Toleration) *corev1.Taint {
	for i := range n.spec.Spec.Taints {
		t := &n.spec.Spec.Taints[i]
		if t.Effect == corev1.TaintEffectPreferNoSchedule {
			continue
		}
		if ok, _ := tolerates(ts, t); !ok {
			return t
		}
	}
	return nil
}
