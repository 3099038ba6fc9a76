package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/sim/clock"
)

const day = 24 * time.Hour

func newTestCA(t testing.TB, c clock.Clock) *CA {
	ca, err := NewCA(c)
	require.NoError(t, err)
	return ca
}

// handshake lets a client and a server meet and returns the client's error of
// the handshake or, when the server turns it down, of the first read.
func handshake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		s := tls.Server(c, server)
		_, _ = s.Write([]byte("x"))
		_, _ = io.Copy(io.Discard, s)
	}()
	defer func() { l.Close(); <-served }()
	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	_, err = tls.Client(c, client).Read(make([]byte, 1))
	return err
}

func withName(c *tls.Config, name string) *tls.Config {
	c.ServerName = name
	return c
}

func TestHandshakes(t *testing.T) {
	v := clock.NewVirtual(origin)
	ca, other := newTestCA(t, v), newTestCA(t, v)
	cert, err := ca.ServerCertificate([]string{"vmauth.r1.test", "*.r1.mesh"}, []net.IP{net.IPv4(127, 0, 0, 2)}, 90*day)
	require.NoError(t, err)
	server := ca.ServerTLS(cert, false)
	f := func(client *tls.Config, want string) {
		t.Helper()
		err := handshake(t, server, client)
		if want == "" {
			require.NoError(t, err)
			return
		}
		require.ErrorContains(t, err, want)
	}
	f(withName(ca.ClientTLS(), "vmauth.r1.test"), "")
	f(withName(ca.ClientTLS(), "vmauth.r1.mesh"), "")
	f(withName(ca.ClientTLS(), "127.0.0.2"), "")
	f(withName(ca.ClientTLS(), "vmauth.r2.test"), "not vmauth.r2.test")
	f(withName(ca.ClientTLS(), "127.0.0.3"), "not 127.0.0.3")
	f(withName(other.ClientTLS(), "vmauth.r1.test"), "unknown authority")
	v.Advance(90*day - time.Second)
	f(withName(ca.ClientTLS(), "vmauth.r1.test"), "")
	v.Advance(2 * time.Second)
	f(withName(ca.ClientTLS(), "vmauth.r1.test"), "expired or is not yet valid")
}

func TestMutualTLS(t *testing.T) {
	v := clock.NewVirtual(origin)
	ca, other := newTestCA(t, v), newTestCA(t, v)
	cert, err := ca.ServerCertificate([]string{"r1-vmauth"}, nil, 90*day)
	require.NoError(t, err)
	client, err := ca.ClientCertificate("c1-collector", day)
	require.NoError(t, err)
	foreign, err := other.ClientCertificate("c1-collector", day)
	require.NoError(t, err)
	server := ca.ServerTLS(cert, true)
	require.NoError(t, handshake(t, server, withName(ca.ClientTLS(client), "r1-vmauth")))
	require.ErrorContains(t, handshake(t, server, withName(ca.ClientTLS(), "r1-vmauth")), "certificate required")
	require.Error(t, handshake(t, server, withName(ca.ClientTLS(foreign), "r1-vmauth")))
	require.Error(t, handshake(t, server, withName(ca.ClientTLS(cert), "r1-vmauth")), "a server's certificate is no client's")
	v.Advance(day + time.Second)
	require.ErrorContains(t, handshake(t, server, withName(ca.ClientTLS(client), "r1-vmauth")), "expired certificate")
}

func TestPeersAreUsers(t *testing.T) {
	ca := newTestCA(t, clock.NewVirtual(origin))
	serve := func(users []User) (get func(name string) (int, string), l *lab) {
		l = newLab(t, func(c *Config) { c.MutualTLS, c.Users = true, users })
		cert, err := ca.ServerCertificate(nil, []net.IP{net.IPv4(127, 0, 0, 1)}, day)
		require.NoError(t, err)
		s := NewServer(l, ServerOptions{TLS: ca.ServerTLS(cert, true)})
		require.NoError(t, s.Listen("127.0.0.1:0"))
		t.Cleanup(func() { require.NoError(t, s.Kill()) })
		return func(name string) (int, string) {
			cert, err := ca.ClientCertificate(name, day)
			require.NoError(t, err)
			transport := &http.Transport{TLSClientConfig: ca.ClientTLS(cert)}
			defer transport.CloseIdleConnections()
			resp, err := (&http.Client{Transport: transport}).Get("https://" + s.Addr() + "/vls/x")
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, errors.Join(err, resp.Body.Close()))
			return resp.StatusCode, string(body)
		}, l
	}
	get, l := serve(nil)
	status, _ := get("anyone")
	require.Equal(t, http.StatusNoContent, status)
	require.Empty(t, l.last.query, "unrestricted")
	require.EqualValues(t, 1, l.Stats().Users[""].Requests)
	require.Contains(t, l.do("", "GET", "/metrics", "").Body.String(), "vmauth_unauthorized_user_requests_total 1\n")

	get, l = serve([]User{{Name: "c1", Tenant: "a"}})
	status, _ = get("c1")
	require.Equal(t, http.StatusNoContent, status)
	require.Equal(t, newTenantArgs("a").query(LogsSelect, ""), l.last.query)
	status, body := get("c2")
	require.Equal(t, http.StatusUnauthorized, status)
	require.Equal(t, "Unauthorized\n", body)

	// Without TLS there is nobody to trust.
	w := l.do("tenant", "GET", "/vls/x", "")
	require.Equal(t, http.StatusUnauthorized, w.Code)
	require.Contains(t, w.Body.String(), "client certificate")
	require.Empty(t, w.Header().Get("WWW-Authenticate"))
}

