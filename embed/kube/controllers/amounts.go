package controllers

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
)

// amounts are requested or allocatable resources in the scheduler's units:
// millicores, bytes, pods.
type amounts struct {
	cpu, memory, storage int64
	pods                 int64
	other                map[corev1.ResourceName]int64 // extended resources; nil for most
}

func amountsOf(list corev1.ResourceList) amounts {
	var a amounts
	for name, q := range list {
		switch name {
		case corev1.ResourceCPU:
			a.cpu = q.MilliValue()
		case corev1.ResourceMemory:
			a.memory = q.Value()
		case corev1.ResourceEphemeralStorage:
			a.storage = q.Value()
		case corev1.ResourcePods:
			a.pods = q.Value()
		default:
			if a.other == nil {
				a.other = map[corev1.ResourceName]int64{}
			}
			a.other[name] = q.Value()
		}
	}
	return a
}

// requestsOf is what a pod takes of its node.
func requestsOf(p *corev1.Pod) amounts {
	a := amountsOf(resourcehelper.PodRequests(p, resourcehelper.PodResourcesOptions{}))
	a.pods = 1
	return a
}

// limitsOf is what a pod may take at most.
func limitsOf(p *corev1.Pod) amounts {
	return amountsOf(resourcehelper.PodLimits(p, resourcehelper.PodResourcesOptions{}))
}

func (a *amounts) add(b amounts, sign int64) {
	a.cpu += sign * b.cpu
	a.memory += sign * b.memory
	a.storage += sign * b.storage
	a.pods += sign * b.pods
	for name, v := range b.other {
		if a.other == nil {
			a.other = map[corev1.ResourceName]int64{}
		}
		a.other[name] += sign * v
	}
}

func (a *amounts) same(b amounts) bool {
	return a.cpu == b.cpu && a.memory == b.memory && a.storage == b.storage && a.pods == b.pods && maps.Equal(a.other, b.other)
}

// lacking names, as the scheduler does, what of want does not fit beside used into a.
func (a *amounts) lacking(used *amounts, want amounts) (reasons []string) {
	if used.pods+want.pods > a.pods {
		reasons = append(reasons, "Too many pods")
	}
	if want.cpu > 0 && used.cpu+want.cpu > a.cpu {
		reasons = append(reasons, "Insufficient cpu")
	}
	if want.memory > 0 && used.memory+want.memory > a.memory {
		reasons = append(reasons, "Insufficient memory")
	}
	if want.storage > 0 && used.storage+want.storage > a.storage {
		reasons = append(reasons, "Insufficient ephemeral-storage")
	}
	for name, v := range want.other {
		if v > 0 && used.other[name]+v > a.other[name] {
			reasons = append(reasons, "Insufficient "+string(name))
		}
	}
	return reasons
}
