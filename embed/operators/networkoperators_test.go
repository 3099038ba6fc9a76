package operators

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

func TestIngressAndNames(t *testing.T) {
	l := newLab(t, Options{})
	l.crds("external-dns")
	l.create(`
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {namespace: kof, name: vmauth-cluster}
spec:
  ingressClassName: nginx
  rules: [{host: vmauth.example.com}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {namespace: kof, name: other}
spec:
  ingressClassName: traefik
  rules: [{host: other.example.com}]
`)
	l.operator("kof", "external-dns", "registry.k8s.io/external-dns/external-dns:v0.15.0", "--source=ingress", "--source=service", "--source=crd", "--policy=sync", "--txt-owner-id=r1")
	l.operator("ingress-nginx", "ingress-nginx-controller", "registry.k8s.io/ingress-nginx/controller:v1.12.1",
		"--publish-service=$(POD_NAMESPACE)/ingress-nginx-controller")
	l.settle()
	require.Empty(t, fetched[networkingv1.Ingress](l, ingresses, "kof", "vmauth-cluster").Status.LoadBalancer.Ingress)
	require.False(t, l.exists(dnsEndpoints, "kof", zoneName))

	l.create(`
apiVersion: v1
kind: Service
metadata: {namespace: ingress-nginx, name: ingress-nginx-controller}
spec: {type: LoadBalancer, selector: {app: ingress-nginx-controller}, ports: [{port: 443}]}
`)
	l.settle()
	ip := fetched[corev1.Service](l, services, "ingress-nginx", "ingress-nginx-controller").Status.LoadBalancer.Ingress[0].IP
	require.Equal(t, []networkingv1.IngressLoadBalancerIngress{{IP: ip}}, fetched[networkingv1.Ingress](l, ingresses, "kof", "vmauth-cluster").Status.LoadBalancer.Ingress)
	require.Empty(t, fetched[networkingv1.Ingress](l, ingresses, "kof", "other").Status.LoadBalancer.Ingress)
	require.Equal(t, []string{"vmauth.example.com A [" + ip + "]"}, lines(fetched[dnsEndpoint](l, dnsEndpoints, "kof", zoneName).Spec.Endpoints))

	l.create(`
apiVersion: externaldns.k8s.io/v1alpha1
kind: DNSEndpoint
metadata: {namespace: kof, name: mine}
spec: {endpoints: [{dnsName: mine.example.com, recordType: A, targets: [203.0.113.200], recordTTL: 60}]}
`)
	l.settle()
	require.Equal(t, []string{"mine.example.com A [203.0.113.200]", "vmauth.example.com A [" + ip + "]"}, lines(fetched[dnsEndpoint](l, dnsEndpoints, "kof", zoneName).Spec.Endpoints))
	require.Equal(t, "1", l.field(dnsEndpoints, "kof", "mine", "status", "observedGeneration"))

	l.delete(ingresses, "kof", "vmauth-cluster")
	l.delete(dnsEndpoints, "kof", "mine")
	l.settle()
	require.Empty(t, fetched[dnsEndpoint](l, dnsEndpoints, "kof", zoneName).Spec.Endpoints)
}

func TestMesh(t *testing.T) {
	l := newLab(t, Options{Events: true})
	l.crds("base")
	l.certManager()
	l.operator("istio-system", "istiod", "docker.io/istio/pilot:1.24.3")
	l.create(`
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {namespace: kof, name: strict}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {namespace: istio-system, name: cross-network-gateway}
spec: {selector: {istio: eastwestgateway}, servers: [{port: {number: 15443, name: tls, protocol: TLS}, tls: {mode: AUTO_PASSTHROUGH}, hosts: ["*.local"]}]}
`)
	l.settle()
	require.Equal(t, "True Reconciled: ", l.condition(peerAuthentications, "kof", "strict", "Reconciled"))
	require.Equal(t, "True Reconciled: ", l.condition(istioGateways, "istio-system", "cross-network-gateway", "Reconciled"))
	root := func(ns string) string {
		return fetched[corev1.ConfigMap](l, configMaps, ns, meshRootName).Data[meshRootFile]
	}
	own := root("kof")
	require.Contains(t, own, "BEGIN CERTIFICATE")
	require.Equal(t, own, root("default"))
	l.namespace("shop")
	l.delete(configMaps, "kof", meshRootName)
	l.settle()
	require.Equal(t, own, root("shop"))

	// istio-csr puts cert-manager in istiod's place.
	l.create(`
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {namespace: istio-system, name: self}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {namespace: istio-system, name: istio-ca}
spec: {secretName: istio-ca, isCA: true, commonName: istio-ca, issuerRef: {name: self}}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {namespace: istio-system, name: istio-ca}
spec: {ca: {secretName: istio-ca}}
`)
	l.settle()
	l.operator("istio-system", "istio-csr", "quay.io/jetstack/cert-manager-istio-csr:v0.14.0", "--issuer-name=istio-ca", "--issuer-kind=Issuer")
	l.settle()
	require.Equal(t, string(l.pair("istio-system", "istio-ca").chain), root("kof"))
	require.Equal(t, root("kof"), root("shop"))
}
