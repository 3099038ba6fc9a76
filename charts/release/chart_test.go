package release

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	helmtime "helm.sh/helm/v3/pkg/time"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const webTemplates = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels: {app: web}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: "{{ .Values.image }}"
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-config}
data:
  greeting: {{ .Values.greeting | quote }}
  kube: {{ .Capabilities.KubeVersion.Version }}
{{- if .Values.extra }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-extra}
data: {a: b}
{{- end }}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-secret}
stringData: {password: {{ .Values.password }}}
`

const webSchema = `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {
  "replicas": {"type": "integer", "minimum": 0}, "greeting": {"type": "string"}, "extra": {"type": "boolean"}}}`

const webValues = "replicas: 1\nimage: web:1\ngreeting: hello\nextra: false\npassword: hunter2\n"

const ringCRD = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: rings.lab.example}
spec:
  group: lab.example
  scope: Namespaced
  names: {kind: Ring, plural: rings, singular: ring, listKind: RingList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// makeChart loads a chart from files given by name.
func makeChart(t testing.TB, name, version string, files map[string]string) *chart.Chart {
	t.Helper()
	list := []*loader.BufferedFile{{Name: "Chart.yaml", Data: []byte("apiVersion: v2\nname: " + name + "\nversion: " + version + "\nappVersion: \"1\"\n")}}
	for n, data := range files {
		list = append(list, &loader.BufferedFile{Name: n, Data: []byte(data)})
	}
	ch, err := loader.LoadFiles(list)
	require.NoError(t, err)
	return ch
}

func webChart(t testing.TB) *chart.Chart {
	return makeChart(t, "web", "1.0.0", map[string]string{
		"values.yaml": webValues, "values.schema.json": webSchema, "templates/web.yaml": webTemplates,
		"templates/NOTES.txt": "Say {{ .Values.greeting }}.",
	})
}

func web(t testing.TB, values map[string]any) Release {
	return Release{Name: "web", Namespace: "shop", Chart: webChart(t), Values: values, CreateNamespace: true}
}

func libraryChart(t testing.TB) *chart.Chart {
	ch := webChart(t)
	ch.Metadata.Type = "library"
	return ch
}

type gvr = schema.GroupVersionResource

func gvrOf(group, version, resource string) gvr {
	return gvr{Group: group, Version: version, Resource: resource}
}

func helmTime(t time.Time) helmtime.Time { return helmtime.Time{Time: t} }
