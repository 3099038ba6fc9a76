package store

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// Limits of the history, beside the number of changes: superseded versions cost
// memory that nobody else holds.
const (
	historyBytes = 96 << 10
	historyMin   = 48
)

// Store is the set of objects of one server. It does not lock: its owner does.
type Store struct {
	rv      uint64
	tables  map[schema.GroupResource]*table
	byUID   map[types.UID]*Object
	owned   map[types.UID]map[*Object]struct{}
	spaces  map[string]int // objects per namespace
	history history
}

type table struct {
	objects map[types.NamespacedName]*Object
	sorted  []*Object // by namespace and name; nil after an addition or removal
}

// New returns an empty store whose history holds at most limit changes.
func New(limit int) *Store {
	return &Store{
		rv: 1, tables: map[schema.GroupResource]*table{}, byUID: map[types.UID]*Object{},
		owned: map[types.UID]map[*Object]struct{}{}, spaces: map[string]int{}, history: history{limit: limit, floor: 1},
	}
}

// RV returns the resourceVersion of the latest change.
func (s *Store) RV() uint64 { return s.rv }

// Next returns the resourceVersion that the next change has to carry.
func (s *Store) Next() uint64 { return s.rv + 1 }

// Get returns an object, or nil.
func (s *Store) Get(gr schema.GroupResource, ns, name string) *Object {
	t := s.tables[gr]
	if t == nil {
		return nil
	}
	return t.objects[types.NamespacedName{Namespace: ns, Name: name}]
}

// ByUID returns an object, or nil.
func (s *Store) ByUID(uid types.UID) *Object { return s.byUID[uid] }

// Len returns the number of objects of a resource.
func (s *Store) Len(gr schema.GroupResource) int {
	if t := s.tables[gr]; t != nil {
		return len(t.objects)
	}
	return 0
}

// InNamespace returns the number of objects in a namespace.
func (s *Store) InNamespace(ns string) int { return s.spaces[ns] }

// Warm sorts a resource if it has to be, which needs the writer's lock; List may
// then be called by readers. It reports whether there was something to do.
func (s *Store) Warm(gr schema.GroupResource) {
	t := s.tables[gr]
	if t == nil || t.sorted != nil {
		return
	}
	t.sorted = make([]*Object, 0, len(t.objects))
	for _, o := range t.objects {
		t.sorted = append(t.sorted, o)
	}
	slices.SortFunc(t.sorted, byKey)
}

// IsWarm tells whether List needs no Warm before.
func (s *Store) IsWarm(gr schema.GroupResource) bool {
	t := s.tables[gr]
	return t == nil || t.sorted != nil
}

// List returns a resource's objects sorted by namespace and name; ns "" is all.
// The slice is shared and must not be changed. Warm has to come first.
func (s *Store) List(gr schema.GroupResource, ns string) []*Object {
	t := s.tables[gr]
	if t == nil {
		return nil
	}
	if ns == "" {
		return t.sorted
	}
	from, _ := slices.BinarySearchFunc(t.sorted, ns, func(o *Object, ns string) int { return cmp.Compare(o.Namespace, ns) })
	to := from
	for to < len(t.sorted) && t.sorted[to].Namespace == ns {
		to++
	}
	return t.sorted[from:to:to]
}

// Resources returns the resources that have objects in a namespace, sorted.
func (s *Store) Resources(ns string) []schema.GroupResource {
	var out []schema.GroupResource
	for gr, t := range s.tables {
		for k := range t.objects {
			if k.Namespace == ns {
				out = append(out, gr)
				break
			}
		}
	}
	slices.SortFunc(out, func(a, b schema.GroupResource) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource, b.Resource))
	})
	return out
}

// Owned returns the objects that name uid as an owner, sorted.
func (s *Store) Owned(uid types.UID) []*Object {
	out := make([]*Object, 0, len(s.owned[uid]))
	for o := range s.owned[uid] {
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b *Object) int {
		return cmp.Or(cmp.Compare(a.GVR.Group, b.GVR.Group), cmp.Compare(a.GVR.Resource, b.GVR.Resource), byKey(a, b))
	})
	return out
}

// Put stores a new version, which has to carry Next as its RV, and returns the change.
func (s *Store) Put(o *Object) Change {
	gr := o.GVR.GroupResource()
	t := s.tables[gr]
	if t == nil {
		t = &table{objects: map[types.NamespacedName]*Object{}}
		s.tables[gr] = t
	}
	old := t.objects[o.Key()]
	c := Change{Type: watch.Added, Object: o}
	if old != nil {
		c.Type, c.Old = watch.Modified, old
		s.forget(old)
		if t.sorted != nil {
			if i, ok := slices.BinarySearchFunc(t.sorted, o, byKey); ok {
				// Readers hold slices of sorted: replace the backing array.
				t.sorted = slices.Clone(t.sorted)
				t.sorted[i] = o
			}
		}
	} else {
		t.sorted = nil
		s.spaces[o.Namespace]++
	}
	t.objects[o.Key()] = o
	s.byUID[o.UID] = o
	for _, r := range o.Owners {
		m := s.owned[r.UID]
		if m == nil {
			m = map[*Object]struct{}{}
			s.owned[r.UID] = m
		}
		m[o] = struct{}{}
	}
	s.rv = o.RV
	s.history.add(c)
	return c
}

// Remove takes an object out. last is its last version, carrying Next as RV.
func (s *Store) Remove(last *Object) Change {
	t := s.tables[last.GVR.GroupResource()]
	old := t.objects[last.Key()]
	s.forget(old)
	delete(t.objects, last.Key())
	delete(s.byUID, old.UID)
	t.sorted = nil
	if s.spaces[last.Namespace]--; s.spaces[last.Namespace] == 0 {
		delete(s.spaces, last.Namespace)
	}
	s.rv = last.RV
	c := Change{Type: watch.Deleted, Object: last, Old: old}
	s.history.add(c)
	return c
}

func (s *Store) forget(old *Object) {
	for _, r := range old.Owners {
		if m := s.owned[r.UID]; m != nil {
			delete(m, old)
			if len(m) == 0 {
				delete(s.owned, r.UID)
			}
		}
	}
}

func byKey(a, b *Object) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
