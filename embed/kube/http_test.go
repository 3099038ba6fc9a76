package kube

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

// call makes a request. Headers are "Name: value" lines.
func call(t testing.TB, s *Server, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://kube"+path, strings.NewReader(body))
	require.NoError(t, err)
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		r.Header.Set(k, v)
	}
	resp, err := s.client.RoundTrip(r)
	require.NoError(t, err)
	return resp
}

func read(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	return string(b)
}

// message returns what a Status says.
func message(t testing.TB, r *http.Response) string {
	t.Helper()
	var st metav1.Status
	b := read(t, r)
	require.NoError(t, json.Unmarshal([]byte(b), &st), b)
	require.Equal(t, "Status", st.Kind, b)
	return st.Message
}

const (
	cms    = "/api/v1/namespaces/default/configmaps"
	deps   = "/apis/apps/v1/namespaces/default/deployments"
	merge  = "Content-Type: application/merge-patch+json"
	jsonP  = "Content-Type: application/json-patch+json"
	strat  = "Content-Type: application/strategic-merge-patch+json"
	cmJSON = `{"metadata":{"name":"x"},"data":{"a":"b"}}`
)

func TestBadRequests(t *testing.T) {
	s := newServer(t)
	require.Equal(t, 201, call(t, s, "POST", cms, cmJSON).StatusCode)
	for name, c := range map[string]struct {
		method, path, body, header string
		code                       int
		want                       string
	}{
		"unknown resource":    {"GET", "/api/v1/nopes", "", "", 404, ""},
		"unknown group":       {"GET", "/apis/nope/v1/things", "", "", 404, ""},
		"unknown version":     {"GET", "/apis/apps/v9/deployments", "", "", 404, ""},
		"unknown subresource": {"GET", cms + "/x/status", "", "", 404, "the server could not find the requested resource"},
		"method":              {"PUT", cms, cmJSON, "", 405, `put is not supported on resources of kind "configmaps"`},
		"not found":           {"GET", cms + "/nope", "", "", 404, `configmaps "nope" not found`},
		"exists":              {"POST", cms, cmJSON, "", 409, `configmaps "x" already exists`},
		"syntax":              {"POST", cms, `{`, "", 400, `ConfigMap in version "v1" cannot be handled as a ConfigMap: unexpected end of JSON input`},
		"type":                {"POST", cms, `{"data":7}`, "", 400, `ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type map[string]string`},
		"other kind":          {"POST", cms, `{"kind":"Pod","apiVersion":"v1"}`, "", 400, `the kind in the data (Pod) does not match the expected kind (ConfigMap)`},
		"other version":       {"POST", cms, `{"kind":"ConfigMap","apiVersion":"v2"}`, "", 400, `the API version in the data (v2) does not match the expected API version (v1)`},
		"other name":          {"PUT", cms + "/x", `{"metadata":{"name":"y"}}`, "", 400, "the name of the object (y) does not match the name on the URL (x)"},
		"other namespace":     {"PUT", cms + "/x", `{"metadata":{"name":"x","namespace":"y"}}`, "", 400, "the namespace of the provided object does not match the namespace sent on the request"},
		"media type":          {"POST", cms, cmJSON, "Content-Type: text/csv", 415, "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf"},
		"patch type":          {"PATCH", cms + "/x", `{}`, "Content-Type: application/json", 415, "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml"},
		"accept":              {"GET", cms, "", "Accept: application/cbor", 406, "only the following media types are accepted: application/json"},
		"too large":           {"POST", cms, `{"data":{"a":"` + strings.Repeat("x", maxBody) + `"}}`, "", 413, "Request entity too large: limit is 3145728"},
		"label selector":      {"GET", cms + "?labelSelector=a%20b%20c", "", "", 400, `unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt`},
		"field selector":      {"GET", cms + "?fieldSelector=data.a%3Db", "", "", 400, `"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"`},
		"pods' selector":      {"GET", "/api/v1/pods?fieldSelector=spec.foo%3Db", "", "", 400, `field label not supported: spec.foo`},
		"continue":            {"GET", cms + "?continue=%21", "", "", 400, "continue key is not valid: illegal base64 data at input byte 0"},
		"limit":               {"GET", cms + "?limit=-1", "", "", 400, `limit: Invalid value: "-1": must be a non-negative integer`},
		"future":              {"GET", cms + "?resourceVersion=999999", "", "", 504, "Timeout: Too large resource version: 999999, current: 7"},
		"merge patch":         {"PATCH", cms + "/x", `[]`, merge, 400, "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"},
		"json patch":          {"PATCH", cms + "/x", `{}`, jsonP, 400, "json: cannot unmarshal object into Go value of type jsonpatch.Patch"},
		"failing test":        {"PATCH", cms + "/x", `[{"op":"test","path":"/data/a","value":"c"}]`, jsonP, 422, "the server rejected our request due to an error in our request: testing value /data/a failed: test failed"},
		"patched nothing":     {"PATCH", cms + "/nope", `{}`, merge, 404, `configmaps "nope" not found`},
		"patched version":     {"PATCH", cms + "/x", `{"metadata":{"resourceVersion":"1"}}`, merge, 409, `Operation cannot be fulfilled on configmaps "x": the object has been modified; please apply your changes to the latest version and try again`},
		"apply, no manager":   {"PATCH", cms + "/x", `{}`, "Content-Type: application/apply-patch+yaml", 422, `PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch`},
		"strict":              {"POST", cms + "?fieldValidation=Strict", `{"metadata":{"name":"z"},"dada":{}}`, "", 400, `ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dada"`},
		"strict, repeated":    {"POST", cms + "?fieldValidation=Strict", `{"metadata":{"name":"z"},"data":{},"data":{}}`, "", 400, `ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data"`},
		"validation":          {"POST", cms + "?fieldValidation=Maybe", `{}`, "", 422, `CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Maybe": supported values: "", "Ignore", "Strict", "Warn"`},
		"propagation":         {"DELETE", cms + "/x?propagationPolicy=Never", "", "", 400, `propagationPolicy: Unsupported value: "Never": supported values: "Background", "Foreground", "Orphan"`},
		"delete precondition": {"DELETE", cms + "/x", `{"preconditions":{"uid":"u"}}`, "", 409, ""},
		"initial events":      {"GET", cms + "?watch=1&sendInitialEvents=true", "", "", 422, `ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden without allowWatchBookmarks`},
	} {
		t.Run(name, func(t *testing.T) {
			resp := call(t, s, c.method, c.path, c.body, c.header)
			require.Equal(t, c.code, resp.StatusCode)
			if c.want != "" {
				require.Equal(t, c.want, message(t, resp))
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	s := newServer(t)
	resp := call(t, s, "POST", cms, `{"metadata":{"name":"z"},"dada":{}}`)
	require.Equal(t, 201, resp.StatusCode)
	require.Equal(t, []string{`299 - "unknown field \"dada\""`}, resp.Header.Values("Warning"))
	resp = call(t, s, "POST", cms+"?fieldValidation=Ignore", `{"metadata":{"name":"y"},"dada":{}}`)
	require.Empty(t, resp.Header.Values("Warning"))
}

func TestPatches(t *testing.T) {
	s := newServer(t)
	require.Equal(t, 201, call(t, s, "POST", deps, mustJSON(t, deployment("web"))).StatusCode)
	image := func() string {
		o, err := s.Get(deployments, "default", "web")
		require.NoError(t, err)
		u := newUnstructured()
		require.NoError(t, o.Into(u))
		var out []string
		for _, c := range u.Object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)["containers"].([]any) {
			m := c.(map[string]any)
			out = append(out, m["name"].(string)+"="+m["image"].(string))
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct{ header, patch, want string }{
		{strat, `{"spec":{"template":{"spec":{"containers":[{"name":"d","image":"d"}]}}}}`, "d=d c=nginx"},
		{strat, `{"spec":{"template":{"spec":{"containers":[{"name":"d","$patch":"delete"}]}}}}`, "c=nginx"},
		{jsonP, `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"j"}]`, "c=j"},
		{merge, `{"spec":{"template":{"spec":{"containers":[{"name":"e","image":"e"}]}}}}`, "e=e"},
	} {
		resp := call(t, s, "PATCH", deps+"/web", c.patch, c.header)
		require.Equal(t, 200, resp.StatusCode, read(t, resp))
		require.Equal(t, c.want, image())
	}
	before, err := s.Get(deployments, "default", "web")
	require.NoError(t, err)
	require.Equal(t, 200, call(t, s, "PATCH", deps+"/web?dryRun=All", `{"spec":{"replicas":9}}`, merge).StatusCode)
	require.Equal(t, 200, call(t, s, "PATCH", deps+"/web/status", `{"spec":{"replicas":9}}`, merge).StatusCode)
	after, err := s.Get(deployments, "default", "web")
	require.NoError(t, err)
	require.Same(t, before, after)
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func TestBodiesInOtherFormats(t *testing.T) {
	s := newServer(t)
	require.Equal(t, 201, call(t, s, "POST", cms, "metadata:\n  name: from-yaml\ndata: {a: b}\n", "Content-Type: application/yaml").StatusCode)
	b, err := runtime.Encode(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme), &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Name: "p"}, Data: map[string]string{"a": "b"},
	})
	require.NoError(t, err)
	resp := call(t, s, "POST", cms, string(b), "Content-Type: application/vnd.kubernetes.protobuf", "Accept: application/vnd.kubernetes.protobuf, */*")
	require.Contains(t, read(t, resp), `"data":{"a":"b"}`)
	require.Equal(t, 201, resp.StatusCode)
}

func TestFieldSelectors(t *testing.T) {
	s := newServer(t)
	for _, name := range []string{"a", "b"} {
		_, err := s.Create(podsGR, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}, Spec: corev1.PodSpec{
			NodeName: "node-" + name, Containers: podTemplate().Spec.Containers,
		}})
		require.NoError(t, err)
		_, err = s.Create(eventsGR, &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e" + name, Namespace: "default"}, Reason: "Because",
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "default", Name: name}})
		require.NoError(t, err)
	}
	for path, want := range map[string]int{
		"/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-a":                                    1,
		"/api/v1/pods?fieldSelector=spec.nodeName%21%3Dnode-a":                                 1,
		"/api/v1/pods?fieldSelector=status.phase%3DPending,metadata.namespace%3Ddefault":       2,
		"/api/v1/pods?fieldSelector=metadata.name%3Da":                                         1,
		"/api/v1/events?fieldSelector=involvedObject.name%3Db,involvedObject.kind%3DPod":       1,
		"/apis/events.k8s.io/v1/events?fieldSelector=regarding.name%3Db":                       1,
		"/api/v1/namespaces?fieldSelector=status.phase%3DActive":                               4,
		"/api/v1/services?fieldSelector=spec.type%3DClusterIP":                                 1,
		"/api/v1/pods?labelSelector=app":                                                       0,
		"/api/v1/namespaces?labelSelector=kubernetes.io/metadata.name%20in%20(default,nobody)": 1,
	} {
		var list metav1.PartialObjectMetadataList
		require.NoError(t, json.Unmarshal([]byte(read(t, call(t, s, "GET", path, ""))), &list), path)
		require.Len(t, list.Items, want, path)
	}
	require.Equal(t, 200, call(t, s, "DELETE", "/api/v1/namespaces/default/pods?fieldSelector=metadata.name%3Da", "", "").StatusCode)
}

