package rules_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

func TestOtherKindsRefused(t *testing.T) {
	const path = "spec.rules.0.http.paths.0."
	refuseCreation(t, []refusal{
		{name: "key", base: "configmap", edit: edits{"data": m{"a b": ""}}, part: `data[a b]: Invalid value: "a b": a valid config key must consist of`},
		{name: "size", base: "configmap", edit: edits{"data": m{"a": strings.Repeat("a", corev1.MaxSecretSize+1)}}, part: "Too long: may not be more than 1048576 bytes"},
		{name: "twice", base: "configmap", edit: edits{"binaryData": m{"a": "YQ=="}}, part: `binaryData[a]: Invalid value: "a": duplicate of key present in data`},
		{name: "tls", base: "secret", edit: edits{"type": "kubernetes.io/tls"},
			want: `Secret "x" is invalid: [data[tls.crt]: Required value, data[tls.key]: Required value]`},
		{name: "docker", base: "secret", edit: edits{"type": "kubernetes.io/dockerconfigjson", "stringData": m{".dockerconfigjson": "{"}},
			want: `Secret "x" is invalid: data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": unexpected end of JSON input`},
		{name: "size", base: "secret", edit: edits{"stringData": m{"a": strings.Repeat("a", corev1.MaxSecretSize+1)}}, want: `Secret "x" is invalid: data: Too long: may not be more than 1048576 bytes`},
		{name: "modes", base: "claim", edit: edits{"spec.accessModes": nil},
			want: `PersistentVolumeClaim "x" is invalid: spec.accessModes: Required value: at least 1 access mode is required`},
		{name: "size", base: "claim", edit: edits{"spec.resources": nil}, want: `PersistentVolumeClaim "x" is invalid: spec.resources[storage]: Required value`},
		{name: "no size", base: "claim", edit: edits{"spec.resources.requests.storage": "0"},
			want: `PersistentVolumeClaim "x" is invalid: spec.resources[storage]: Invalid value: "0": must be greater than zero`},
		{name: "source", base: "volume", edit: edits{"spec.hostPath": nil}, want: `PersistentVolume "x" is invalid: spec: Required value: must specify a volume type`},
		{name: "capacity", base: "volume", edit: edits{"spec.capacity": nil}, want: `PersistentVolume "x" is invalid: spec.capacity: Required value`},
		{name: "provisioner", base: "storageclass", edit: edits{"provisioner": nil}, want: `StorageClass.storage.k8s.io "x" is invalid: provisioner: Required value`},
		{name: "binding", base: "storageclass", edit: edits{"volumeBindingMode": "Later"},
			want: `StorageClass.storage.k8s.io "x" is invalid: volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"`},
		{name: "value", base: "priorityclass", edit: edits{"value": 1000000001},
			want: `PriorityClass.scheduling.k8s.io "x" is invalid: value: Forbidden: maximum allowed value of a user defined priority is 1000000000`},
		{name: "system", base: "priorityclass", edit: edits{"metadata.name": "system-mine"}, part: "prefix are reserved for system use only"},
		{name: "path type", base: "ingress", edit: edits{path + "pathType": nil},
			want: `Ingress.networking.k8s.io "x" is invalid: spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified`},
		{name: "path", base: "ingress", edit: edits{path + "path": "a"},
			want: `Ingress.networking.k8s.io "x" is invalid: spec.rules[0].http.paths[0].path: Invalid value: "a": must be an absolute path`},
		{name: "backend port", base: "ingress", edit: edits{path + "backend.service.port": nil},
			want: `Ingress.networking.k8s.io "x" is invalid: spec.rules[0].http.paths[0].backend: Required value: port name or number is required`},
		{name: "backend", base: "ingress", edit: edits{path + "backend": m{}}, part: `spec.rules[0].http.paths[0].backend: Invalid value: "": resource or service backend is required`},
		{name: "address as host", base: "ingress", edit: edits{"spec.rules.0.host": "10.0.0.1"}, part: `spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address`},
		{name: "nothing", base: "ingress", edit: edits{"spec": nil}, part: "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"},
		{name: "verbs", base: "role", edit: edits{"rules.0.verbs": nil},
			want: `Role.rbac.authorization.k8s.io "x" is invalid: rules[0].verbs: Required value: verbs must contain at least one value`},
		{name: "urls", base: "role", edit: edits{"rules": list(m{"nonResourceURLs": list("/"), "verbs": list("get")})},
			want: `Role.rbac.authorization.k8s.io "x" is invalid: rules[0].nonResourceURLs: Invalid value: ["/"]: namespaced rules cannot apply to non-resource URLs`},
		{name: "good", base: "clusterrole"},
		{name: "kind", base: "rolebinding", edit: edits{"roleRef.kind": "Group"},
			want: `RoleBinding.rbac.authorization.k8s.io "x" is invalid: roleRef.kind: Unsupported value: "Group": supported values: "Role", "ClusterRole"`},
		{name: "account's namespace", base: "clusterrolebinding", edit: edits{"subjects": list(m{"kind": "ServiceAccount", "name": "a"})},
			want: `ClusterRoleBinding.rbac.authorization.k8s.io "x" is invalid: subjects[0].namespace: Required value`},
		{name: "good", base: "clusterrolebinding"},
		{name: "name", base: "serviceaccount", edit: edits{"metadata.name": "A"}, part: `ServiceAccount "A" is invalid: metadata.name`},
		{name: "duration", base: "lease", edit: edits{"spec.leaseDurationSeconds": 0},
			want: `Lease.coordination.k8s.io "x" is invalid: spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0`},
		{name: "type", base: "endpointslice", edit: edits{"addressType": nil}, want: `EndpointSlice.discovery.k8s.io "x" is invalid: addressType: Required value`},
		{name: "address", base: "endpointslice", edit: edits{"endpoints.0.addresses": list("here")}, part: `endpoints[0].addresses[0]: Invalid value: "here": must be a valid IP address`},
		{name: "no address", base: "endpointslice", edit: edits{"endpoints.0.addresses": nil}, part: `endpoints[0].addresses: Required value: must contain at least 1 address`},
		{name: "unknown", base: "quota", edit: edits{"spec.hard": m{"ram": "1"}}, part: `spec.hard[ram]: Invalid value: "ram": must be a standard resource for quota`},
		{name: "half a pod", base: "quota", edit: edits{"spec.hard": m{"pods": "500m"}}, want: `ResourceQuota "x" is invalid: spec.hard[pods]: Invalid value: "500m": must be an integer`},
		{name: "taint", base: "node", edit: edits{"spec.taints": list(m{"key": "a", "effect": "Explode"})}, part: `spec.taints[0].effect: Unsupported value: "Explode"`},
		{name: "two taints", base: "node", edit: edits{"spec.taints": list(m{"key": "a", "effect": "NoExecute"}, m{"key": "a", "value": "b", "effect": "NoExecute"})},
			part: "taints must be unique by key and effect pair"},
		{name: "side effects", base: "webhook", edit: edits{"webhooks.0.sideEffects": nil}, part: "webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun"},
		{name: "name", base: "webhook", edit: edits{"webhooks.0.name": "a"}, part: "should be a domain with at least three segments separated by dots"},
		{name: "target", base: "webhook", edit: edits{"webhooks.0.clientConfig.service": nil}, part: "webhooks[0].clientConfig: Required value: exactly one of url or service is required"},
		{name: "good", base: "mutatingwebhook"},
		{name: "versions", base: "mutatingwebhook", edit: edits{"webhooks.0.admissionReviewVersions": nil}, part: "must specify one of v1, v1beta1"},
		{name: "controller", base: "ingressclass", edit: edits{"spec": nil}, want: `IngressClass.networking.k8s.io "x" is invalid: spec.controller: Required value`},
		{name: "other namespace", base: "event", edit: edits{"involvedObject.namespace": "kof"}, part: "does not match event.namespace"},
		{name: "good", base: "controller"},
		{name: "labels", base: "controller", edit: edits{"spec.selector": m{"app": "b"}}, part: "`selector` does not match template `labels`"},
		{name: "login", base: "secret", edit: edits{"type": "kubernetes.io/basic-auth"}, part: "[data[password]: Required value, data[username]: Required value]"},
		{name: "token", base: "secret", edit: edits{"type": "kubernetes.io/service-account-token"}, part: "metadata.annotations[kubernetes.io/service-account.name]: Required value"},
		{name: "two ports", base: "ingress", edit: edits{path + "backend.service.port.name": "web"}, part: "cannot set both port name & port number"},
		{name: "aggregation", base: "clusterrole", edit: edits{"aggregationRule": m{}}, part: "at least one clusterRoleSelector required if aggregationRule is non-nil"},
		{name: "IPv6", base: "endpointslice", edit: edits{"endpoints.0.addresses": list("2001:db8::1")}, part: "must be an IPv4 address"},
		{name: "peer", base: "networkpolicy", edit: edits{"spec.egress.0.to": list(m{})}, part: "spec.egress[0].to[0]: Required value: must specify a peer"},
	})
}

