package rules_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"koflab/embed/kube"
)

// edits are values by path, such as "spec.containers.0.image"; nil removes.
type edits map[string]any

// refusal is an object that the server has to refuse, made of a good one by edits.
type refusal struct {
	name string
	base string // of bases
	// first are edits before the object is created, where an update is to fail.
	first edits
	edit  edits
	want  string // of a whole error; "" is no error
	// part is enough of the error where all of it would be long.
	part string
}

func newServer(t testing.TB) *kube.Server {
	t.Helper()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return kube.New(kube.Options{Name: "test", Seed: 1, Now: func() time.Time { return at }})
}

// object returns a good object with edits.
func object(t testing.TB, base string, list ...edits) (schema.GroupResource, map[string]any) {
	t.Helper()
	doc, ok := bases[base]
	require.True(t, ok, base)
	var o map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(doc), &o))
	kind := o["kind"].(string)
	plural := strings.ToLower(kind) + "s"
	switch {
	case strings.HasSuffix(kind, "ss"):
		plural = strings.ToLower(kind) + "es"
	case strings.HasSuffix(kind, "y"):
		plural = strings.TrimSuffix(strings.ToLower(kind), "y") + "ies"
	}
	group, _, found := strings.Cut(o["apiVersion"].(string), "/")
	if !found {
		group = ""
	}
	meta := o["metadata"].(map[string]any)
	if meta["name"] == nil {
		meta["name"] = "x"
	}
	for _, e := range list {
		for path, v := range e {
			set(t, o, strings.Split(path, "."), v)
		}
	}
	return schema.GroupResource{Group: group, Resource: plural}, o
}

func set(t testing.TB, at any, path []string, v any) {
	t.Helper()
	last := len(path) == 1
	switch x := at.(type) {
	case map[string]any:
		key := strings.ReplaceAll(path[0], "|", ".")
		switch {
		case last && v == nil:
			delete(x, key)
		case last:
			x[key] = v
		default:
			if x[key] == nil {
				x[key] = map[string]any{}
			}
			set(t, x[key], path[1:], v)
		}
	case []any:
		i, err := strconv.Atoi(path[0])
		require.NoError(t, err)
		if last {
			x[i] = v
			return
		}
		set(t, x[i], path[1:], v)
	default:
		require.Fail(t, "no such path", "%v in %T", path, at)
	}
}

func encode(t testing.TB, o map[string]any) []byte {
	t.Helper()
	b, err := json.Marshal(o)
	require.NoError(t, err)
	return b
}

func (c refusal) check(t *testing.T, err error) {
	t.Helper()
	switch {
	case c.part != "":
		require.ErrorContains(t, err, c.part)
	case c.want == "":
		require.NoError(t, err)
	default:
		require.EqualError(t, err, c.want)
	}
}

func refuseCreation(t *testing.T, cases []refusal) {
	for _, c := range cases {
		t.Run(c.base+" "+c.name, func(t *testing.T) {
			gr, o := object(t, c.base, c.first, c.edit)
			_, err := newServer(t).Create(gr, encode(t, o))
			c.check(t, err)
		})
	}
}

func refuseChange(t *testing.T, cases []refusal) {
	for _, c := range cases {
		t.Run(c.base+" "+c.name, func(t *testing.T) {
			s := newServer(t)
			gr, o := object(t, c.base, c.first)
			stored, err := s.Create(gr, encode(t, o))
			require.NoError(t, err)
			// What a client read is what it edits and writes back.
			u := &unstructured.Unstructured{}
			require.NoError(t, stored.Into(u))
			for path, v := range c.edit {
				set(t, u.Object, strings.Split(path, "."), v)
			}
			_, err = s.Update(gr, u, "")
			c.check(t, err)
		})
	}
}

// created returns an object as the server keeps it.
func created(t testing.TB, base string, list ...edits) map[string]any {
	t.Helper()
	gr, o := object(t, base, list...)
	stored, err := newServer(t).Create(gr, encode(t, o))
	require.NoError(t, err)
	u := &unstructured.Unstructured{}
	require.NoError(t, stored.Into(u))
	return u.Object
}

// at returns the value at a path of an object.
func at(t testing.TB, o any, path string) any {
	t.Helper()
	for _, p := range strings.Split(path, ".") {
		switch x := o.(type) {
		case map[string]any:
			o = x[strings.ReplaceAll(p, "|", ".")]
		case []any:
			i, err := strconv.Atoi(p)
			require.NoError(t, err)
			require.Less(t, i, len(x), path)
			o = x[i]
		default:
			return nil
		}
	}
	return o
}
