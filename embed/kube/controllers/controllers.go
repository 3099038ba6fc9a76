// Package controllers brings the objects of an embedded Kubernetes API to life:
// the workload controllers, the scheduler, and a kubelet that simulates pods.
// One goroutine per cluster reacts to changes; an idle cluster costs nothing.
package controllers

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"koflab/embed/kube"
	"koflab/embed/kube/store"
	"koflab/sim/clock"
)

// Options say how a cluster's controllers run.
type Options struct {
	// Clock is what delays and back-offs wait on. Real time if nil.
	Clock clock.Clock
	// Now is the time that objects are stamped with and that decides what is due;
	// Clock.Now if nil. It may stand still, as it does while a lab is founded.
	Now func() time.Time
	// Seed is the root of pod names, addresses and delays.
	Seed uint64
	// Delays is how long the steps of a pod's life take.
	Delays Delays
	// Events says whether Event objects are written.
	Events bool
	// Heartbeat renews every node's Lease each 10 s.
	Heartbeat bool
	// RootCA is the PEM certificate that every namespace's ConfigMap
	// kube-root-ca.crt carries.
	RootCA string
}

// Controllers are the running controllers of one cluster.
type Controllers struct {
	api       *kube.Server
	clock     clock.Clock
	stamp     func() time.Time
	seed      stream
	rootCA    string
	heartbeat bool

	cancel func() // of the subscription
	stop   context.CancelFunc
	done   chan struct{}
	wake   chan struct{}

	mu      sync.Mutex
	changes []store.Change
	waiters []chan struct{}
	delays  Delays
	events  bool
	since   time.Time // CronJobs do not catch up on what was due before
	retuned bool      // settings changed: look at everything unfinished again

	// What follows belongs to the goroutine.
	at      time.Time // the time at which an alarm was due, while it is handled
	settled bool      // the alarm clock has been set for what is pending
	queue   tasks
	alarms  alarms
	failed  map[task]int // attempts in a row
	acts    int          // pods and ReplicaSets made, changed and deleted
	cache
}

// Run starts the controllers of s. They stop when ctx ends or Close is called.
func Run(ctx context.Context, s *kube.Server, o Options) *Controllers {
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	if o.Now == nil {
		o.Now = o.Clock.Now
	}
	ctx, stop := context.WithCancel(ctx)
	c := &Controllers{
		api: s, clock: o.Clock, stamp: o.Now, seed: stream(o.Seed), rootCA: o.RootCA, heartbeat: o.Heartbeat,
		stop: stop, done: make(chan struct{}), wake: make(chan struct{}, 1),
		delays: o.Delays, events: o.Events, since: o.Now(), failed: map[task]int{}, cache: newCache(),
	}
	c.cancel = s.Subscribe(c.changed)
	go c.run(ctx)
	return c
}

// changed takes a change in the order of the API server. It must not wait.
func (c *Controllers) changed(ch store.Change) {
	if k := kindOf[ch.Object.GVR.GroupResource()]; !watched[k] {
		return
	}
	c.mu.Lock()
	c.changes = append(c.changes, ch)
	c.mu.Unlock()
	c.poke()
}

func (c *Controllers) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Settle waits until nothing is due now: every change has been reacted to and
// what is left waits for the clock.
func (c *Controllers) Settle(ctx context.Context) error {
	w := make(chan struct{})
	c.mu.Lock()
	c.waiters = append(c.waiters, w)
	c.mu.Unlock()
	c.poke()
	select {
	case <-w:
		return nil
	case <-c.done:
		return context.Canceled
	case <-ctx.Done():
		return ctx.Err()
	}
}

// SetDelays changes how long the steps to come take; steps under way keep theirs.
func (c *Controllers) SetDelays(d Delays) { c.retune(func() { c.delays = d }) }

// SetEvents switches the writing of Event objects. CronJobs do not catch up on
// what was due before: a lab whose time jumps when it has been founded switches
// events on then.
func (c *Controllers) SetEvents(on bool) { c.retune(func() { c.events = on }) }