func TestHealthAndVersion(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/healthz", "/livez", "/readyz", "/readyz/ping"} {
		require.Equal(t, "ok", read(t, call(t, s, "GET", path, "")))
	}
	require.Contains(t, read(t, call(t, s, "GET", "/version", "")), `"minor":"34"`)
	require.Contains(t, read(t, call(t, s, "GET", "/metrics", "")), `apiserver_resource_objects{group="",resource="namespaces"} 4`)
}

func TestDiscoveryDocuments(t *testing.T) {
	s := newServer(t)
	require.Contains(t, read(t, call(t, s, "GET", "/api", "")), `"versions":["v1"]`)
	require.Contains(t, read(t, call(t, s, "GET", "/apis", "")), `"groupVersion":"apps/v1"`)
	require.Contains(t, read(t, call(t, s, "GET", "/apis/apps", "")), `"kind":"APIGroup"`)
	require.Contains(t, read(t, call(t, s, "GET", "/apis/apps/v1", "")), `"name":"deployments/scale"`)
	for _, v := range []string{"v2", "v2beta1"} {
		accept := "application/json;g=apidiscovery.k8s.io;v=" + v + ";as=APIGroupDiscoveryList"
		resp := call(t, s, "GET", "/apis", "", "Accept: "+accept+",application/json")
		require.Equal(t, accept, resp.Header.Get("Content-Type"))
		require.Contains(t, read(t, resp), `"apiVersion":"apidiscovery.k8s.io/`+v+`"`)
	}
	require.Contains(t, read(t, call(t, s, "GET", "/openapi/v3", "")), `"apis/apps/v1":{"serverRelativeURL":"/openapi/v3/apis/apps/v1?hash=`)
	require.Contains(t, read(t, call(t, s, "GET", "/openapi/v3/apis/apps/v1", "")), `"name":"fieldValidation"`)
	require.Equal(t, 200, call(t, s, "GET", "/openapi/v2", "", "Accept: application/com.github.proto-openapi.spec.v2@v1.0+protobuf").StatusCode)
	require.Equal(t, 404, call(t, s, "GET", "/nope", "").StatusCode)
}

func TestPartialMetadata(t *testing.T) {
	s := newServer(t)
	accept := "Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
	body := read(t, call(t, s, "GET", "/api/v1/services", "", accept))
	require.Contains(t, body, `"kind":"PartialObjectMetadataList"`)
	require.NotContains(t, body, `"spec"`)
}

func TestDeleteAnswers(t *testing.T) {
	s := newServer(t)
	require.Equal(t, 201, call(t, s, "POST", cms, cmJSON).StatusCode)
	require.Equal(t, 200, call(t, s, "DELETE", cms+"/x?dryRun=All", "").StatusCode)
	require.Contains(t, read(t, call(t, s, "DELETE", cms+"/x", `{"propagationPolicy":"Background"}`)), `"status":"Success"`)
	require.Equal(t, 404, call(t, s, "DELETE", cms+"/x", "").StatusCode)
	require.Equal(t, 405, call(t, s, "DELETE", "/api/v1/namespaces", "").StatusCode)
}
