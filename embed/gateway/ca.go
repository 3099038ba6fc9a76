package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"

	"koflab/sim/clock"
)

// rootTTL is the validity of the lab's root certificate.
const rootTTL = 10 * 365 * 24 * time.Hour

// skew is how far before their issue certificates become valid, so that
// machines and labs with clocks a little apart trust each other.
const skew = time.Hour

// CA is the lab's certificate authority. It stands for cert-manager's
// self-signed issuer and, in the mesh, for Istio's. All validity is measured on
// the lab's clock, so that certificates can expire in virtual time.
type CA struct {
	clock clock.Clock
	key   *ecdsa.PrivateKey
	cert  *x509.Certificate
	pool  *x509.CertPool
}

// NewCA makes an authority with a fresh root, valid for ten years from now.
func NewCA(c clock.Clock) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("CA key: %w", err)
	}
	template, err := newTemplate(c.Now(), rootTTL)
	if err != nil {
		return nil, err
	}
	template.Subject = pkix.Name{CommonName: "koflab root", Organization: []string{"koflab"}}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("CA certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("CA certificate: %w", err)
	}
	return newCA(c, key, cert), nil
}

func newCA(c clock.Clock, key *ecdsa.PrivateKey, cert *x509.Certificate) *CA {
	ca := &CA{clock: c, key: key, cert: cert, pool: x509.NewCertPool()}
	ca.pool.AddCert(cert)
	return ca
}

// Pool returns a pool with the root alone.
func (ca *CA) Pool() *x509.CertPool { return ca.pool.Clone() }

// CertificatePEM returns the root certificate, for clients outside the lab.
func (ca *CA) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
}

// ServerCertificate issues a certificate for DNS names (wildcards allowed) and
// addresses, valid for ttl of lab time.
func (ca *CA) ServerCertificate(names []string, ips []net.IP, ttl time.Duration) (tls.Certificate, error) {
	if len(names)+len(ips) == 0 {
		return tls.Certificate{}, fmt.Errorf("server certificate: no names and no addresses")
	}
	return ca.issue(ttl, func(t *x509.Certificate) {
		t.DNSNames, t.IPAddresses = names, ips
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
}

// ClientCertificate issues a mesh workload's certificate, valid for ttl of lab
// time, with the identity spiffe://cluster.local/ns/kof/sa/NAME.
func (ca *CA) ClientCertificate(name string, ttl time.Duration) (tls.Certificate, error) {
	if name == "" {
		return tls.Certificate{}, fmt.Errorf("client certificate: the name is empty")
	}
	id := &url.URL{Scheme: "spiffe", Host: "cluster.local", Path: "/ns/kof/sa/" + name}
	return ca.issue(ttl, func(t *x509.Certificate) {
		t.URIs = []*url.URL{id}
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
}

// UserCertificate issues the client certificate of a Kubernetes user, valid for
// ttl of lab time: the common name is the user, organizations are its groups.
func (ca *CA) UserCertificate(user string, groups []string, ttl time.Duration) (tls.Certificate, error) {
	if user == "" {
		return tls.Certificate{}, fmt.Errorf("user certificate: the user is empty")
	}
	return ca.issue(ttl, func(t *x509.Certificate) {
		t.Subject = pkix.Name{CommonName: user, Organization: groups}
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
}

// EncodePair returns a certificate and its key in PEM, as TLS Secrets and
// kubeconfigs hold them.
func EncodePair(c tls.Certificate) (cert, key []byte, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return nil, nil, fmt.Errorf("encode a private key: %w", err)
	}
	for _, b := range c.Certificate {
		cert = append(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b})...)
	}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// issue signs a leaf. Like cert-manager's it has no common name.
func (ca *CA) issue(ttl time.Duration, with func(*x509.Certificate)) (tls.Certificate, error) {
	if ttl <= 0 {
		return tls.Certificate{}, fmt.Errorf("certificate validity %s: want more than zero", ttl)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate key: %w", err)
	}
	template, err := newTemplate(ca.clock.Now(), ttl)
	if err != nil {
		return tls.Certificate{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	with(template)
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

func newTemplate(now time.Time, ttl time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("certificate serial: %w", err)
	}
	return &x509.Certificate{SerialNumber: serial, NotBefore: now.Add(-skew), NotAfter: now.Add(ttl)}, nil
}

// ServerTLS returns the configuration of a listener with a certificate of this
// authority. With mutual, clients need one too: the strict mTLS of the mesh.
func (ca *CA) ServerTLS(cert tls.Certificate, mutual bool) *tls.Config {
	c := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{cert},
		Time:         ca.clock.Now,
		// A resumed session would carry a certificate past its expiry.
		SessionTicketsDisabled: true,
	}
	if mutual {
		c.ClientAuth = tls.RequireAndVerifyClientCert
		c.ClientCAs = ca.Pool()
	}
	return c
}

// APIServerTLS is ServerTLS for a Kubernetes API server: clients may come without a
// certificate, and are then told 401 by the server instead of by the handshake.
func (ca *CA) APIServerTLS(cert tls.Certificate) *tls.Config {
	c := ca.ServerTLS(cert, false)
	c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, ca.Pool()
	return c
}

// ClientTLS returns the configuration of a client that trusts this authority
// alone, with certificates of its own in the mesh.
func (ca *CA) ClientTLS(certs ...tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		RootCAs:      ca.Pool(),
		Certificates: certs,
		Time:         ca.clock.Now,
	}
}
