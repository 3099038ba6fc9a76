// Package operators does, inside one embedded cluster, what the operators whose
// pods run there do in a real one: it turns their custom resources into workloads
// and keeps these in shape. An operator acts only while a pod of it is ready. All
// operators of a cluster share one goroutine that sleeps until something changes.
package operators

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"koflab/embed/kube"
	"koflab/embed/kube/store"
	"koflab/sim/clock"
)

// Options say how a cluster's operators run.
type Options struct {
	// Clock is what retries and renewals wait on. Real time if nil.
	Clock clock.Clock
	// Now is the time that objects are stamped with and that decides when a
	// certificate is due; Clock.Now if nil. It may stand still, as it does while a
	// lab is founded.
	Now func() time.Time
	// Seed is the root of the names of events.
	Seed uint64
	// CA issues a server certificate of the lab's authority: what ACME servers and
	// self-signed issuers stand for here, so that the whole lab trusts it. Without
	// it self-signed certificates are just that, and ACME issuers are not ready.
	CA func(commonName string, dns []string, ttl time.Duration) (cert, key []byte, err error)
	// Root is the PEM certificate of the lab's authority.
	Root []byte
	// Events says whether Event objects are written.
	Events bool
}

// Operators are the running operators of one cluster.
type Operators struct {
	api     *kube.Server
	options Options

	cancel func() // of the subscription
	stop   context.CancelFunc
	done   chan struct{}
	wake   chan struct{}

	mu       sync.Mutex
	changes  []store.Change
	taken    uint64 // changes taken so far
	waiters  []chan struct{}
	events   bool
	activity map[string]int

	// What follows belongs to the goroutine.
	queue   queue
	alarms  map[key]alarm
	memos   map[key]*memo
	refs    map[ref]map[key]struct{}
	leaders []leadership // by the index of operatorTable
}

// Run starts the operators of s. They stop when ctx ends or Close is called.
func Run(ctx context.Context, s *kube.Server, o Options) *Operators {
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	if o.Now == nil {
		o.Now = o.Clock.Now
	}
	ctx, stop := context.WithCancel(ctx)
	r := &Operators{
		api: s, options: o, events: o.Events, activity: map[string]int{},
		stop: stop, done: make(chan struct{}), wake: make(chan struct{}, 1),
		alarms: map[key]alarm{}, memos: map[key]*memo{}, refs: map[ref]map[key]struct{}{},
		leaders: make([]leadership, len(operatorTable)),
	}
	r.cancel = s.Subscribe(r.changed)
	go r.run(ctx)
	return r
}

// changed takes a change in the order of the API server. It must not wait.
func (r *Operators) changed(ch store.Change) {
	if !interesting[ch.Object.GVR.GroupResource()] {
		return
	}
	r.mu.Lock()
	r.changes = append(r.changes, ch)
	r.mu.Unlock()
	r.poke()
}

func (r *Operators) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Settle waits until nothing is due now: every change has been reacted to, and
// what is left waits for the clock or for somebody else.
func (r *Operators) Settle(ctx context.Context) error {
	w := make(chan struct{})
	r.mu.Lock()
	r.waiters = append(r.waiters, w)
	r.mu.Unlock()
	r.poke()
	select {
	case <-w:
		return nil
	case <-r.done:
		return context.Canceled
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Progress is the number of changes reacted to so far. Who waits for operators
// and other controllers together settles all in turn until it stands still.
func (r *Operators) Progress() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken
}

// Active returns the names of the operators at work, each with its ready pods.
func (r *Operators) Active() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]int, len(r.activity))
	for name, n := range r.activity {
		out[name] = n
	}
	return out
}

// SetEvents switches the writing of Event objects. Call it too when Now has
// jumped: what is due then is done at once.
func (r *Operators) SetEvents(on bool) {
	r.mu.Lock()
	r.events = on
	r.mu.Unlock()
	r.poke()
}

// Close stops the operators and waits for them.
func (r *Operators) Close() {
	r.stop()
	<-r.done
}

func (r *Operators) run(ctx context.Context) {
	defer close(r.done)
	defer r.cancel()
	// Subscribed before the list: a pod that changes in between is seen twice.
	for _, o := range r.api.List(pods, "", labels.Everything()) {
		r.observePod(store.Change{Type: watch.Added, Object: o})
	}
	var timer clock.Timer
	var ring <-chan time.Time
	var ringAt time.Time
	for ctx.Err() == nil {
		r.drain()
		if k, ok := r.queue.take(); ok {
			r.process(k)
			continue
		}
		if r.ringDue() || !r.idle() {
			continue
		}
		wait, at, ok := r.nextAlarm()
		if timer != nil && (!ok || !at.Equal(ringAt)) {
			timer.Stop()
			timer, ring = nil, nil
		}
		if ok && timer == nil {
			timer = r.options.Clock.NewTimer(wait)
			ring, ringAt = timer.C(), at
		}
		select {
		case <-r.wake:
		case <-ring:
			timer, ring = nil, nil
		case <-ctx.Done():
		}
	}
	if timer != nil {
		timer.Stop()
	}
}

// drain reacts to the changes that have come in.
func (r *Operators) drain() {
	r.mu.Lock()
	changes := r.changes
	r.changes = nil
	r.taken += uint64(len(changes))
	r.mu.Unlock()
	for _, ch := range changes {
		r.observe(ch)
	}
}

// idle tells those who wait that nothing is left to do, unless something is.
func (r *Operators) idle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.changes) > 0 {
		return false
	}
	for _, w := range r.waiters {
		close(w)
	}
	r.waiters = nil
	return true
}

// observe maps a change to what has to be looked at.
func (r *Operators) observe(ch store.Change) {
	gr := ch.Object.GVR.GroupResource()
	if gr == pods {
		r.observePod(ch)
		return
	}
	if owner, ok := owners[gr]; ok && r.active(owner) && !statusOnly(ch) {
		r.queue.add(key{owner, gr, ch.Object.Namespace, ch.Object.Name})
	}
	for _, o := range ch.Object.Owners {
		if o.Controller == nil || !*o.Controller {
			continue
		}
		gv, err := schema.ParseGroupVersion(o.APIVersion)
		if err != nil {
			continue
		}
		if of, ok := ownerKinds[schema.GroupKind{Group: gv.Group, Kind: o.Kind}]; ok && r.active(owners[of]) {
			r.queue.add(key{owners[of], of, ch.Object.Namespace, o.Name})
		}
	}
	r.touch(gr, ch.Object.Namespace, ch.Object.Name)
	for _, op := range watchers[gr] {
		if r.active(op) {
			operatorTable[op].related(r, ch)
		}
	}
}

// statusOnly tells whether a change of a custom resource concerns nothing that
// an operator reads: most are its own doing.
func statusOnly(ch store.Change) bool {
	if ch.Old == nil || ch.Type != watch.Modified || ch.Object.Generation == 0 {
		return false
	}
	if ch.Old.Generation != ch.Object.Generation || ch.Old.Deleting != ch.Object.Deleting || len(ch.Old.Labels) != len(ch.Object.Labels) {
		return false
	}
	for name, v := range ch.Object.Labels {
		if ch.Old.Labels[name] != v {
			return false
		}
	}
	return true
}
