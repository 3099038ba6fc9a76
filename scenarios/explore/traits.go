package explore

import (
	"fmt"
	"math/rand/v2"
	"time"

	"koflab/topology"
)

// effect is what a fault does to queries of a region through management.
type effect int

const (
	answers effect = iota
	// perhaps says that nothing is claimed.
	perhaps
	silent
)

// trait is what exploring must know of a fault of the catalogue.
type trait struct {
	// targets are what it may strike in a lab.
	targets func(*topology.Lab) []string
	// with draws parameters.
	with func(*rand.Rand, *topology.Lab, string) map[string]string
	// intensity says that any intensity is drawn.
	intensity bool
	once      bool
	// reads is what it does to queries; nil for nothing.
	reads func(lab *topology.Lab, s Strike, region string) effect
	// holds are what no two faults may have at a time. breaks are what is not there as
	// long as it lasts, and a while after; needs what must be there when it begins and,
	// as healing is done by the same means, when it ends.
	holds, breaks, needs func(target string) []string
	// settle is how long after its end nothing may be left of it; quiet by default.
	// With restarts that is longer: pods that fail wait longer each time.
	settle   time.Duration
	restarts bool
}

const (
	// quiet is longer than collectors wait between two attempts, and than pods take to start.
	quiet = 3 * time.Minute
	// stale is longer than series take to leave the answers.
	stale = 6 * time.Minute
	// backOff is what a pod waits at most before it is started again.
	backOff = 5 * time.Minute
)

// settles is how long after a fault's end nothing may be left of it. A pod may wait as
// long as pods wait at most, whatever the fault's own length: it may have failed before.
func (s Strike) settles() time.Duration {
	t := traits[s.Fault]
	d := max(t.settle, quiet)
	if t.restarts {
		d += backOff
	}
	return d
}

// left says why a fault of the catalogue is not explored.
var left = map[string]string{
	"node-not-ready": "a node's name is known once the lab is up only",
}

// traits are those of each fault of the catalogue that is explored.
var traits = map[string]trait{
	"partition": {targets: edges, reads: away},
	"reset":     {targets: edges, reads: away},
	"latency": {targets: edges, intensity: true, with: draw(func(r *rand.Rand) map[string]string {
		return map[string]string{"latency": pick(r, "100ms", "1s", "3s"), "jitter": pick(r, "0s", "500ms", "2s")}
	}), reads: slow},
	"loss": {targets: edges, intensity: true, reads: slow, with: draw(func(r *rand.Rand) map[string]string {
		return map[string]string{"probability": pick(r, "0.05", "0.2", "0.5")}
	})},
	"bandwidth": {targets: edges, intensity: true, reads: slow, with: draw(func(r *rand.Rand) map[string]string {
		return map[string]string{"rate": pick(r, "2KiB", "16KiB", "64KiB")}
	})},
	"slow-drip":   {targets: edges, intensity: true, reads: slow},
	"dns-missing": {targets: published, reads: whole, holds: prefixed("names of ")},

	"region-down":          {targets: regions, reads: whole},
	"region-crash":         {targets: regions, reads: whole},
	"certificate-expired":  {targets: published, reads: whole, holds: prefixed("certificate of ")},
	"certificate-wrong-ca": {targets: published, reads: whole, holds: prefixed("certificate of ")},
	"disk-full": {targets: regions, with: choice("store", "all", "metrics", "logs", "audit", "traces"),
		holds: prefixed("disks of ")},
	"storage-replica-lost": {targets: regions, intensity: true, with: choice("store", "metrics", "logs", "traces"),
		reads: unsure, holds: prefixed("replicas of "), restarts: true},

	"management-down":  {targets: management, reads: anywhere, breaks: func(string) []string { return []string{"management"} }},
	"child-down":       {targets: children, breaks: prefixed("collectors of ")},
	"collector-killed": {targets: observed, once: true, breaks: prefixed("collectors of "), needs: prefixed("collectors of ")},
	"wrong-credentials": {targets: withPassword, holds: prefixed("password of "), breaks: prefixed("collectors of "),
		needs: configurable},
	"rotated-credentials": {targets: withPassword, holds: prefixed("password of "), breaks: prefixed("collectors of "),
		needs: configurable},
	"queue-too-small": {targets: children, holds: prefixed("queue of "), breaks: prefixed("collectors of "), needs: configurable,
		with: choice("size", "1", "2", "5")},
	"duplicate-cluster-name": {targets: twins, with: other, holds: prefixed("name of "), breaks: prefixed("collectors of "),
		needs: configurable},

	"clock-skew":            {targets: observed, intensity: true, with: choice("skew", "-8m", "-90s", "45s", "3m"), holds: prefixed("clock of ")},
	"cardinality-explosion": {targets: observed, with: choice("series", "20", "200"), intensity: true, needs: prefixed("collectors of ")},
	"churn-storm": {targets: observed, intensity: true, needs: prefixed("collectors of "), with: draw(func(r *rand.Rand) map[string]string {
		return map[string]string{"series": pick(r, "5", "30"), "every": pick(r, "30s", "1m", "2m")}
	})},
	"label-collision":  {targets: observed, with: choice("honor", "false", "true"), needs: prefixed("collectors of "), settle: stale},
	"duplicate-scrape": {targets: observed, needs: prefixed("collectors of "), holds: prefixed("scrapes of ")},

	"component-oom":  {targets: components, reads: within, restarts: true, breaks: collectorsWithin},
	"pod-crash-loop": {targets: workloads, restarts: true, with: choice("reason", "crash-loop", "oom", "image-pull-error", "not-ready"), holds: itself},
	"quota-exceeded": {targets: workloads, restarts: true, holds: itself},
	"config-drift":   {targets: charted, restarts: true, holds: itself, needs: func(string) []string { return []string{"management"} }},
}

// noted are those of a fault, nil for nothing.
func noted(f func(string) []string, target string) []string {
	if f == nil {
		return nil
	}
	return f(target)
}

func itself(target string) []string { return []string{target} }

func prefixed(what string) func(string) []string {
	return func(target string) []string { return []string{what + clusterOf(target)} }
}

// configurable is what a change of a cluster's values needs.
func configurable(target string) []string {
	return []string{"management", "collectors of " + target}
}

func choice(name string, values ...string) func(*rand.Rand, *topology.Lab, string) map[string]string {
	return draw(func(r *rand.Rand) map[string]string { return map[string]string{name: pick(r, values...)} })
}

func draw(f func(*rand.Rand) map[string]string) func(*rand.Rand, *topology.Lab, string) map[string]string {
	return func(r *rand.Rand, _ *topology.Lab, _ string) map[string]string { return f(r) }
}

func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// other draws a cluster whose name another takes.
func other(r *rand.Rand, lab *topology.Lab, target string) map[string]string {
	var names []string
	for _, c := range lab.Children {
		if c.Name != target {
			names = append(names, c.Name)
		}
	}
	return map[string]string{"other": pick(r, names...)}
}

// String says what is struck, for people.
func (s Strike) String() string {
	if s.Target == "" {
		return s.Fault
	}
	return fmt.Sprintf("%s at %s", s.Fault, s.Target)
}