func (c *Controllers) retune(f func()) {
	now := c.stamp()
	c.mu.Lock()
	f()
	c.since, c.retuned = now, true
	c.mu.Unlock()
	c.poke()
}

// Close stops the controllers and waits for them.
func (c *Controllers) Close() {
	c.stop()
	<-c.done
}

// settings returns what may be changed from outside.
func (c *Controllers) settings() (d Delays, events bool, since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.delays, c.events, c.since
}

// now is the lab's time, or the time at which the alarm that is being handled
// was due: what happens late is stamped as if it had been on time.
func (c *Controllers) now() time.Time {
	if !c.at.IsZero() {
		return c.at
	}
	return c.stamp()
}

func (c *Controllers) run(ctx context.Context) {
	defer close(c.done)
	defer c.cancel()
	// Subscribed before the list: what changes in between arrives twice and is
	// told apart by its resourceVersion.
	for _, k := range []kind{namespaceKind, nodeKind, classKind, volumeKind, claimKind, serviceKind, deploymentKind, replicaSetKind,
		statefulSetKind, daemonSetKind, jobKind, cronJobKind, revisionKind, hpaKind, pdbKind, quotaKind, podKind} {
		for _, o := range c.api.List(resources[k], "", labels.Everything()) {
			c.observe(store.Change{Type: watch.Added, Object: o})
		}
	}
	c.ensureClass()
	var timer clock.Timer
	var ring <-chan time.Time
	var ringAt time.Time
	for ctx.Err() == nil {
		c.drain()
		if t, ok := c.queue.take(); ok {
			c.reconcile(t)
			continue
		}
		if a, ok := c.alarms.due(c.stamp()); ok {
			c.at = a.at
			c.reconcile(a.task)
			c.at = time.Time{}
			continue
		}
		if !c.idle() {
			continue
		}
		next, ok := c.alarms.next()
		if timer != nil && (!ok || !next.at.Equal(ringAt)) {
			timer.Stop()
			timer, ring = nil, nil
		}
		if ok && timer == nil {
			// Where the stamps stand still an alarm rings without being due: not
			// more often than each millisecond.
			timer, ringAt = c.clock.NewTimer(max(next.at.Sub(c.stamp()), time.Millisecond)), next.at
			ring = timer.C()
		}
		select {
		case <-c.wake:
		case <-ring:
			timer, ring = nil, nil
		case <-ctx.Done():
		}
	}
	if timer != nil {
		timer.Stop()
	}
}

// drain takes over what has changed.
func (c *Controllers) drain() {
	c.mu.Lock()
	changes, retuned := c.changes, c.retuned
	c.changes, c.retuned = nil, false
	c.mu.Unlock()
	for i := range changes {
		c.observe(changes[i])
	}
	if retuned {
		c.revisit()
	}
}

// revisit queues what may go on differently under new settings.
func (c *Controllers) revisit() {
	for k := range c.tables[cronJobKind] {
		c.queue.add(task{cronJobKind, k})
	}
	for _, p := range c.pods {
		if p.life != nil || p.node == "" {
			c.queue.add(p.task)
		}
	}
}

// idle forgets decoded objects and tells those who wait for it; false if
// something has come in meanwhile.
func (c *Controllers) idle() bool {
	c.mu.Lock()
	if len(c.changes) > 0 || c.retuned {
		c.mu.Unlock()
		return false
	}
	waiters := c.waiters
	c.waiters = nil
	c.mu.Unlock()
	c.cool()
	for _, w := range waiters {
		close(w)
	}
	return true
}

// at asks for a look at t at the given time.
func (c *Controllers) alarm(t task, at time.Time) {
	if !at.IsZero() {
		c.alarms.set(t, at)
	}
}

func (c *Controllers) enqueue(k kind, namespace, name string) {
	c.queue.add(task{k, types.NamespacedName{Namespace: namespace, Name: name}})
}
