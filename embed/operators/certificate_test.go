package operators

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func issued(t *testing.T, s certificateSpec, by *pair) *pair {
	t.Helper()
	s.SecretName, s.IssuerRef.Name = "s", "i"
	r := &Operators{}
	template, err := s.template(noon)
	require.NoError(t, err)
	p, err := r.issue(&s, template, nil, authority{selfSigned: by == nil, ca: by})
	require.NoError(t, err)
	require.Empty(t, s.fits(p))
	again, err := parsePair(map[string][]byte{"tls.crt": p.chain, "tls.key": p.pem, "ca.crt": p.root})
	require.NoError(t, err)
	require.True(t, again.cert.Equal(p.cert))
	return again
}

func TestChainOfTheMesh(t *testing.T) {
	root := issued(t, certificateSpec{CommonName: "kof-istio-root", IsCA: true, Duration: "87600h"}, nil)
	middle := issued(t, certificateSpec{CommonName: "kof-istio-c1-ca", IsCA: true, Duration: "17520h", PrivateKey: privateKeySpec{Algorithm: "ECDSA", Size: 384}}, root)
	leaf := issued(t, certificateSpec{DNSNames: []string{"a.kof"}, PrivateKey: privateKeySpec{Algorithm: "Ed25519"}}, middle)

	roots, between := x509.NewCertPool(), x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(leaf.root), "ca.crt is the root above all")
	require.True(t, between.AppendCertsFromPEM(leaf.chain), "tls.crt carries the chain")
	_, err := leaf.cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: "a.kof", CurrentTime: noon.Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, root.chain, leaf.root)
	require.Equal(t, noon, leaf.cert.NotBefore)
	require.Equal(t, noon.Add(2160*time.Hour), leaf.cert.NotAfter)

	_, _, err = signedBy(&x509.Certificate{}, leaf.key.Public(), nil, leaf)
	require.ErrorContains(t, err, "is not one of an authority")
	short := issued(t, certificateSpec{CommonName: "ca", IsCA: true, Duration: "2h"}, nil)
	require.Equal(t, short.cert.NotAfter, issued(t, certificateSpec{DNSNames: []string{"x"}}, short).cert.NotAfter, "no longer than its authority")
}

func TestCertificateSpecRefuses(t *testing.T) {
	valid := certificateSpec{SecretName: "s", DNSNames: []string{"a"}, IssuerRef: issuerRef{Name: "i"}}
	for want, change := range map[string]func(*certificateSpec){
		"spec.secretName is empty":     func(s *certificateSpec) { s.SecretName = "" },
		"spec.issuerRef.name is empty": func(s *certificateSpec) { s.IssuerRef.Name = "" },
		"at least one of commonName, dnsNames, ipAddresses, uris and emailAddresses must be set": func(s *certificateSpec) { s.DNSNames = nil },
		"spec.duration 30m0s: must be at least 1h0m0s":                                           func(s *certificateSpec) { s.Duration = "30m" },
		`spec.duration: time: unknown unit "d" in duration "90d"`:                                func(s *certificateSpec) { s.Duration = "90d" },
		"renewal 2h0m0s before the end: want at least 5m0s and less than the duration 2h0m0s":    func(s *certificateSpec) { s.Duration, s.RenewBefore = "2h", "2h" },
		`spec.ipAddresses: "localhost" is no address`:                                            func(s *certificateSpec) { s.IPAddresses = []string{"localhost"} },
		`spec.usages: "server" is unknown`:                                                       func(s *certificateSpec) { s.Usages = []string{"server"} },
	} {
		t.Run(want, func(t *testing.T) {
			s := valid
			change(&s)
			_, err := s.template(noon)
			require.ErrorContains(t, err, want)
		})
	}
	_, err := newKey(privateKeySpec{Algorithm: "RSA", Size: 512})
	require.EqualError(t, err, "privateKey.size 512: want 2048 to 8192 for RSA")
}

func TestRenewalTime(t *testing.T) {
	f := func(s certificateSpec, after time.Duration) {
		t.Helper()
		s.DNSNames = []string{"a"}
		p := issued(t, s, nil)
		require.Equal(t, noon.Add(after), s.renewalTime(p.cert))
	}
	f(certificateSpec{}, 1440*time.Hour) // two thirds of 90 days
	f(certificateSpec{Duration: "2160h", RenewBefore: "720h"}, 1440*time.Hour)
	f(certificateSpec{Duration: "3h", RenewBefore: "30m"}, 150*time.Minute)
	f(certificateSpec{Duration: "10h", RenewBeforePercentage: ptr(20)}, 8*time.Hour)
}
