package rules_test

import (
	"strings"
	"testing"
)

const cc = "spec.containers.0."

func list(v ...any) []any { return v }

type m = map[string]any

func TestPodsRefused(t *testing.T) {
	refuseCreation(t, []refusal{
		{name: "good", base: "pod"},
		{name: "no containers", base: "pod", edit: edits{"spec.containers": nil},
			want: `Pod "x" is invalid: spec.containers: Required value`},
		{name: "no image", base: "pod", edit: edits{cc + "image": nil},
			want: `Pod "x" is invalid: spec.containers[0].image: Required value`},
		{name: "image with space", base: "pod", edit: edits{cc + "image": "nginx "},
			want: `Pod "x" is invalid: spec.containers[0].image: Invalid value: "nginx ": must not have leading or trailing whitespace`},
		{name: "name", base: "pod", edit: edits{cc + "name": "A"}, part: `spec.containers[0].name: Invalid value: "A": a lowercase RFC 1123 label must consist of`},
		{name: "same names", base: "pod", edit: edits{"spec.initContainers": list(m{"name": "c", "image": "busybox"})},
			want: `Pod "x" is invalid: spec.initContainers[0].name: Duplicate value: "c"`},
		{name: "restart policy", base: "pod", edit: edits{"spec.restartPolicy": "Sometimes"},
			want: `Pod "x" is invalid: spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"`},
		{name: "pull policy", base: "pod", edit: edits{cc + "imagePullPolicy": "Once"},
			want: `Pod "x" is invalid: spec.containers[0].imagePullPolicy: Unsupported value: "Once": supported values: "Always", "IfNotPresent", "Never"`},
		{name: "port", base: "pod", edit: edits{cc + "ports": list(m{"containerPort": 70000})},
			want: `Pod "x" is invalid: spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive`},
		{name: "port names", base: "pod", edit: edits{cc + "ports": list(m{"name": "web", "containerPort": 80}, m{"name": "web", "containerPort": 81})},
			want: `Pod "x" is invalid: spec.containers[0].ports[1].name: Duplicate value: "web"`},
		{name: "port name", base: "pod", edit: edits{cc + "ports": list(m{"name": "a-very-long-port-name", "containerPort": 80})},
			want: `Pod "x" is invalid: spec.containers[0].ports[0].name: Invalid value: "a-very-long-port-name": must be no more than 15 characters`},
		{name: "host ports", base: "pod", edit: edits{cc + "ports": list(m{"containerPort": 80, "hostPort": 80}, m{"containerPort": 81, "hostPort": 80})},
			want: `Pod "x" is invalid: spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"`},
		{name: "host network", base: "pod", edit: edits{"spec.hostNetwork": true, cc + "ports": list(m{"containerPort": 80, "hostPort": 81})},
			want: `Pod "x" is invalid: spec.containers[0].ports[0].hostPort: Invalid value: 81: must match ` + "`containerPort` when `hostNetwork` is true"},
		{name: "mount of nothing", base: "pod", edit: edits{cc + "volumeMounts": list(m{"name": "data", "mountPath": "/data"})},
			want: `Pod "x" is invalid: spec.containers[0].volumeMounts[0].name: Not found: "data"`},
		{name: "mounts at one place", base: "pod", edit: edits{"spec.volumes": list(m{"name": "a"}), cc + "volumeMounts": list(m{"name": "a", "mountPath": "/d"}, m{"name": "a", "mountPath": "/d"})},
			want: `Pod "x" is invalid: spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/d": must be unique`},
		{name: "two volume types", base: "pod", edit: edits{"spec.volumes": list(m{"name": "a", "emptyDir": m{}, "secret": m{"secretName": "s"}})},
			want: `Pod "x" is invalid: spec.volumes[0].secret: Forbidden: may not specify more than 1 volume type`},
		{name: "secret volume", base: "pod", edit: edits{"spec.volumes": list(m{"name": "a", "secret": m{}})},
			want: `Pod "x" is invalid: spec.volumes[0].secret.secretName: Required value`},
		{name: "file above its volume", base: "pod", edit: edits{"spec.volumes": list(m{"name": "a", "configMap": m{"name": "c", "items": list(m{"key": "k", "path": "../k"})}})},
			want: `Pod "x" is invalid: spec.volumes[0].configMap.items[0].path: Invalid value: "../k": must not contain '..'`},
		{name: "env", base: "pod", edit: edits{cc + "env": list(m{"name": "A", "value": "1", "valueFrom": m{"secretKeyRef": m{"name": "s", "key": "k"}}})},
			want: `Pod "x" is invalid: spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when ` + "`value` is not empty"},
		{name: "env key", base: "pod", edit: edits{cc + "env": list(m{"name": "A", "valueFrom": m{"secretKeyRef": m{"name": "s"}}})},
			want: `Pod "x" is invalid: spec.containers[0].env[0].valueFrom.secretKeyRef.key: Required value`},
		{name: "env field", base: "pod", edit: edits{cc + "env": list(m{"name": "A", "valueFrom": m{"fieldRef": m{"fieldPath": "spec.color"}}})},
			want: `Pod "x" is invalid: spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.color": error converting fieldPath: field label not supported: spec.color`},
		{name: "env of nothing", base: "pod", edit: edits{cc + "envFrom": list(m{})},
			want: `Pod "x" is invalid: spec.containers[0].envFrom[0]: Invalid value: "": must specify one of: ` + "`configMapRef` or `secretRef`"},
		{name: "probe of nothing", base: "pod", edit: edits{cc + "readinessProbe": m{"periodSeconds": 1}},
			want: `Pod "x" is invalid: spec.containers[0].readinessProbe: Required value: must specify a handler type`},
		{name: "two probes", base: "pod", edit: edits{cc + "readinessProbe": m{"exec": m{"command": list("a")}, "httpGet": m{"port": 80}}},
			want: `Pod "x" is invalid: spec.containers[0].readinessProbe.httpGet: Forbidden: may not specify more than 1 handler type`},
		{name: "liveness threshold", base: "pod", edit: edits{cc + "livenessProbe": m{"tcpSocket": m{"port": "web"}, "successThreshold": 2}},
			want: `Pod "x" is invalid: spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1`},
		{name: "probe of init container", base: "pod", edit: edits{"spec.initContainers": list(m{"name": "i", "image": "a", "livenessProbe": m{"tcpSocket": m{"port": 1}}})},
			want: `Pod "x" is invalid: spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always`},
		{name: "request above limit", base: "pod", edit: edits{cc + "resources.requests": m{"cpu": "200m"}},
			want: `Pod "x" is invalid: spec.containers[0].resources.requests: Invalid value: "200m": must be less than or equal to cpu limit of 100m`},
		{name: "negative limit", base: "pod", edit: edits{cc + "resources.limits.cpu": "-1"},
			part: `spec.containers[0].resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0`},
		{name: "unknown resource", base: "pod", edit: edits{cc + "resources": m{"limits": m{"ram": "1"}}},
			part: `spec.containers[0].resources.limits[ram]: Invalid value: "ram": must be a standard resource for containers`},
		{name: "toleration", base: "pod", edit: edits{"spec.tolerations": list(m{"operator": "Equal", "value": "a"})},
			part: `spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when ` + "`key` is empty"},
		{name: "affinity", base: "pod", edit: edits{"spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution": list(m{"labelSelector": m{}})},
			want: `Pod "x" is invalid: spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty`},
		{name: "spread", base: "pod", edit: edits{"spec.topologySpreadConstraints": list(m{"maxSkew": 0, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"})},
			want: `Pod "x" is invalid: spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero`},
		{name: "deadline", base: "pod", edit: edits{"spec.activeDeadlineSeconds": 0},
			want: `Pod "x" is invalid: spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive`},
		{name: "label", base: "pod", edit: edits{"metadata.labels": m{"app": "a b"}}, part: `metadata.labels: Invalid value: "a b": a valid label must be`},
		{name: "quantity", base: "pod", edit: edits{cc + "resources.limits.cpu": "lots"}, part: `quantities must match the regular expression`},
	})
}

func TestPodChanges(t *testing.T) {
	forbidden := "Pod \"x\" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
	refuseChange(t, []refusal{
		{name: "image", base: "pod", edit: edits{cc + "image": "nginx:2"}},
		{name: "binding", base: "pod", edit: edits{"spec.nodeName": "n"}},
		{name: "moving", base: "pod", first: edits{"spec.nodeName": "m"}, edit: edits{"spec.nodeName": "n"}, part: forbidden},
		{name: "resources", base: "pod", edit: edits{cc + "resources.limits.cpu": "2"}, part: forbidden},
		{name: "command", base: "pod", edit: edits{cc + "command": list("sh")}, part: forbidden},
		{name: "container", base: "pod", edit: edits{"spec.containers": list(m{"name": "a", "image": "a"}, m{"name": "b", "image": "b"})},
			want: `Pod "x" is invalid: spec.containers: Forbidden: pod updates may not add or remove containers`},
		{name: "toleration added", base: "pod", first: edits{"spec.tolerations": list(m{"operator": "Exists"})},
			edit: edits{"spec.tolerations": list(m{"operator": "Exists"}, m{"key": "a", "operator": "Exists"})}},
		{name: "toleration changed", base: "pod", edit: edits{"spec.tolerations": list(m{"operator": "Exists"})},
			want: `Pod "x" is invalid: spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds`},
		{name: "label", base: "pod", edit: edits{"metadata.labels": m{"a": "b"}}},
	})
}

func TestTemplatesRefused(t *testing.T) {
	const tt = "spec.template."
	refuseCreation(t, []refusal{
		{name: "good", base: "deployment"},
		{name: "selector", base: "deployment", edit: edits{tt + "metadata.labels.app": "b"},
			want: "Deployment.apps \"x\" is invalid: spec.template.metadata.labels: Invalid value: {\"app\":\"b\"}: `selector` does not match template `labels`"},
		{name: "no selector", base: "deployment", edit: edits{"spec.selector": nil},
			want: "Deployment.apps \"x\" is invalid: [spec.selector: Required value, spec.template.metadata.labels: Invalid value: {\"app\":\"a\"}: `selector` does not match template `labels`]"},
		{name: "empty selector", base: "deployment", edit: edits{"spec.selector": m{}},
			want: `Deployment.apps "x" is invalid: spec.selector: Invalid value: {}: empty selector is invalid for deployment`},
		{name: "no image", base: "deployment", edit: edits{"spec.template." + cc + "image": nil},
			want: `Deployment.apps "x" is invalid: spec.template.spec.containers[0].image: Required value`},
		{name: "restart policy", base: "deployment", edit: edits{tt + "spec.restartPolicy": "Never"},
			want: `Deployment.apps "x" is invalid: spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"`},
		{name: "replicas", base: "deployment", edit: edits{"spec.replicas": -1},
			want: `Deployment.apps "x" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0`},
		{name: "surge", base: "deployment", edit: edits{"spec.strategy.rollingUpdate": m{"maxSurge": 0, "maxUnavailable": "0%"}},
			want: "Deployment.apps \"x\" is invalid: spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when `maxSurge` is 0"},
		{name: "recreate", base: "deployment", edit: edits{"spec.strategy": m{"type": "Recreate", "rollingUpdate": m{"maxSurge": 1}}},
			want: "Deployment.apps \"x\" is invalid: spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"},
		{name: "deadline", base: "deployment", edit: edits{"spec.minReadySeconds": 600},
			want: `Deployment.apps "x" is invalid: spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds`},
		{name: "long label", base: "deployment", edit: edits{tt + "metadata.labels.app": strings.Repeat("a", 64), "spec.selector.matchLabels.app": strings.Repeat("a", 64)},
			part: `spec.template.labels: Invalid value: "` + strings.Repeat("a", 64) + `": must be no more than 63`},
		{name: "host network without host ports", base: "daemonset", edit: edits{tt + "spec.hostNetwork": true, "spec.template." + cc + "ports": list(m{"containerPort": 9100})}},
		{name: "surge", base: "daemonset", edit: edits{"spec.updateStrategy.rollingUpdate": m{"maxUnavailable": 0}},
			want: `DaemonSet.apps "x" is invalid: spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0`},
		{name: "selector", base: "daemonset", edit: edits{"spec.selector": nil}, part: `DaemonSet.apps "x" is invalid: [spec.selector: Required value`},
		{name: "policy", base: "statefulset", edit: edits{"spec.podManagementPolicy": "Random"},
			want: `StatefulSet.apps "x" is invalid: spec.podManagementPolicy: Invalid value: "Random": must be 'OrderedReady' or 'Parallel'`},
		{name: "selector", base: "replicaset", edit: edits{"spec.selector.matchLabels.app": "b"},
			want: "ReplicaSet.apps \"x\" is invalid: spec.template.metadata.labels: Invalid value: {\"app\":\"a\"}: `selector` does not match template `labels`"},
		{name: "expressions", base: "replicaset", edit: edits{"spec.selector.matchExpressions": list(m{"key": "app", "operator": "In", "values": list("a", "b")})}},
		{name: "bad expression", base: "replicaset", edit: edits{"spec.selector.matchExpressions": list(m{"key": "app", "operator": "Like"})},
			part: `spec.selector.matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator`},
	})
	refuseChange(t, []refusal{
		{name: "image", base: "deployment", edit: edits{"spec.template." + cc + "image": "nginx:2"}},
		{name: "selector", base: "deployment", edit: edits{"spec.selector.matchLabels.app": "b", tt + "metadata.labels.app": "b"},
			want: `Deployment.apps "x" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable`},
		{name: "selector", base: "daemonset", edit: edits{"spec.selector.matchLabels.app": "b", tt + "metadata.labels.app": "b"},
			want: `DaemonSet.apps "x" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable`},
		{name: "replicas", base: "statefulset", edit: edits{"spec.replicas": 3}},
		{name: "claims", base: "statefulset", edit: edits{"spec.volumeClaimTemplates.0.spec.resources.requests.storage": "2Gi"},
			want: `StatefulSet.apps "x" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden`},
		{name: "service", base: "statefulset", edit: edits{"spec.serviceName": "y"}, part: "updates to statefulset spec for fields other than"},
	})
}
