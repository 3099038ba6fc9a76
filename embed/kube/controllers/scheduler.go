package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// What the scheduler says of a node that does not fit, where it is not about
// resources.
const (
	unschedulable     = "node(s) were unschedulable"
	wrongAffinity     = "node(s) didn't match Pod's node affinity/selector"
	portsTaken        = "node(s) didn't have free ports for the requested pod ports"
	wrongPodAffinity  = "node(s) didn't match pod affinity rules"
	wrongAntiAffinity = "node(s) didn't match pod anti-affinity rules"
	wrongSpread       = "node(s) didn't match pod topology spread constraints"
)

// place finds the node for a pod, or says why there is none in the words of the
// real scheduler. nodes must be sorted by name.
func place(p *pod, spec *corev1.Pod, nodes []*node) (*node, string) {
	if len(nodes) == 0 {
		return nil, "no nodes available to schedule pods"
	}
	affinity := nodeAffinity(spec)
	var best *node
	var bestScore float64
	why := map[string]int{}
	hopeless := 0 // nodes on which no preemption would help
	for _, n := range nodes {
		reasons, final := unfit(p, spec, affinity, n, nodes)
		if len(reasons) > 0 {
			for _, r := range reasons {
				why[r]++
			}
			if final {
				hopeless++
			}
			continue
		}
		if s := score(p, spec, n); best == nil || s > bestScore {
			best, bestScore = n, s
		}
	}
	if best != nil {
		return best, ""
	}
	preemption := map[string]int{}
	if hopeless > 0 {
		preemption["Preemption is not helpful for scheduling"] = hopeless
	}
	if rest := len(nodes) - hopeless; rest > 0 {
		preemption["No preemption victims found for incoming pod"] = rest
	}
	return nil, fmt.Sprintf("0/%d nodes are available: %s. preemption: 0/%d nodes are available: %s.",
		len(nodes), histogram(why), len(nodes), histogram(preemption))
}

func histogram(reasons map[string]int) string {
	parts := make([]string, 0, len(reasons))
	for r, n := range reasons {
		parts = append(parts, fmt.Sprintf("%d %s", n, r))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// nodeAffinity is nil for the many pods that do not care.
func nodeAffinity(spec *corev1.Pod) *nodeaffinity.RequiredNodeAffinity {
	a := spec.Spec.Affinity
	if len(spec.Spec.NodeSelector) == 0 && (a == nil || a.NodeAffinity == nil) {
		return nil
	}
	r := nodeaffinity.GetRequiredNodeAffinity(spec)
	return &r
}

// unfit returns why the pod cannot go to n; final reasons would stay if other
// pods left.
func unfit(p *pod, spec *corev1.Pod, affinity *nodeaffinity.RequiredNodeAffinity, n *node, nodes []*node) (reasons []string, final bool) {
	if n.spec.Spec.Unschedulable {
		cordoned := corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}
		if ok, _ := tolerates(spec.Spec.Tolerations, &cordoned); !ok {
			return []string{unschedulable}, true
		}
	}
	if t := n.repels(spec.Spec.Tolerations); t != nil {
		return []string{fmt.Sprintf("node(s) had untolerated taint {%s: %s}", t.Key, t.Value)}, true
	}
	if affinity != nil {
		if ok, err := affinity.Match(n.spec); err != nil || !ok {
			return []string{wrongAffinity}, true
		}
	}
	for _, port := range p.ports {
		if n.ports[port] > 0 {
			return []string{portsTaken}, false
		}
	}
	if reasons := n.alloc.lacking(&n.used, p.want); len(reasons) > 0 {
		// A pod too large for the empty node stays so.
		var empty amounts
		return reasons, len(n.alloc.lacking(&empty, p.want)) > 0
	}
	if reason := unneighbourly(spec, n, nodes); reason != "" {
		return []string{reason}, false
	}
	return nil, false
}

// unneighbourly checks required pod (anti-)affinity and spread constraints.
func unneighbourly(spec *corev1.Pod, n *node, nodes []*node) string {
	for i := range spec.Spec.TopologySpreadConstraints {
		c := &spec.Spec.TopologySpreadConstraints[i]
		if c.WhenUnsatisfiable == corev1.DoNotSchedule && skews(spec, c, n, nodes) {
			return wrongSpread
		}
	}
	a := spec.Spec.Affinity
	if a == nil {
		return ""
	}
	if a.PodAffinity != nil {
		for i := range a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
			term := &a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution[i]
			here, anywhere := neighbours(spec, term, n, nodes)
			// The first of a group that attracts itself may go anywhere.
			if here == 0 && (anywhere > 0 || !selects(term.LabelSelector, spec.Labels)) {
				return wrongPodAffinity
			}
		}
	}
	if a.PodAntiAffinity != nil {
		for i := range a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
			term := &a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution[i]
			if here, _ := neighbours(spec, term, n, nodes); here > 0 {
				return wrongAntiAffinity
			}
		}
	}
	return ""
}

