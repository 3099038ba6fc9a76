package operators

import (
	"crypto/x509"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

const certManagerImage = "quay.io/jetstack/cert-manager-controller:v1.16.4"

func (l *lab) certManager() {
	l.crds("cert-manager")
	l.operator("cert-manager", "cert-manager", certManagerImage, "--cluster-resource-namespace=$(POD_NAMESPACE)")
}

func (l *lab) pair(namespace, name string) *pair {
	l.t.Helper()
	p, err := parsePair(fetched[corev1.Secret](l, secrets, namespace, name).Data)
	require.NoError(l.t, err)
	return p
}

func TestCertificateLife(t *testing.T) {
	l := newLab(t, Options{Events: true})
	l.certManager()
	// In the wrong order: everything waits for what it needs.
	l.create(`
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {namespace: kof, name: leaf}
spec: {secretName: leaf-tls, dnsNames: [a.kof], duration: 2160h, renewBefore: 720h, issuerRef: {name: mesh, kind: ClusterIssuer}, privateKey: {rotationPolicy: Always}}
---
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: mesh}
spec: {ca: {secretName: mesh-ca}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {namespace: cert-manager, name: mesh-ca}
spec: {secretName: mesh-ca, isCA: true, commonName: mesh, duration: 87600h, issuerRef: {name: root}}
`)
	l.settle()
	require.Equal(t, "False ErrGetKeyPair: Error getting keypair for CA issuer: secret cert-manager/mesh-ca does not exist", l.condition(clusterIssuers, "", "mesh", "Ready"))
	require.Contains(t, l.condition(certificates, "kof", "leaf", "Ready"), "False DoesNotExist")
	require.Contains(t, l.condition(certificates, "kof", "leaf", "Issuing"), "Referenced issuer does not have a Ready status condition")
	require.Contains(t, l.condition(certificates, "cert-manager", "mesh-ca", "Issuing"), "Issuer root does not exist")

	l.create(`{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {namespace: cert-manager, name: root}, spec: {selfSigned: {}}}`)
	l.settle()
	require.Equal(t, "True KeyPairVerified: Signing CA verified", l.condition(clusterIssuers, "", "mesh", "Ready"))
	require.Equal(t, "True Ready: Certificate is up to date and has not expired", l.condition(certificates, "kof", "leaf", "Ready"))
	first := l.pair("kof", "leaf-tls")
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(first.root))
	_, err := first.cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: "a.kof", CurrentTime: l.clock.Now()})
	require.NoError(t, err)
	require.Equal(t, corev1.SecretTypeTLS, fetched[corev1.Secret](l, secrets, "kof", "leaf-tls").Type)
	require.Equal(t, noon.Add(1440*time.Hour).Format(time.RFC3339), l.field(certificates, "kof", "leaf", "status", "renewalTime"))
	require.Equal(t, "True Issued: Certificate fetched from issuer successfully", l.condition(certificateRequests, "kof", "leaf-1", "Ready"))

	l.advance(1439 * time.Hour)
	require.True(t, first.cert.Equal(l.pair("kof", "leaf-tls").cert))
	l.advance(time.Hour)
	second := l.pair("kof", "leaf-tls")
	require.False(t, first.cert.Equal(second.cert), "renewed at two thirds")
	require.Equal(t, noon.Add(3600*time.Hour), second.cert.NotAfter)
	require.Equal(t, "2", l.field(certificates, "kof", "leaf", "status", "revision"))
	require.False(t, l.exists(certificateRequests, "kof", "leaf-1"))
	require.True(t, l.exists(certificateRequests, "kof", "leaf-2"))

	l.delete(secrets, "kof", "leaf-tls")
	l.settle()
	require.False(t, second.cert.Equal(l.pair("kof", "leaf-tls").cert))
	l.change(certificates, "kof", "leaf", []any{"b.kof"}, "spec", "dnsNames")
	l.settle()
	require.Equal(t, []string{"b.kof"}, l.pair("kof", "leaf-tls").cert.DNSNames)
	require.Equal(t, "4", l.field(certificates, "kof", "leaf", "status", "revision"))

	// While cert-manager is away nothing is renewed, and what is overdue is made up.
	l.change(deployments, "cert-manager", "cert-manager", int64(0), "spec", "replicas")
	l.settle()
	l.advance(2000 * time.Hour)
	stale := l.pair("kof", "leaf-tls")
	require.Equal(t, "4", l.field(certificates, "kof", "leaf", "status", "revision"))
	l.change(deployments, "cert-manager", "cert-manager", int64(1), "spec", "replicas")
	l.settle()
	require.False(t, stale.cert.Equal(l.pair("kof", "leaf-tls").cert))

	l.change(certificates, "kof", "leaf", "1m", "spec", "duration")
	l.settle()
	require.Equal(t, "False InvalidSpec: spec.duration 1m0s: must be at least 1h0m0s", l.condition(certificates, "kof", "leaf", "Ready"))
}

func TestLabAuthority(t *testing.T) {
	calls := 0
	ca := issued(t, certificateSpec{CommonName: "lab", IsCA: true}, nil)
	l := newLab(t, Options{Root: ca.chain, CA: func(commonName string, dns []string, ttl time.Duration) ([]byte, []byte, error) {
		calls++
		if len(dns) == 0 {
			return nil, nil, fmt.Errorf("no names")
		}
		p := issued(t, certificateSpec{DNSNames: dns, Duration: ttl.String()}, ca)
		return p.chain, p.pem, nil
	}})
	l.certManager()
	l.create(`
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: letsencrypt}
spec: {acme: {server: "https://acme.example.com", email: a@b, privateKeySecretRef: {name: account}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {namespace: kof, name: web, annotations: {cert-manager.io/cluster-issuer: letsencrypt}}
spec:
  rules: [{host: web.example.com}]
  tls: [{hosts: [web.example.com], secretName: web-tls}]
`)
	l.settle()
	require.Contains(t, l.condition(clusterIssuers, "", "letsencrypt", "Ready"), "(simulated: the lab's own CA signs in place of https://acme.example.com)")
	require.Equal(t, []string{"web.example.com"}, l.pair("kof", "web-tls").cert.DNSNames)
	require.Equal(t, string(ca.chain), string(l.pair("kof", "web-tls").root))
	require.Equal(t, 1, calls, "issued once")
	l.delete(ingresses, "kof", "web")
	l.settle()
	require.False(t, l.exists(certificates, "kof", "web-tls"), "the Certificate goes with its Ingress")
	require.True(t, l.exists(secrets, "kof", "web-tls"), "as upstream, the Secret stays")
}
