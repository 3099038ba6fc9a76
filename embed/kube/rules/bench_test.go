package rules_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"koflab/embed/kube/rules"
)

// big is a deployment as charts render them.
const big = `
metadata: {name: x, namespace: default}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: x, app.kubernetes.io/instance: y}}
  template:
    metadata: {labels: {app.kubernetes.io/name: x, app.kubernetes.io/instance: y}, annotations: {checksum/config: abc}}
    spec:
      serviceAccountName: x
      securityContext: {runAsNonRoot: true}
      containers:
      - name: main
        image: ghcr.io/k0rdent/kof/x:0.3.0
        args: [--a, --b]
        env: [{name: A, value: "1"}, {name: NS, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}, {name: P, valueFrom: {secretKeyRef: {name: s, key: k}}}]
        ports: [{name: http, containerPort: 8080}, {name: metrics, containerPort: 8081}]
        livenessProbe: {httpGet: {path: /healthz, port: http}}
        readinessProbe: {httpGet: {path: /readyz, port: http}}
        resources: {requests: {cpu: 10m, memory: 64Mi}, limits: {memory: 128Mi}}
        securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
        volumeMounts: [{name: config, mountPath: /etc/x}, {name: tmp, mountPath: /tmp}]
      volumes: [{name: config, configMap: {name: x}}, {name: tmp, emptyDir: {}}]
`

func benchmarkRules(b *testing.B, gr schema.GroupResource, obj any) {
	r := rules.Of(gr)
	r.Defaults(obj)
	b.ReportAllocs()
	for b.Loop() {
		r.Defaults(obj)
		if errs := r.Validate(obj); len(errs) > 0 {
			b.Fatal(errs)
		}
	}
}

func BenchmarkDeployment(b *testing.B) {
	var d appsv1.Deployment
	if err := yaml.Unmarshal([]byte(big), &d); err != nil {
		b.Fatal(err)
	}
	benchmarkRules(b, schema.GroupResource{Group: "apps", Resource: "deployments"}, &d)
}

func BenchmarkPod(b *testing.B) {
	var d appsv1.Deployment
	if err := yaml.Unmarshal([]byte(big), &d); err != nil {
		b.Fatal(err)
	}
	p := &corev1.Pod{ObjectMeta: d.Spec.Template.ObjectMeta, Spec: d.Spec.Template.Spec}
	benchmarkRules(b, schema.GroupResource{Resource: "pods"}, p)
}