// neighbours counts the pods that a term selects in n's domain and everywhere.
func neighbours(spec *corev1.Pod, term *corev1.PodAffinityTerm, n *node, nodes []*node) (here, anywhere int) {
	domain, ok := n.spec.Labels[term.TopologyKey]
	for _, m := range nodes {
		for q := range m.pods {
			inNamespace := q.Namespace == spec.Namespace && len(term.Namespaces) == 0 || slices.Contains(term.Namespaces, q.Namespace) || term.NamespaceSelector != nil
			if !inNamespace || q.finished() || !selects(term.LabelSelector, q.obj.Labels) {
				continue
			}
			anywhere++
			if ok && m.spec.Labels[term.TopologyKey] == domain {
				here++
			}
		}
	}
	return here, anywhere
}

func skews(spec *corev1.Pod, c *corev1.TopologySpreadConstraint, n *node, nodes []*node) bool {
	domain, ok := n.spec.Labels[c.TopologyKey]
	if !ok {
		return true
	}
	counts := map[string]int{}
	for _, m := range nodes {
		d, ok := m.spec.Labels[c.TopologyKey]
		if !ok {
			continue
		}
		counts[d] += 0
		for q := range m.pods {
			if q.Namespace == spec.Namespace && q.active() && selects(c.LabelSelector, q.obj.Labels) {
				counts[d]++
			}
		}
	}
	least := counts[domain]
	for _, v := range counts {
		least = min(least, v)
	}
	own := 0
	if selects(c.LabelSelector, spec.Labels) {
		own = 1
	}
	return counts[domain]+own-least > int(c.MaxSkew)
}

func selects(s *metav1.LabelSelector, set map[string]string) bool {
	sel, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && sel.Matches(labels.Set(set))
}

// score prefers the node that keeps the largest share of its CPU free, and,
// because requests are small next to nodes, does not put replicas of one owner
// together while another node is about as free.
func score(p *pod, spec *corev1.Pod, n *node) float64 {
	free := 1 - float64(n.used.cpu+p.want.cpu)/float64(max(n.alloc.cpu, 1))
	s := 100*free - 0.1*float64(n.used.pods)
	if p.owner != "" {
		for q := range n.pods {
			if q.owner == p.owner && q.active() {
				s -= 20
			}
		}
	}
	if a := spec.Spec.Affinity; a != nil && a.NodeAffinity != nil && len(a.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution) > 0 {
		if terms, err := nodeaffinity.NewPreferredSchedulingTerms(a.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution); err == nil {
			s += float64(terms.Score(n.spec))
		}
	}
	for i := range n.spec.Spec.Taints {
		t := &n.spec.Spec.Taints[i]
		if ok, _ := tolerates(spec.Spec.Tolerations, t); t.Effect == corev1.TaintEffectPreferNoSchedule && !ok {
			s -= 50
		}
	}
	return s
}

func byName[T interface{ key() task }](list []T) {
	slices.SortFunc(list, func(a, b T) int {
		x, y := a.key(), b.key()
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
}

func (t task) key() task { return t }