func TestOtherKindsKeepWhatTheyAre(t *testing.T) {
	immutable := edits{"immutable": true}
	refuseChange(t, []refusal{
		{name: "data", base: "configmap", edit: edits{"data.a": "2"}},
		{name: "immutable", base: "configmap", first: immutable, edit: edits{"data.a": "2"},
			want: "ConfigMap \"x\" is invalid: data: Forbidden: field is immutable when `immutable` is set"},
		{name: "mutable again", base: "configmap", first: immutable, edit: edits{"immutable": nil},
			want: "ConfigMap \"x\" is invalid: immutable: Forbidden: field is immutable when `immutable` is set"},
		{name: "immutable", base: "secret", first: immutable, edit: edits{"stringData": m{"a": "2"}},
			want: "Secret \"x\" is invalid: data: Forbidden: field is immutable when `immutable` is set"},
		{name: "type", base: "secret", edit: edits{"type": "example.com/other"},
			want: `Secret "x" is invalid: type: Invalid value: "example.com/other": field is immutable`},
		{name: "binding", base: "claim", edit: edits{"spec.volumeName": "v"}},
		{name: "class", base: "claim", edit: edits{"spec.storageClassName": "standard"}},
		{name: "other class", base: "claim", first: edits{"spec.storageClassName": "a"}, edit: edits{"spec.storageClassName": "b"},
			part: "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n"},
		{name: "modes", base: "claim", edit: edits{"spec.accessModes": list("ReadWriteMany")}, part: "spec is immutable after creation"},
		{name: "growth before binding", base: "claim", edit: edits{"spec.resources.requests.storage": "2Gi"}, part: "spec is immutable after creation"},
		{name: "source", base: "volume", edit: edits{"spec.hostPath.path": "/other"},
			want: `PersistentVolume "x" is invalid: spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation`},
		{name: "parameters", base: "storageclass", edit: edits{"parameters": m{"a": "b"}},
			want: `StorageClass.storage.k8s.io "x" is invalid: parameters: Forbidden: updates to parameters are forbidden.`},
		{name: "expansion", base: "storageclass", edit: edits{"allowVolumeExpansion": true}},
		{name: "value", base: "priorityclass", edit: edits{"value": 7}, want: `PriorityClass.scheduling.k8s.io "x" is invalid: value: Forbidden: may not be changed in an update.`},
		{name: "role", base: "rolebinding", edit: edits{"roleRef.name": "y"},
			want: `RoleBinding.rbac.authorization.k8s.io "x" is invalid: roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"y"}: cannot change roleRef`},
		{name: "role", base: "clusterrolebinding", edit: edits{"roleRef.name": "y"}, part: "cannot change roleRef"},
		{name: "subjects", base: "rolebinding", edit: edits{"subjects": nil}},
		{name: "type", base: "endpointslice", edit: edits{"addressType": "FQDN", "endpoints": nil}, part: "addressType: Invalid value: \"FQDN\": field is immutable"},
		{name: "provider", base: "node", edit: edits{"spec.providerID": "other"}, part: "node updates may not change providerID except from \"\" to valid"},
		{name: "controller", base: "ingressclass", edit: edits{"spec.controller": "example.com/other"}, part: "spec.controller: Invalid value: \"example.com/other\": field is immutable"},
		{name: "scopes", base: "quota", edit: edits{"spec.scopes": list("Terminating")}, part: "spec.scopes: Invalid value: [\"Terminating\"]: field is immutable"},
	})
}

func TestClaimsGrowOnly(t *testing.T) {
	s := newServer(t)
	gr, o := object(t, "claim", edits{"spec.resources.requests.storage": "4Gi"})
	stored, err := s.Create(gr, encode(t, o))
	require.NoError(t, err)
	var c corev1.PersistentVolumeClaim
	require.NoError(t, stored.Into(&c))
	c.Status.Phase = corev1.ClaimBound
	c.Status.Capacity = c.Spec.Resources.Requests.DeepCopy()
	_, err = s.Update(gr, &c, "status")
	require.NoError(t, err)
	resize := func(size string) error {
		_, n := object(t, "claim", edits{"spec.resources.requests.storage": size})
		_, err := s.Update(gr, encode(t, n), "")
		return err
	}
	require.NoError(t, resize("8Gi"))
	require.NoError(t, resize("6Gi"), "what has not been given yet may be taken back")
	require.EqualError(t, resize("1Gi"),
		`PersistentVolumeClaim "x" is invalid: spec.resources.requests.storage: Forbidden: field can not be less than status.capacity`)
}
