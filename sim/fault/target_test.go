package fault

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var allKinds = []Kind{Link, Workload, Component, Node, Cluster, Region, Child, Management}

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		text  string
		kinds []Kind
		want  Target
	}{
		{"region-1", []Kind{Region}, Target{Kind: Region, Cluster: "region-1"}},
		{"team-a/child-1", []Kind{Child}, Target{Kind: Child, Cluster: "team-a/child-1"}},
		{"child-1->region-1", edges, Target{Kind: Link, From: "child-1", To: "region-1"}},
		{" child-1 -> * ", edges, Target{Kind: Link, From: "child-1", To: "*"}},
		{"team-a/c->r", edges, Target{Kind: Link, From: "team-a/c", To: "r"}},
		{"child-1", edges, Target{Kind: Cluster, Cluster: "child-1"}},
		{"region-1:vmselect-cluster", []Kind{Component}, Target{Kind: Component, Cluster: "region-1", Name: "vmselect-cluster"}},
		{"team-a/c:shop/cart", []Kind{Workload}, Target{Kind: Workload, Cluster: "team-a/c", Namespace: "shop", Name: "cart"}},
		{"c:ip-10-0-0-1.internal", []Kind{Node}, Target{Kind: Node, Cluster: "c", Name: "ip-10-0-0-1.internal"}},
	} {
		got, err := ParseTarget(c.text, c.kinds)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, got)
		again, err := ParseTarget(got.String(), c.kinds)
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
}

func TestTargetsThatAreNone(t *testing.T) {
	for text, kinds := range map[string][]Kind{
		"a->": edges, "->b": edges, "a->b->c": edges, "a b->c": edges, "a": {Workload}, "a:b": {Workload}, "a:/b": {Workload}, "a:b/": {Workload},
		"a:b/c/d": {Workload}, "a:b/c": {Node}, ":b": {Node}, "a:": {Component}, "a/b/c": {Cluster}, "/b": {Cluster}, "*": {Cluster}, "c:b": {Region}, " ": {Cluster},
	} {
		_, err := ParseTarget(text, kinds)
		require.ErrorContains(t, err, "want "+kinds[0].Syntax(), text)
	}
	_, err := ParseTarget("", edges)
	require.EqualError(t, err, "no target: want FROM->TO (a link) or CLUSTER (a cluster)")
	_, err = ParseTarget("child-1", []Kind{Workload})
	require.EqualError(t, err, `target "child-1": want CLUSTER:NAMESPACE/NAME (a workload)`)
}

// FuzzParseTarget: what is taken is written again as it means the same.
func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"a", "a->b", "*->b", "n/a:b/c", "a:b", "a->b:c", " a -> b", "->", ":", "/", "a:b/c:d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kinds := range append([][]Kind{allKinds}, edges, []Kind{Workload}, []Kind{Component}, []Kind{Node}, []Kind{Region}) {
			got, err := ParseTarget(text, kinds)
			if err != nil {
				continue
			}
			require.Contains(t, kinds, got.Kind)
			again, err := ParseTarget(got.String(), []Kind{got.Kind})
			require.NoError(t, err, "%q of %q", got.String(), text)
			require.Equal(t, got, again)
			require.False(t, strings.ContainsAny(got.Cluster+got.From+got.To, " \t>"))
		}
	})
}