func TestIdentities(t *testing.T) {
	ca := newTestCA(t, clock.NewVirtual(origin))
	cert, err := ca.ClientCertificate("c1-collector", day)
	require.NoError(t, err)
	require.Len(t, cert.Leaf.URIs, 1)
	require.Equal(t, "spiffe://cluster.local/ns/kof/sa/c1-collector", cert.Leaf.URIs[0].String())
	_, err = ca.ClientCertificate("", day)
	require.ErrorContains(t, err, "the name is empty")
	_, err = ca.ServerCertificate(nil, nil, day)
	require.ErrorContains(t, err, "no names and no addresses")
	_, err = ca.ServerCertificate([]string{"a.test"}, nil, 0)
	require.ErrorContains(t, err, "validity 0s")
}

func TestCAIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	v := clock.NewVirtual(origin)
	first, err := LoadOrCreateCA(dir, v)
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(dir, caFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoError(t, os.Remove(filepath.Join(dir, caCertFile)))
	again, err := LoadOrCreateCA(dir, v)
	require.NoError(t, err)
	require.Equal(t, first.CertificatePEM(), again.CertificatePEM())
	exported, err := os.ReadFile(filepath.Join(dir, caCertFile))
	require.NoError(t, err)
	require.Equal(t, first.CertificatePEM(), exported)

	// What the first issued, the second trusts, and the other way round.
	cert, err := again.ServerCertificate([]string{"a.test"}, nil, day)
	require.NoError(t, err)
	_, err = cert.Leaf.Verify(x509.VerifyOptions{Roots: first.Pool(), DNSName: "a.test", CurrentTime: origin})
	require.NoError(t, err)

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "no temporary files stay")
}

func TestCAOfAnotherTimeIsReplaced(t *testing.T) {
	dir := t.TempDir()
	f := func(now time.Time, same bool) {
		t.Helper()
		before, _ := os.ReadFile(filepath.Join(dir, caFile))
		_, err := LoadOrCreateCA(dir, clock.NewVirtual(now))
		require.NoError(t, err)
		after, err := os.ReadFile(filepath.Join(dir, caFile))
		require.NoError(t, err)
		require.Equal(t, same, string(before) == string(after))
	}
	f(origin, false)
	f(origin.Add(rootTTL-time.Second), true)
	f(origin.Add(-2*skew), false)
	f(origin.Add(rootTTL), false)
}

func TestDamagedCAIsReported(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, caFile), []byte("no PEM"), 0o600))
	_, err := LoadOrCreateCA(dir, clock.Real())
	require.ErrorContains(t, err, filepath.Join(dir, caFile))
	require.ErrorContains(t, err, "remove the file to get a new CA")
	_, err = LoadOrCreateCA(filepath.Join(dir, caFile), clock.Real())
	require.ErrorContains(t, err, "CA directory")
}

func FuzzParseCA(f *testing.F) {
	dir := f.TempDir()
	_, err := LoadOrCreateCA(dir, clock.NewVirtual(origin))
	require.NoError(f, err)
	bundle, err := os.ReadFile(filepath.Join(dir, caFile))
	require.NoError(f, err)
	f.Add(bundle)
	f.Add(bundle[:len(bundle)/2])
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, bundle []byte) {
		ca, err := parseCA(bundle, clock.NewVirtual(origin))
		if err != nil {
			return
		}
		cert, err := ca.ServerCertificate([]string{"a.test"}, nil, day)
		if err != nil {
			return // the clock may be outside what the encoding of time can hold
		}
		if err := cert.Leaf.CheckSignatureFrom(ca.cert); err != nil {
			t.Fatalf("a CA that was read issues what does not verify: %v", err)
		}
	})
}
