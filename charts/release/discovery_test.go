package release

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
)

func TestCatalogsAreShared(t *testing.T) {
	f := newFakeAPI()
	f.kinds = map[gvr]fakeKind{gvrOf("", "v1", "secrets"): {"Secret", true}}
	a, _ := f.client(t)
	b, _ := f.client(t)
	first, err := a.served(context.Background(), false)
	require.NoError(t, err)
	second, err := b.served(context.Background(), false)
	require.NoError(t, err)
	require.Same(t, first.base, second.base)
	caps, err := a.capabilities(context.Background())
	require.NoError(t, err)
	require.Equal(t, []string{"v1", "v1/Secret"}, []string(caps.APIVersions))
	require.Equal(t, "34", caps.KubeVersion.Minor)
}

// oldAPI answers discovery one group at a time, as servers before 1.26 do.
type oldAPI struct{ *fakeAPI }

func (o oldAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/api":
		answer(w, 200, metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}})
	case "/apis":
		list := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
		for _, g := range []string{"apps", "broken.example"} {
			v := metav1.GroupVersionForDiscovery{GroupVersion: g + "/v1", Version: "v1"}
			list.Groups = append(list.Groups, metav1.APIGroup{Name: g, Versions: []metav1.GroupVersionForDiscovery{v}, PreferredVersion: v})
		}
		answer(w, 200, list)
	case "/apis/broken.example/v1":
		fail(w, &metav1.Status{Status: "Failure", Code: 503, Reason: metav1.StatusReasonServiceUnavailable, Message: "down"})
	default:
		o.fakeAPI.ServeHTTP(w, r)
	}
}

func TestOldServersAreDiscoveredGroupByGroup(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	c, err := New(Options{Config: &rest.Config{Host: "http://old", Transport: roundTripper{oldAPI{f}}}})
	require.NoError(t, err)
	_, err = c.Apply(context.Background(), web(t, nil))
	require.NoError(t, err)
	caps, err := c.capabilities(context.Background())
	require.NoError(t, err)
	require.True(t, caps.APIVersions.Has("apps/v1/Deployment"))
	require.False(t, caps.APIVersions.Has("batch/v1/Job"))
}

// A kind somebody else brought after the first look is found by looking again.
func TestNewKindsOfOthersAreFound(t *testing.T) {
	f := newFakeAPI()
	c, _ := f.client(t)
	_, err := c.served(context.Background(), false)
	require.NoError(t, err)
	docs, err := parseManifest(strings.NewReader(ringCRD))
	require.NoError(t, err)
	f.store("customresourcedefinitions/rings.lab.example", docs[0].object)
	ring := makeChart(t, "ring", "1.0.0", map[string]string{"templates/r.yaml": "apiVersion: lab.example/v1\nkind: Ring\nmetadata: {name: one}\n"})
	_, err = c.Apply(context.Background(), Release{Name: "ring", Namespace: "default", Chart: ring})
	require.NoError(t, err)
	require.NotNil(t, f.object("rings", "default/one"))
}

func TestManifests(t *testing.T) {
	docs, err := parseManifest(strings.NewReader("---\n# only a comment\n---\n# Source: a/b.yaml\nkind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: x}}\n- {apiVersion: v1, kind: B, metadata: {name: y}}\n---\nnull\n"))
	require.NoError(t, err)
	require.Len(t, docs, 2)
	require.Equal(t, "a/b.yaml", docs[1].source)
	require.Equal(t, "B", docs[1].object.GetKind())
	_, err = parseManifest(strings.NewReader("# Source: a.yaml\n- list\n---\n# Source: b.yaml\nmetadata: {name: x}\n---\n# Source: c.yaml\nkind: A\nmetadata: {name: x}\n"))
	require.ErrorContains(t, err, "a.yaml: the document is not an object")
	require.ErrorContains(t, err, "b.yaml: the document has no kind")
	require.ErrorContains(t, err, `c.yaml: A "x" has no apiVersion`)
}

// Equal documents are read once, and what is made of them is not shared.
func TestConversionsAreSharedSafely(t *testing.T) {
	text := "apiVersion: v1\nkind: A\nmetadata: {name: x, labels: {a: b}}\n"
	var group sync.WaitGroup
	objects := make([]*unstructured.Unstructured, 8)
	for i := range objects {
		group.Go(func() {
			docs, err := parseManifest(strings.NewReader(text))
			if err == nil {
				objects[i] = docs[0].object
				objects[i].SetLabels(map[string]string{"i": itoa(i)})
			}
		})
	}
	group.Wait()
	for i, u := range objects {
		require.Equal(t, itoa(i), u.GetLabels()["i"])
	}
	body, err := converted.json([]byte(text))
	require.NoError(t, err)
	require.True(t, json.Valid(body))
}
