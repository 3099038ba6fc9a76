package explore

import (
	"strings"
	"time"

	"koflab/topology"
)

// Around its beginning and its end a fault is neither there nor gone for certain:
// steps before may have taken longer, and connections are opened again.
const (
	setIn   = 45 * time.Second
	subside = 2 * time.Minute
)

// reach is what must come of asking for a region at a time of a run.
func reach(lab *topology.Lab, r Run, region string, at time.Duration) effect {
	worst := answers
	for _, s := range r.Strikes {
		f := traits[s.Fault].reads
		if f == nil || at < s.At || at > s.end()+subside {
			continue
		}
		e := f(lab, s, region)
		if e == silent && (at < s.At+setIn || at > s.end()-subside) {
			e = perhaps
		}
		worst = max(worst, e)
	}
	return worst
}

// touches reports whether a fault of the network lies between management and a region.
func touches(lab *topology.Lab, s Strike, region string) bool {
	from, to, link := strings.Cut(s.Target, "->")
	if !link {
		return s.Target == region || s.Target == managementOf(lab)
	}
	return region != managementOf(lab) && (from == managementOf(lab) || from == "*") && (to == region || to == "*")
}

// away is what a link does to queries that lets nothing through.
func away(lab *topology.Lab, s Strike, region string) effect {
	switch {
	case !touches(lab, s, region):
		return answers
	case region == managementOf(lab):
		return perhaps // what management asks of itself
	}
	return silent
}

// slow is what a link does that lets things through in its own time.
func slow(lab *topology.Lab, s Strike, region string) effect {
	if touches(lab, s, region) {
		return perhaps
	}
	return answers
}

// whole is what a region does that cannot be reached.
func whole(_ *topology.Lab, s Strike, region string) effect {
	if s.Target == region {
		return silent
	}
	return answers
}

// unsure is what a region does of which a part is gone.
func unsure(_ *topology.Lab, s Strike, region string) effect {
	if s.Target == region && (s.With["store"] == "metrics" || s.With["store"] == "") {
		return perhaps
	}
	return answers
}

// within is unsure of a component.
func within(_ *topology.Lab, s Strike, region string) effect {
	if clusterOf(s.Target) == region {
		return perhaps
	}
	return answers
}

// anywhere is that no query is answered.
func anywhere(*topology.Lab, Strike, string) effect { return perhaps }
