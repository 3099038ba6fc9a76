package operators

import (
	"errors"
	"fmt"
	"hash/fnv"
	"runtime/debug"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/store"
)

// memo is what an operator remembers of an object between two looks at it.
type memo struct {
	generation int64
	inputs     uint64 // of what besides the object itself the children came from
	built      bool
	children   []childMemo
	status     uint64 // of the status wanted last
	refs       []ref
	warned     uint64 // of the last warning
	attempts   int
	user       *userMemo
}

// childMemo tells whether a child still is what it was made as.
type childMemo struct {
	ref
	wanted uint64
	stamp  uint64
}

func (r *Operators) memo(k key) *memo {
	m := r.memos[k]
	if m == nil {
		m = &memo{}
		r.memos[k] = m
	}
	return m
}

func (r *Operators) forget(k key) {
	if _, ok := r.memos[k]; ok {
		r.depend(k)
		delete(r.memos, k)
	}
	delete(r.alarms, k)
}

func digest(parts ...[]byte) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write(p)
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// stamp changes with what an operator has written of an object: the generation
// where there is one, which changes of status leave alone.
func stamp(o *store.Object) uint64 {
	if o.Generation > 0 {
		return uint64(o.Generation)
	}
	return o.RV
}

// invalid is an error in a custom resource: trying again would not help.
type invalid struct{ error }

// Unwrap serves errors.Is and errors.As.
func (e invalid) Unwrap() error { return e.error }

const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// process looks at one object, and again later if that failed.
func (r *Operators) process(k key) {
	delete(r.alarms, k)
	if !r.active(k.operator) {
		return
	}
	again, err := r.reconcile(k)
	var wrong invalid
	switch {
	case err == nil || errors.As(err, &wrong):
		if m := r.memos[k]; m != nil {
			m.attempts = 0
		}
		if again > 0 {
			r.alarms[k] = alarm{r.now().Add(again), true}
		}
	default:
		m := r.memo(k)
		m.built, m.status = false, 0
		m.attempts++
		// Somebody else was faster: what they wrote is there to be read.
		if apierrors.IsConflict(err) && m.attempts < 5 {
			r.queue.add(k)
			return
		}
		wait := min(firstRetry<<min(m.attempts-1, 16), lastRetry)
		r.alarms[k] = alarm{r.options.Clock.Now().Add(wait), false}
	}
}

// reconcile runs the operator, and turns its panic, which no object should be
// able to cause, into an error: one cluster's fault must not end the lab.
func (r *Operators) reconcile(k key) (again time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			again, err = 0, fmt.Errorf("%s failed on %s %s/%s: %v\n%s", operatorTable[k.operator].name, k.gr, k.namespace, k.name, p, debug.Stack())
			if o, getErr := r.api.Get(k.gr, k.namespace, k.name); getErr == nil {
				r.warn(k, o, "InternalError", fmt.Sprint(p))
			}
		}
	}()
	return operatorTable[k.operator].reconcile(r, k)
}

// get returns an object, nil when there is none or it is being deleted. Its
// children go with it, so nothing is left to do then but forget it.
func (r *Operators) get(k key) (*store.Object, error) {
	o, err := r.find(k.gr, k.namespace, k.name)
	if err != nil {
		return nil, err
	}
	if o == nil || o.Deleting {
		r.forget(k)
		return nil, nil
	}
	return o, nil
}

// find returns an object, nil when there is none.
func (r *Operators) find(gr schema.GroupResource, namespace, name string) (*store.Object, error) {
	o, err := r.api.Get(gr, namespace, name)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return o, err
}
