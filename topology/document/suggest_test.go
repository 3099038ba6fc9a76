package document

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNearest(t *testing.T) {
	names := []string{"name", "nodes", "namespace", "region", "regionNamespace"}
	f := func(got, want string) {
		t.Helper()
		require.Equal(t, want, Nearest(got, names))
	}
	f("nmae", "name")
	f("Nodes", "nodes")
	f("node", "nodes")
	f("regoin", "region")
	f("namespaces", "namespace")
	f("regionnamespace", "regionNamespace")
	f("x", "")
	f("", "")
	f("retention", "")
}

func TestDistance(t *testing.T) {
	f := func(a, b string, want int) {
		t.Helper()
		require.Equal(t, want, distance(a, b, 10))
		require.Equal(t, want, distance(b, a, 10))
	}
	f("", "", 0)
	f("abc", "", 3)
	f("abc", "abc", 0)
	f("abc", "acb", 1)
	f("abc", "abd", 1)
	f("kitten", "sitting", 3)
}
