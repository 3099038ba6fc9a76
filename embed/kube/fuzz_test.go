package kube

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"
)

// FuzzPatch: whatever comes as a patch, the answer is a status and the object
// stays one that can be read.
func FuzzPatch(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `null`, `{"spec":null}`, `{"spec":{"replicas":-1}}`, `{"metadata":{"name":"other"}}`, `{"metadata":null}`,
		`[{"op":"add","path":"/spec/template/spec/containers/-","value":{"name":"d"}}]`, `[{"op":"remove","path":""}]`,
		`[{"op":"move","from":"/spec","path":"/metadata"}]`, `[{"op":"copy","from":"/spec","path":"/spec/x"}]`,
		`{"spec":{"template":{"spec":{"containers":[{"$patch":"delete"}]}}}}`, `{"$patch":"replace"}`,
		`{"spec":{"$setElementOrder/containers":[1]}}`, `{"spec":{"template":{"spec":{"$deleteFromPrimitiveList/x":[1]}}}}`,
		`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":3}}`, `{"metadata":{"managedFields":[{}]}}`,
	} {
		for kind := range 4 {
			f.Add(uint8(kind), seed)
		}
	}
	kinds := []types.PatchType{types.JSONPatchType, types.MergePatchType, types.StrategicMergePatchType, types.ApplyYAMLPatchType}
	s := newServer(f)
	_, err := s.Create(deployments, deployment("web"))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, kind uint8, patch string) {
		path := deps + "/web?dryRun=All&force=true&fieldManager=fuzz"
		k := kinds[int(kind)%len(kinds)]
		if k != types.ApplyYAMLPatchType {
			path = deps + "/web?dryRun=All"
		}
		resp := call(t, s, http.MethodPatch, path, patch, "Content-Type: "+string(k))
		body := read(t, resp)
		require.NotContains(t, body, "panic", patch)
		if resp.StatusCode/100 != 2 {
			require.Contains(t, body, `"kind":"Status"`)
		}
		_, err := s.Get(deployments, "default", "web")
		require.NoError(t, err)
	})
}

// FuzzSelectors: a selector is understood or refused.
func FuzzSelectors(f *testing.F) {
	for _, seed := range []string{"a=b", "a in (b,c)", "!a", "a,b", "a notin (", "metadata.name=x", "metadata.name!=x,spec.nodeName=", "=", "\\", "a\\,b=c"} {
		f.Add(seed, seed)
	}
	s := newServer(f)
	runningPod(f, s, "p", "c")
	f.Fuzz(func(t *testing.T, labels, fields string) {
		q := url.Values{"labelSelector": {labels}, "fieldSelector": {fields}}
		resp := call(t, s, http.MethodGet, "/api/v1/pods?"+q.Encode(), "")
		require.Contains(t, []int{200, 400}, resp.StatusCode, read(t, resp))
	})
}

// FuzzPaths: any path has an answer.
func FuzzPaths(f *testing.F) {
	for _, seed := range []string{"api", "apis", "api/v1/namespaces/default/pods/p/log", "apis/apps/v1/deployments", "api/v1/namespaces//pods", "//", "api/v1/watch/pods", "openapi/v3/x"} {
		f.Add(seed)
	}
	s := newServer(f)
	f.Fuzz(func(t *testing.T, path string) {
		u := url.URL{Path: "/" + path}
		if _, err := url.ParseRequestURI(u.EscapedPath()); err != nil || strings.Contains(path, "\x00") {
			t.Skip()
		}
		resp := call(t, s, http.MethodGet, u.EscapedPath(), "")
		require.NotContains(t, read(t, resp), "panic")
	})
}
