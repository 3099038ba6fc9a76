package autoconfig

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"koflab/sim/clock"
)

// The waits, in real time, between attempts to follow a resource that cannot be
// followed: because its definition is not there yet, as a rule.
const (
	followAgain     = 50 * time.Millisecond
	followAgainMost = 2 * time.Second
)

// helmSecret is the type of Helm's records, which are large and many.
const helmSecret = "helm.sh/release.v1"

// cache holds the watched objects of management. Objects in it must not be
// changed.
type cache struct {
	client dynamic.Interface
	wall   clock.Clock // paces attempts
	// changed is told of every change, in order per resource; old or now is nil
	// for an object that appeared or is gone.
	changed func(r resource, old, now *unstructured.Unstructured)
	// appeared is told of a resource that was not served before.
	appeared func(resource)

	mu     sync.RWMutex
	stores map[resource]*store
	tell   sync.Mutex // keeps changed in the order of changes
}

type store struct {
	objects map[types.NamespacedName]*unstructured.Unstructured
	// index has the objects by what indexKey says of them.
	index map[string]map[types.NamespacedName]*unstructured.Unstructured
	// gone has the versions at which objects were deleted, so that a late answer
	// does not bring one back.
	gone map[types.NamespacedName]uint64
	// synced is closed when the resource was listed, or is not served.
	synced chan struct{}
}

func newCache(client dynamic.Interface, wall clock.Clock, changed func(r resource, old, now *unstructured.Unstructured), appeared func(resource)) *cache {
	c := &cache{client: client, wall: wall, changed: changed, appeared: appeared, stores: map[resource]*store{}}
	for _, r := range watched {
		c.stores[r] = &store{
			objects: map[types.NamespacedName]*unstructured.Unstructured{},
			index:   map[string]map[types.NamespacedName]*unstructured.Unstructured{},
			gone:    map[types.NamespacedName]uint64{}, synced: make(chan struct{}),
		}
	}
	return c
}

func keyOf(u *unstructured.Unstructured) types.NamespacedName {
	return types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()}
}

// get returns an object; nil when there is none.
func (c *cache) get(r resource, namespace, name string) *unstructured.Unstructured {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.stores[r].objects[types.NamespacedName{Namespace: namespace, Name: name}]
}

// list returns the objects with labels that match, by namespace and name. A nil
// selector matches all.
func (c *cache) list(r resource, selector labels.Selector) []*unstructured.Unstructured {
	c.mu.RLock()
	var out []*unstructured.Unstructured
	for _, u := range c.stores[r].objects {
		if selector == nil || selector.Matches(labels.Set(u.GetLabels())) {
			out = append(out, u)
		}
	}
	c.mu.RUnlock()
	sortObjects(out)
	return out
}

// indexKey is what objects are looked up by most: a cluster's role, or the
// cluster that a summary is about. It is empty for most resources.
func indexKey(r resource, u *unstructured.Unstructured) string {
	switch r {
	case configMaps, clusterDeployments:
		return str(u.Object, "metadata", "labels", LabelRole)
	case clusterSummaries:
		return summaryCluster(u).String()
	}
	return ""
}

// indexed returns the objects with an index key, by namespace and name.
func (c *cache) indexed(r resource, key string) []*unstructured.Unstructured {
	c.mu.RLock()
	found := c.stores[r].index[key]
	out := make([]*unstructured.Unstructured, 0, len(found))
	for _, u := range found {
		out = append(out, u)
	}
	c.mu.RUnlock()
	sortObjects(out)
	return out
}

// set replaces an object; old or now may be nil.
func (s *store) set(r resource, key types.NamespacedName, old, now *unstructured.Unstructured) {
	if old != nil {
		if k := indexKey(r, old); k != "" {
			delete(s.index[k], key)
			if len(s.index[k]) == 0 {
				delete(s.index, k)
			}
		}
		delete(s.objects, key)
	}
	if now == nil {
		return
	}
	s.objects[key] = now
	if k := indexKey(r, now); k != "" {
		if s.index[k] == nil {
			s.index[k] = map[types.NamespacedName]*unstructured.Unstructured{}
		}
		s.index[k][key] = now
	}
}

func (c *cache) count(r resource) int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.stores[r].objects)
}

// put takes an object as the API server has it.
func (c *cache) put(r resource, u *unstructured.Unstructured) {
	c.tell.Lock()
	defer c.tell.Unlock()
	key, version := keyOf(u), versionOf(u)
	c.mu.Lock()
	s := c.stores[r]
	old := s.objects[key]
	if old != nil && version != 0 && version <= versionOf(old) || version != 0 && version <= s.gone[key] || r == secrets && isHelm(u) {
		c.mu.Unlock()
		return
	}
	delete(s.gone, key)
	now := slim(r, u)
	s.set(r, key, old, now)
	c.mu.Unlock()
	c.changed(r, old, now)
}

// remove takes note that an object is gone.
func (c *cache) remove(r resource, u *unstructured.Unstructured) {
	c.tell.Lock()
	defer c.tell.Unlock()
	key := keyOf(u)
	c.mu.Lock()
	s := c.stores[r]
	old := s.objects[key]
	if old == nil {
		c.mu.Unlock()
		return
	}
	s.set(r, key, old, nil)
	s.gone[key] = max(versionOf(u), versionOf(old))
	c.mu.Unlock()
	c.changed(r, old, nil)
}

