package controllers

import (
	"cmp"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"koflab/embed/kube/store"
)

// watched are the kinds whose changes matter. The others are only written.
var watched = func() (w [kinds]bool) {
	for k := podKind; k <= accountKind; k++ {
		w[k] = true
	}
	return w
}()

// entry is an object as stored; its decoded form lives only while the
// controllers are busy.
type entry struct {
	task
	obj   *store.Object
	owner types.UID
	typed any
	// selector is a Service's, as of selectorOf.
	selector   map[string]string
	selectorOf *store.Object
}

// cache is what controllers know of the cluster.
type cache struct {
	tables   [kinds]map[types.NamespacedName]*entry
	children map[types.UID]map[*entry]struct{} // by controller: ReplicaSets, Jobs, ControllerRevisions
	pods     map[types.NamespacedName]*pod
	podsIn   map[string]map[*pod]struct{}    // by namespace
	podsOf   map[types.UID]map[*pod]struct{} // by controller
	loose    map[*pod]struct{}               // pods without one
	nodes    map[string]*node
	sorted   []*node // by name; nil after a change of nodes
	pending  map[*pod]struct{}
	// blocked are pods that wait for a ConfigMap or Secret of their namespace.
	blocked map[*pod]struct{}
	// balancers are the addresses of load balancers.
	balancers map[types.NamespacedName]string
	// made counts the pods that an owner has made, for their names.
	made     map[types.UID]int
	warm     []*entry
	warmPods []*pod
	recorder recorder
}

func newCache() cache {
	c := cache{
		children: map[types.UID]map[*entry]struct{}{}, pods: map[types.NamespacedName]*pod{}, podsIn: map[string]map[*pod]struct{}{},
		balancers: map[types.NamespacedName]string{},
		podsOf:    map[types.UID]map[*pod]struct{}{}, loose: map[*pod]struct{}{}, nodes: map[string]*node{},
		pending: map[*pod]struct{}{}, blocked: map[*pod]struct{}{}, made: map[types.UID]int{},
	}
	for _, k := range []kind{namespaceKind, replicaSetKind, statefulSetKind, daemonSetKind, jobKind, deploymentKind,
		cronJobKind, serviceKind, claimKind, volumeKind, classKind, hpaKind, pdbKind, quotaKind, revisionKind} {
		c.tables[k] = map[types.NamespacedName]*entry{}
	}
	return c
}

// read decodes an entry's object. The result is shared: callers copy what they change.
func read[T any](c *cache, e *entry) (*T, error) {
	if t, ok := e.typed.(*T); ok {
		return t, nil
	}
	t := new(T)
	if err := e.obj.Into(t); err != nil {
		return nil, err
	}
	e.typed = t
	c.warm = append(c.warm, e)
	return t, nil
}

// find returns the object of a task, decoded; nil if there is none.
func find[T any](c *cache, t task) (*entry, *T, error) {
	e := c.tables[t.kind][t.NamespacedName]
	if e == nil {
		return nil, nil, nil
	}
	v, err := read[T](c, e)
	return e, v, err
}

// cool drops decoded objects that nobody needs until the next change. Pods whose
// life moves keep theirs: its times are finer than the API's seconds.
func (c *cache) cool() {
	for _, e := range c.warm {
		e.typed = nil
	}
	c.warm = nil
	kept := c.warmPods[:0]
	for _, p := range c.warmPods {
		if p.life != nil {
			kept = append(kept, p)
			continue
		}
		p.typed, p.warm = nil, false
	}
	if len(kept) == 0 {
		kept = nil
	}
	c.warmPods = kept
}

// podSpec returns a pod's decoded object. It is the pod's own: the kubelet
// changes its status in place.
func (c *cache) podSpec(p *pod) (*corev1.Pod, error) {
	if p.typed == nil {
		t := new(corev1.Pod)
		if err := p.obj.Into(t); err != nil {
			return nil, err
		}
		p.typed = t
	}
	if !p.warm {
		p.warm = true
		c.warmPods = append(c.warmPods, p)
	}
	return p.typed, nil
}

// owned returns the entries of kind k that uid controls, oldest first.
func (c *cache) owned(uid types.UID, k kind) []*entry {
	var out []*entry
	for e := range c.children[uid] {
		if e.kind == k {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *entry) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// podsBy returns the pods that uid controls, by name.
func (c *cache) podsBy(uid types.UID) []*pod {
	out := make([]*pod, 0, len(c.podsOf[uid]))
	for p := range c.podsOf[uid] {
		out = append(out, p)
	}
	byName(out)
	return out
}

func link[K, T comparable](m map[K]map[T]struct{}, key K, v T) {
	if m[key] == nil {
		m[key] = map[T]struct{}{}
	}
	m[key][v] = struct{}{}
}

func unlink[K, T comparable](m map[K]map[T]struct{}, key K, v T) {
	delete(m[key], v)
	if len(m[key]) == 0 {
		delete(m, key)
	}
}

// store takes over an object of a table and reports whether it is news.
func (c *cache) store(k kind, ch store.Change) (e *entry, news bool) {
	key := types.NamespacedName{Namespace: ch.Object.Namespace, Name: ch.Object.Name}
	e = c.tables[k][key]
	if ch.Type == watch.Deleted {
		if e == nil || e.obj.UID != ch.Object.UID {
			return nil, false
		}
		delete(c.tables[k], key)
		unlink(c.children, e.owner, e)
		return e, true
	}
	if e != nil && e.obj.RV >= ch.Object.RV {
		return e, false
	}
	if e == nil {
		e = &entry{task: task{k, key}}
		c.tables[k][key] = e
	}
	owner, _ := controllerOf(ch.Object)
	if e.owner != owner || e.obj == nil {
		unlink(c.children, e.owner, e)
		e.owner = owner
		if owner != "" {
			link(c.children, owner, e)
		}
	}
	e.obj, e.typed = ch.Object, nil
	return e, true
}

// adopt takes over the answer to a write, with the typed object that was
// written: it need not be decoded again.
func (c *cache) adopt(e *entry, o *store.Object, typed any, meta *metav1.ObjectMeta) {
	meta.ResourceVersion, meta.Generation = strconv.FormatUint(o.RV, 10), o.Generation
	e.obj, e.typed = o, typed
	c.warm = append(c.warm, e)
}
