package store

import (
	"fmt"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"pgregory.net/rapid"
)

var things = schema.GroupVersionResource{Group: "g", Version: "v1", Resource: "things"}

func thing(s *Store, ns, name string, owners ...types.UID) *Object {
	o := &Object{GVR: things, Namespace: ns, Name: name, UID: types.UID(ns + "/" + name), RV: s.Next()}
	for _, u := range owners {
		o.Owners = append(o.Owners, metav1.OwnerReference{UID: u})
	}
	o.JSON = []byte(fmt.Sprintf(`{"metadata":{"name":%q,"resourceVersion":"%d"}}`, name, o.RV))
	return o
}

// TestStoreAgreesWithAMap: whatever happens, what is read is what was written.
func TestStoreAgreesWithAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, model := New(8), map[types.NamespacedName]*Object{}
		var past []Change
		gr := things.GroupResource()
		for range rapid.IntRange(1, 60).Draw(t, "n") {
			ns, name := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "ns"), rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "name")
			key := types.NamespacedName{Namespace: ns, Name: name}
			switch {
			case rapid.Bool().Draw(t, "put"):
				o := thing(s, ns, name, types.UID(rapid.SampledFrom([]string{"o1", "o2"}).Draw(t, "owner")))
				past = append(past, s.Put(o))
				model[key] = o
			case model[key] != nil:
				past = append(past, s.Remove(thing(s, ns, name)))
				delete(model, key)
			}
			if rapid.Bool().Draw(t, "read") {
				s.Warm(gr)
				checkList(t, s, model, "")
				checkList(t, s, model, ns)
			}
			for k, o := range model {
				require.Same(t, o, s.Get(gr, k.Namespace, k.Name))
				require.Same(t, o, s.ByUID(o.UID))
			}
			require.Equal(t, len(model), s.Len(gr))
			require.Equal(t, len(model), s.InNamespace("a")+s.InNamespace("b"))
			require.Equal(t, len(model), len(s.Owned("o1"))+len(s.Owned("o2")))
			if len(past) > 0 {
				rv := past[rapid.IntRange(0, len(past)-1).Draw(t, "since")].Object.RV
				got, ok := s.Since(gr, rv)
				missed := past[sort.Search(len(past), func(i int) bool { return past[i].Object.RV > rv }):]
				require.Equal(t, len(missed) <= 8, ok)
				if ok {
					require.Len(t, got, len(missed))
				}
			}
		}
	})
}

func checkList(t *rapid.T, s *Store, model map[types.NamespacedName]*Object, ns string) {
	var want []string
	for k := range model {
		if ns == "" || k.Namespace == ns {
			want = append(want, k.String())
		}
	}
	sort.Strings(want)
	var got []string
	for _, o := range s.List(things.GroupResource(), ns) {
		got = append(got, o.Key().String())
	}
	require.Equal(t, want, got)
}

func TestListsStayAsTheyWere(t *testing.T) {
	s := New(8)
	s.Put(thing(s, "a", "x"))
	s.Warm(things.GroupResource())
	list := s.List(things.GroupResource(), "")
	before := list[0]
	c := s.Put(thing(s, "a", "x"))
	require.Equal(t, watch.Modified, c.Type)
	require.Same(t, before, c.Old)
	require.Same(t, before, list[0])
}

func TestHistoryIsBoundedByBytes(t *testing.T) {
	s := New(1 << 20)
	for range 500 {
		o := thing(s, "a", "x")
		o.JSON = make([]byte, 10<<10)
		s.Put(o)
	}
	require.LessOrEqual(t, s.history.bytes, (historyMin+1)*(10<<10))
}

func TestInto(t *testing.T) {
	o := thing(New(1), "a", "x")
	var m metav1.PartialObjectMetadata
	require.NoError(t, o.Into(&m))
	require.Equal(t, "x", m.Name)
	var u unstructured.Unstructured
	require.NoError(t, o.Into(&u))
	require.Equal(t, "x", u.GetName())
	o.JSON = []byte("{")
	require.EqualError(t, o.Into(&m), "decode things.g a/x: unexpected end of JSON input")
}

func TestController(t *testing.T) {
	yes := true
	o := &Object{Owners: []metav1.OwnerReference{{Name: "a"}, {Name: "b", Controller: &yes}}}
	require.Equal(t, "b", o.Controller().Name)
	require.Nil(t, (&Object{}).Controller())
}
