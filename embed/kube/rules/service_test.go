package rules_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

func TestServices(t *testing.T) {
	refuseCreation(t, []refusal{
		{name: "good", base: "service"},
		{name: "no ports", base: "service", edit: edits{"spec.ports": nil}, want: `Service "x" is invalid: spec.ports: Required value`},
		{name: "headless without ports", base: "service", edit: edits{"spec.ports": nil, "spec.clusterIP": "None"}},
		{name: "port", base: "service", edit: edits{"spec.ports.0.port": 0, "spec.ports.0.targetPort": 1},
			want: `Service "x" is invalid: spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive`},
		{name: "names", base: "service", edit: edits{"spec.ports": list(m{"port": 80}, m{"name": "b", "port": 81})},
			want: `Service "x" is invalid: spec.ports[0].name: Required value`},
		{name: "same name", base: "service", edit: edits{"spec.ports": list(m{"name": "b", "port": 80}, m{"name": "b", "port": 81})},
			want: `Service "x" is invalid: spec.ports[1].name: Duplicate value: "b"`},
		{name: "same port", base: "service", edit: edits{"spec.ports": list(m{"name": "a", "port": 80}, m{"name": "b", "port": 80})},
			want: `Service "x" is invalid: spec.ports[1]: Duplicate value: {"protocol":"TCP","port":80,"targetPort":0}`},
		{name: "protocol", base: "service", edit: edits{"spec.ports.0.protocol": "HTTP"},
			want: `Service "x" is invalid: spec.ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"`},
		{name: "node port", base: "service", edit: edits{"spec.ports.0.nodePort": 30000},
			want: "Service \"x\" is invalid: spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"},
		{name: "type", base: "service", edit: edits{"spec.type": "Public"},
			want: `Service "x" is invalid: spec.type: Unsupported value: "Public": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"`},
		{name: "name", base: "service", edit: edits{"metadata.name": "1x"}, part: `Service "1x" is invalid: metadata.name: Invalid value: "1x": a DNS-1035 label must consist of`},
		{name: "headless node port", base: "service", edit: edits{"spec.type": "NodePort", "spec.clusterIP": "None"},
			want: `Service "x" is invalid: spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`},
		{name: "external name", base: "service", edit: edits{"spec.type": "ExternalName"}, want: `Service "x" is invalid: spec.externalName: Required value`},
		{name: "external traffic", base: "service", edit: edits{"spec.externalTrafficPolicy": "Local"},
			want: `Service "x" is invalid: spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services`},
		{name: "address", base: "service", edit: edits{"spec.clusterIP": "here"}, part: `spec.clusterIPs[0]: Invalid value: "here": must be a valid IP address`},
	})
	refuseChange(t, []refusal{
		{name: "port", base: "service", edit: edits{"spec.ports.0.port": 81}},
		{name: "address", base: "service", edit: edits{"spec.clusterIP": "10.96.0.77", "spec.clusterIPs": list("10.96.0.77")},
			want: `Service "x" is invalid: spec.clusterIPs[0]: Invalid value: "10.96.0.77": may not change once set`},
	})
}

func TestServiceChangesType(t *testing.T) {
	s := newServer(t)
	gr, o := object(t, "service", edits{"spec.type": "LoadBalancer"})
	var was, is corev1.Service
	stored, err := s.Create(gr, encode(t, o))
	require.NoError(t, err)
	require.NoError(t, stored.Into(&was))
	require.NotZero(t, was.Spec.Ports[0].NodePort)
	require.Equal(t, corev1.ServiceExternalTrafficPolicyCluster, was.Spec.ExternalTrafficPolicy)

	// Applied as its author wrote it: the server keeps what it gave.
	stored, err = s.Update(gr, encode(t, o), "")
	require.NoError(t, err)
	require.NoError(t, stored.Into(&is))
	require.Equal(t, was.Spec, is.Spec)

	for _, kind := range []corev1.ServiceType{corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeExternalName} {
		n := was.DeepCopy()
		n.ResourceVersion = ""
		n.Spec.Type, n.Spec.ExternalName = kind, "example.com"
		stored, err = s.Update(gr, n, "")
		require.NoError(t, err, kind)
		is = corev1.Service{}
		require.NoError(t, stored.Into(&is))
		require.Equal(t, kind == corev1.ServiceTypeNodePort, is.Spec.Ports[0].NodePort != 0, kind)
		require.Equal(t, kind == corev1.ServiceTypeExternalName, is.Spec.ClusterIP == "", kind)
		require.Nil(t, is.Spec.AllocateLoadBalancerNodePorts, kind)
		was = is
		was.Spec.Type = corev1.ServiceTypeLoadBalancer
		stored, err = s.Update(gr, &was, "")
		require.NoError(t, err, kind)
		was = corev1.Service{}
		require.NoError(t, stored.Into(&was))
	}
}
