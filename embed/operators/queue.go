package operators

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// key names an object that an operator has to look at.
type key struct {
	operator        int // index of operatorTable
	gr              schema.GroupResource
	namespace, name string
}

// ref names an object that another one depends on.
type ref struct {
	gr              schema.GroupResource
	namespace, name string
}

// queue holds keys in order of arrival, each once.
type queue struct {
	keys []key
	in   map[key]struct{}
}

func (q *queue) add(k key) {
	if _, ok := q.in[k]; ok {
		return
	}
	if q.in == nil {
		q.in = map[key]struct{}{}
	}
	q.in[k] = struct{}{}
	q.keys = append(q.keys, k)
}

func (q *queue) take() (key, bool) {
	if len(q.keys) == 0 {
		q.keys = nil // a burst's memory is not kept
		return key{}, false
	}
	k := q.keys[0]
	q.keys = q.keys[1:]
	delete(q.in, k)
	return k, true
}

// alarm is when a key has to be looked at again.
type alarm struct {
	at time.Time
	// stamped alarms are due by the objects' time, others by the clock, which runs
	// even while the objects' time stands.
	stamped bool
}

func (r *Operators) now() time.Time { return r.options.Now() }

// remaining is how long an alarm has still to wait.
func (r *Operators) remaining(a alarm) time.Duration {
	if a.stamped {
		return a.at.Sub(r.now())
	}
	return a.at.Sub(r.options.Clock.Now())
}

// ringDue queues what is due and tells whether there was any.
func (r *Operators) ringDue() bool {
	rung := false
	for k, a := range r.alarms {
		if r.remaining(a) <= 0 {
			delete(r.alarms, k)
			r.queue.add(k)
			rung = true
		}
	}
	return rung
}

// nextAlarm returns how long it is until the next alarm, and its time on the
// clock.
func (r *Operators) nextAlarm() (wait time.Duration, at time.Time, ok bool) {
	for _, a := range r.alarms {
		if d := r.remaining(a); !ok || d < wait {
			wait, ok = d, true
		}
	}
	return wait, r.options.Clock.Now().Add(wait), ok
}

// depend records what a key depends on, in place of what it did before, so that
// a change there makes it be looked at again.
func (r *Operators) depend(k key, on ...ref) {
	m := r.memo(k)
	for _, old := range m.refs {
		delete(r.refs[old], k)
		if len(r.refs[old]) == 0 {
			delete(r.refs, old)
		}
	}
	m.refs = on
	for _, d := range on {
		if r.refs[d] == nil {
			r.refs[d] = map[key]struct{}{}
		}
		r.refs[d][k] = struct{}{}
	}
}

// touch queues what depends on an object.
func (r *Operators) touch(gr schema.GroupResource, namespace, name string) {
	for k := range r.refs[ref{gr, namespace, name}] {
		if r.active(k.operator) {
			r.queue.add(k)
		}
	}
}
