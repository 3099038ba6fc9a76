package autoconfig

import (
	"time"
)

// conditions are built anew at each look; what did not change keeps its time.
type conditions struct {
	old        []any
	list       []any
	now        time.Time
	generation int64
}

func newConditions(status map[string]any, now time.Time, generation int64) *conditions {
	return &conditions{old: list(status, "conditions"), now: now, generation: generation}
}

// set adds a condition.
func (c *conditions) set(kind string, ok bool, reason, message string) {
	c.state(kind, map[bool]string{true: "True", false: "False"}[ok], reason, message)
}

func (c *conditions) state(kind, status, reason, message string) {
	since := c.now.UTC().Format(time.RFC3339)
	for _, item := range c.old {
		if m, _ := item.(map[string]any); str(m, "type") == kind && str(m, "status") == status {
			since = or(str(m, "lastTransitionTime"), since)
		}
	}
	c.list = append(c.list, map[string]any{
		"type": kind, "status": status, "reason": reason, "message": message,
		"lastTransitionTime": since, "observedGeneration": c.generation,
	})
}

// condition is the status and message of a condition that an object has.
func condition(status map[string]any, kind string) (state, message string) {
	for _, item := range list(status, "conditions") {
		if m, _ := item.(map[string]any); str(m, "type") == kind {
			return str(m, "status"), str(m, "message")
		}
	}
	return "", ""
}
