package release

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestVerdicts(t *testing.T) {
	for _, tc := range []struct{ name, object, want string }{
		{"deployment unseen", `{apiVersion: apps/v1, kind: Deployment, metadata: {generation: 2}, status: {observedGeneration: 1}}`, "its controller has not seen it yet"},
		{"deployment updating", `{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 3}, status: {updatedReplicas: 1}}`, "1 of 3 replicas are up to date"},
		{"deployment old pods", `{apiVersion: apps/v1, kind: Deployment, status: {updatedReplicas: 1, replicas: 3}}`, "2 old replicas are still there"},
		{"deployment quota", `{apiVersion: apps/v1, kind: Deployment, status: {conditions: [{type: ReplicaFailure, status: "True", reason: FailedCreate, message: exceeded quota}]}}`, "0 of 1 replicas are up to date; FailedCreate: exceeded quota"},
		{"deployment ready", `{apiVersion: apps/v1, kind: Deployment, status: {updatedReplicas: 1, replicas: 1, availableReplicas: 1}}`, ""},
		{"deployment paused", `{apiVersion: apps/v1, kind: Deployment, spec: {paused: true}}`, ""},
		{"deployment of none", `{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 0}}`, ""},
		{"statefulset", `{apiVersion: apps/v1, kind: StatefulSet, spec: {replicas: 2}, status: {readyReplicas: 1}}`, "1 of 2 replicas are ready"},
		{"statefulset partition", `{apiVersion: apps/v1, kind: StatefulSet, spec: {replicas: 2, updateStrategy: {rollingUpdate: {partition: 1}}}, status: {readyReplicas: 2, updatedReplicas: 1}}`, ""},
		{"statefulset on delete", `{apiVersion: apps/v1, kind: StatefulSet, spec: {updateStrategy: {type: OnDelete}}}`, ""},
		{"daemonset", `{apiVersion: apps/v1, kind: DaemonSet, status: {desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberReady: 2}}`, "2 of 3 pods are ready"},
		{"daemonset without nodes", `{apiVersion: apps/v1, kind: DaemonSet, status: {observedGeneration: 1}}`, ""},
		{"job", `{apiVersion: batch/v1, kind: Job, status: {failed: 2}}`, "0 of 1 completions, 2 failed"},
		{"job failed", `{apiVersion: batch/v1, kind: Job, status: {conditions: [{type: Failed, status: "True", reason: BackoffLimitExceeded, message: gave up}]}}`, "!the job failed: BackoffLimitExceeded: gave up"},
		{"job done", `{apiVersion: batch/v1, kind: Job, status: {conditions: [{type: Complete, status: "True"}]}}`, ""},
		{"pod", `{apiVersion: v1, kind: Pod, status: {phase: Pending}}`, "phase Pending"},
		{"pod failed", `{apiVersion: v1, kind: Pod, status: {phase: Failed, reason: Evicted}}`, "!the pod failed: Evicted"},
		{"claim", `{apiVersion: v1, kind: PersistentVolumeClaim, status: {phase: Pending}}`, "phase Pending"},
		{"load balancer", `{apiVersion: v1, kind: Service, spec: {type: LoadBalancer}}`, "the load balancer has no address yet"},
		{"load balancer ready", `{apiVersion: v1, kind: Service, spec: {type: LoadBalancer}, status: {loadBalancer: {ingress: [{ip: 203.0.113.1}]}}}`, ""},
		{"service", `{apiVersion: v1, kind: Service}`, ""},
		{"crd", `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition}`, "it is not established"},
		{"crd refused", `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, status: {conditions: [{type: NamesAccepted, status: "False", reason: Conflict, message: taken}]}}`, "!its names are not accepted: Conflict: taken"},
		{"custom without status", `{apiVersion: lab.example/v1, kind: Ring}`, ""},
		{"custom not ready", `{apiVersion: cert-manager.io/v1, kind: Certificate, status: {conditions: [{type: Ready, status: "False", message: issuing}]}}`, "condition Ready is False: issuing"},
		{"custom stale", `{apiVersion: lab.example/v1, kind: Ring, metadata: {generation: 3}, status: {observedGeneration: 2, conditions: [{type: Ready, status: "True"}]}}`, "its controller has not seen it yet"},
		{"custom excluded", `{apiVersion: lab.example/v1, kind: Ring, metadata: {annotations: {koflab.dev/wait: "false"}}, status: {conditions: [{type: Ready, status: "False"}]}}`, ""},
		{"other clusters", `{apiVersion: config.projectsveltos.io/v1beta1, kind: ClusterProfile, status: {conditions: [{type: Ready, status: "False"}]}}`, ""},
		{"config map", `{apiVersion: v1, kind: ConfigMap}`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body, err := yaml.YAMLToJSON([]byte(tc.object))
			require.NoError(t, err)
			u := &unstructured.Unstructured{}
			require.NoError(t, u.UnmarshalJSON(body))
			v := stateOf(u)
			got := v.why
			if v.failed {
				got = "!" + got
			}
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.want == "", v.ready)
		})
	}
}
