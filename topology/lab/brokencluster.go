package lab

import (
	"slices"
	"time"

	"koflab/sim/collector"
	"koflab/sim/telemetry"
)

// brokenCluster is what faults have done to a cluster; its mutex guards it.
type brokenCluster struct {
	// away is why the cluster is away: nothing in it follows its objects, and its
	// collectors are stopped. Empty while it is there.
	away string
	// sigkill counts the faults that make its collectors end without their shutdown.
	sigkill int
	// skew is by how much its nodes' clock is ahead.
	skew time.Duration
	// extra are targets that its collectors scrape beside their own.
	extra []*extraTargets
}

// extraTargets makes targets from the generator of the cluster's own.
type extraTargets struct {
	make func(*telemetry.Generator) []collector.Target
}

// away is why the cluster is away; empty while it is there.
func (c *cluster) away() string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.broken.away
}

// killed reports whether the collectors end by SIGKILL at present.
func (c *cluster) killed() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.broken.sigkill > 0
}

// damage changes what is wrong with the cluster.
func (c *cluster) damage(change func(*brokenCluster)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.broken)
}

// extraTargets are those that faults add.
func (c *cluster) extraTargets(g *telemetry.Generator) []collector.Target {
	c.mu.RLock()
	extra := slices.Clone(c.broken.extra)
	c.mu.RUnlock()
	var out []collector.Target
	for _, e := range extra {
		out = append(out, e.make(g)...)
	}
	return out
}

// killCollector ends the collectors as SIGKILL does; it reports whether any ran.
func (c *cluster) killCollector() bool {
	c.mu.Lock()
	old := c.collector
	c.collector, c.config = nil, nil
	c.mu.Unlock()
	if old == nil {
		return false
	}
	old.Kill()
	return true
}
