package release

import (
	"fmt"
	"time"
)

// Phase is a step of an operation.
type Phase string

// The phases of an operation, in the order they come.
const (
	Rendering Phase = "rendering"
	Creating  Phase = "creating"
	Updating  Phase = "updating"
	Deleting  Phase = "deleting"
	Waiting   Phase = "waiting"
	Warning   Phase = "warning"
	Done      Phase = "done"
	Failed    Phase = "failed"
)

// Event is one step of one operation.
type Event struct {
	Time      time.Time `json:"time"`
	Cluster   string    `json:"cluster,omitempty"`
	Release   string    `json:"release"`
	Namespace string    `json:"namespace"`
	Action    Action    `json:"action"`
	Phase     Phase     `json:"phase"`
	// Object is what the step is about, as "Kind namespace/name"; it may be empty.
	Object  string `json:"object,omitempty"`
	Message string `json:"message"`
}

// String is the event as one line of a log.
func (e Event) String() string {
	where := e.Namespace + "/" + e.Release
	if e.Cluster != "" {
		where = e.Cluster + " " + where
	}
	return fmt.Sprintf("%s %s: %s %s", e.Time.Format(time.RFC3339), where, e.Action, e.Message)
}

// emit reports one step. Progress is called by one goroutine at a time.
func (o *operation) emit(phase Phase, object, format string, args ...any) {
	c := o.client
	if c.progress == nil {
		return
	}
	e := Event{
		Time: c.now(), Cluster: c.cluster, Release: o.name, Namespace: o.namespace,
		Action: o.action, Phase: phase, Object: object, Message: fmt.Sprintf(format, args...),
	}
	c.progressMu.Lock()
	defer c.progressMu.Unlock()
	c.progress(e)
}
