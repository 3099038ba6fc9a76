package controllers

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// bounds are a rolling update's limits as numbers of pods.
type bounds struct{ surge, unavailable int32 }

// rollingBounds resolves a rolling update's limits: surge rounds up, unavailable
// rounds down, and both zero would never make progress.
func rollingBounds(surge, unavailable *intstr.IntOrString, replicas int32) bounds {
	b := bounds{scaled(surge, replicas, true), scaled(unavailable, replicas, false)}
	if b.surge == 0 && b.unavailable == 0 {
		b.unavailable = 1
	}
	return b
}

// scaled resolves a number or a percentage of total. Nonsense counts as 0: the
// API server has rejected it before.
func scaled(v *intstr.IntOrString, total int32, up bool) int32 {
	if v == nil {
		return 0
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(v, int(total), up)
	if err != nil {
		return 0
	}
	return int32(max(n, 0))
}

// replicaGroup is a ReplicaSet as the arithmetic of a rollout sees it.
type replicaGroup struct {
	name      string
	replicas  int32 // spec
	available int32
	age       int64 // creation, for ties
}

// growNew returns the new group's size: as large as the surge permits.
func growNew(replicas int32, b bounds, fresh replicaGroup, old []replicaGroup) int32 {
	if fresh.replicas >= replicas {
		return replicas
	}
	total := fresh.replicas
	for _, g := range old {
		total += g.replicas
	}
	room := replicas + b.surge - total
	return fresh.replicas + max(0, min(room, replicas-fresh.replicas))
}

// shrinkOld returns the old groups' sizes (by index): first their unhealthy pods
// go, which costs no availability, then as many as may be unavailable.
func shrinkOld(replicas int32, b bounds, fresh replicaGroup, old []replicaGroup) []int32 {
	sizes := make([]int32, len(old))
	var total, available int32 = fresh.replicas, fresh.available
	for i, g := range old {
		sizes[i] = g.replicas
		total += g.replicas
		available += g.available
	}
	least := replicas - b.unavailable
	// New pods that are not available yet count against what may be taken away.
	budget := total - least - (fresh.replicas - fresh.available)
	if budget <= 0 {
		return sizes
	}
	order := make([]int, len(old))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(old[a].age, old[b].age), cmp.Compare(old[a].name, old[b].name))
	})
	for _, i := range order {
		gone := min(budget, max(0, old[i].replicas-old[i].available))
		sizes[i] -= gone
		budget -= gone
	}
	healthy := available - least
	for _, i := range order {
		gone := min(sizes[i], max(0, min(healthy, budget)))
		sizes[i] -= gone
		healthy -= gone
		budget -= gone
	}
	return sizes
}

// proportional spreads the change from the groups' total to want over them in
// proportion to their sizes, as when a Deployment is scaled in mid-rollout.
// Rounding errors go to the largest group.
func proportional(groups []replicaGroup, want int32) []int32 {
	sizes := make([]int32, len(groups))
	var total int32
	for i, g := range groups {
		sizes[i] = g.replicas
		total += g.replicas
	}
	if len(groups) == 0 || total == want {
		return sizes
	}
	order := make([]int, len(groups))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(groups[b].replicas, groups[a].replicas), cmp.Compare(groups[b].age, groups[a].age))
	})
	left := want - total
	for _, i := range order {
		var share int32
		if total > 0 {
			share = int32(float64(groups[i].replicas) * float64(want-total) / float64(total))
		}
		sizes[i] += share
		left -= share
	}
	for _, i := range order {
		n := max(-sizes[i], left)
		sizes[i] += n
		left -= n
	}
	return sizes
}