// follow keeps one resource up to date until the context ends.
func (c *cache) follow(ctx context.Context, r resource) {
	wait, absent := followAgain, false
	for ctx.Err() == nil {
		began := c.wall.Now()
		err := c.listAndWatch(ctx, r, &absent)
		if err == nil || c.wall.Now().Sub(began) > followAgainMost {
			wait = followAgain
		}
		if err == nil {
			continue
		}
		if apierrors.IsNotFound(err) {
			absent = true
			c.drop(r)
			c.ready(r)
		}
		select {
		case <-c.wall.NewTimer(wait).C():
		case <-ctx.Done():
		}
		wait = min(2*wait, followAgainMost)
	}
}

func (c *cache) ready(r resource) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.stores[r].synced:
	default:
		close(c.stores[r].synced)
	}
}

// drop forgets all objects of a resource that is not served any more.
func (c *cache) drop(r resource) {
	for _, u := range c.list(r, nil) {
		c.remove(r, u)
	}
}

func (c *cache) options(r resource) metav1.ListOptions {
	if r == secrets {
		return metav1.ListOptions{FieldSelector: "type!=" + helmSecret}
	}
	return metav1.ListOptions{}
}

// listAndWatch follows a resource until its watch ends, which is no error, or
// fails.
func (c *cache) listAndWatch(ctx context.Context, r resource, absent *bool) error {
	listed, err := c.all(ctx, r)
	if err != nil {
		return err
	}
	c.replace(r, listed.Items)
	c.ready(r)
	if *absent {
		*absent = false
		c.appeared(r)
	}
	o := c.options(r)
	o.ResourceVersion, o.AllowWatchBookmarks = listed.GetResourceVersion(), true
	for ctx.Err() == nil {
		w, err := c.client.Resource(r.GroupVersionResource).Watch(ctx, o)
		if err != nil {
			return err
		}
		err = c.receive(ctx, r, w, &o.ResourceVersion)
		w.Stop()
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *cache) all(ctx context.Context, r resource) (*unstructured.UnstructuredList, error) {
	o := c.options(r)
	var out *unstructured.UnstructuredList
	for {
		page, err := c.client.Resource(r.GroupVersionResource).List(ctx, o)
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = page
		} else {
			out.Items = append(out.Items, page.Items...)
		}
		if o.Continue = page.GetContinue(); o.Continue == "" {
			return out, nil
		}
	}
}

// receive takes the events of one watch; version is where the next one goes on.
func (c *cache) receive(ctx context.Context, r resource, w watch.Interface, version *string) error {
	for {
		var e watch.Event
		var open bool
		select {
		case e, open = <-w.ResultChan():
		case <-ctx.Done():
		}
		if !open {
			return nil
		}
		if e.Type == watch.Error {
			return apierrors.FromObject(e.Object)
		}
		u, ok := e.Object.(*unstructured.Unstructured)
		if !ok {
			return errors.New("the watch sent something that is no object")
		}
		*version = u.GetResourceVersion()
		switch e.Type {
		case watch.Added, watch.Modified:
			c.put(r, u)
		case watch.Deleted:
			c.remove(r, u)
		}
	}
}

func (c *cache) replace(r resource, items []unstructured.Unstructured) {
	there := make(map[types.NamespacedName]bool, len(items))
	for i := range items {
		there[keyOf(&items[i])] = true
		c.put(r, &items[i])
	}
	for _, u := range c.list(r, nil) {
		if !there[keyOf(u)] {
			c.remove(r, u)
		}
	}
}

// current reports whether the cache has what the API server has now. It asks.
func (c *cache) current(ctx context.Context) (bool, error) {
	for _, r := range watched {
		listed, err := c.all(ctx, r)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return false, err
		}
		c.mu.RLock()
		same, n := true, 0
		for i := range listed.Items {
			u := &listed.Items[i]
			if r == secrets && isHelm(u) {
				continue
			}
			n++
			have := c.stores[r].objects[keyOf(u)]
			same = same && have != nil && versionOf(have) >= versionOf(u)
		}
		same = same && n == len(c.stores[r].objects)
		c.mu.RUnlock()
		if !same {
			return false, nil
		}
	}
	return true, nil
}

func isHelm(u *unstructured.Unstructured) bool { return str(u.Object, "type") == helmSecret }

// slim leaves out what nobody here reads and much of which there is.
func slim(r resource, u *unstructured.Unstructured) *unstructured.Unstructured {
	unstructured.RemoveNestedField(u.Object, "metadata", "managedFields")
	unstructured.RemoveNestedField(u.Object, "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
	if r == clusterSummaries {
		for _, item := range list(u.Object, "spec", "clusterProfileSpec", "helmCharts") {
			if m, ok := item.(map[string]any); ok {
				delete(m, "values")
			}
		}
	}
	return u
}

// versionOf is an object's resource version; 0 when it is no number.
func versionOf(u *unstructured.Unstructured) uint64 {
	n, err := strconv.ParseUint(u.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
