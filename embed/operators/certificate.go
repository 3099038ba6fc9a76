package operators

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// certificateTTL is the validity of a certificate that names none: 90 days.
	certificateTTL = 2160 * time.Hour
	// minCertificateTTL and minRenewBefore are cert-manager's lower bounds.
	minCertificateTTL = time.Hour
	minRenewBefore    = 5 * time.Minute
)

type certificate = custom[certificateSpec]

type certificateSpec struct {
	SecretName            string         `json:"secretName"`
	CommonName            string         `json:"commonName"`
	DNSNames              []string       `json:"dnsNames"`
	IPAddresses           []string       `json:"ipAddresses"`
	URIs                  []string       `json:"uris"`
	EmailAddresses        []string       `json:"emailAddresses"`
	Duration              string         `json:"duration"`
	RenewBefore           string         `json:"renewBefore"`
	RenewBeforePercentage *int           `json:"renewBeforePercentage"`
	IsCA                  bool           `json:"isCA"`
	Usages                []string       `json:"usages"`
	IssuerRef             issuerRef      `json:"issuerRef"`
	PrivateKey            privateKeySpec `json:"privateKey"`
	RevisionHistoryLimit  *int           `json:"revisionHistoryLimit"`
	Subject               struct {
		Organizations       []string `json:"organizations"`
		OrganizationalUnits []string `json:"organizationalUnits"`
		Countries           []string `json:"countries"`
		Localities          []string `json:"localities"`
		Provinces           []string `json:"provinces"`
		SerialNumber        string   `json:"serialNumber"`
	} `json:"subject"`
	SecretTemplate struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"secretTemplate"`
}

type issuerRef struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Group string `json:"group"`
}

// lifetime returns how long a certificate holds and how long before its end it
// is renewed: a third of its life unless the resource says otherwise.
func (s *certificateSpec) lifetime() (ttl, renewBefore time.Duration, err error) {
	ttl = certificateTTL
	if s.Duration != "" {
		if ttl, err = time.ParseDuration(s.Duration); err != nil {
			return 0, 0, fmt.Errorf("spec.duration: %w", err)
		}
	}
	if ttl < minCertificateTTL {
		return 0, 0, fmt.Errorf("spec.duration %s: must be at least %s", ttl, minCertificateTTL)
	}
	switch {
	case s.RenewBefore != "" && s.RenewBeforePercentage != nil:
		return 0, 0, fmt.Errorf("spec.renewBefore and spec.renewBeforePercentage exclude each other")
	case s.RenewBefore != "":
		if renewBefore, err = time.ParseDuration(s.RenewBefore); err != nil {
			return 0, 0, fmt.Errorf("spec.renewBefore: %w", err)
		}
	case s.RenewBeforePercentage != nil:
		renewBefore = ttl * time.Duration(*s.RenewBeforePercentage) / 100
	default:
		renewBefore = ttl / 3
	}
	if renewBefore < minRenewBefore || renewBefore >= ttl {
		return 0, 0, fmt.Errorf("renewal %s before the end: want at least %s and less than the duration %s", renewBefore, minRenewBefore, ttl)
	}
	return ttl, renewBefore, nil
}

// template returns the certificate to be signed, valid from now on.
func (s *certificateSpec) template(now time.Time) (*x509.Certificate, error) {
	if s.SecretName == "" {
		return nil, fmt.Errorf("spec.secretName is empty")
	}
	if s.IssuerRef.Name == "" {
		return nil, fmt.Errorf("spec.issuerRef.name is empty")
	}
	if s.CommonName == "" && len(s.DNSNames)+len(s.IPAddresses)+len(s.URIs)+len(s.EmailAddresses) == 0 {
		return nil, fmt.Errorf("at least one of commonName, dnsNames, ipAddresses, uris and emailAddresses must be set")
	}
	if len(s.CommonName) > 64 {
		return nil, fmt.Errorf("spec.commonName %q: longer than 64 characters", s.CommonName)
	}
	ttl, _, err := s.lifetime()
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject: pkix.Name{
			CommonName: s.CommonName, Organization: s.Subject.Organizations, OrganizationalUnit: s.Subject.OrganizationalUnits,
			Country: s.Subject.Countries, Locality: s.Subject.Localities, Province: s.Subject.Provinces, SerialNumber: s.Subject.SerialNumber,
		},
		DNSNames: s.DNSNames, EmailAddresses: s.EmailAddresses,
		NotBefore: now.Truncate(time.Second), NotAfter: now.Add(ttl).Truncate(time.Second),
		BasicConstraintsValid: true, IsCA: s.IsCA,
	}
	for _, text := range s.IPAddresses {
		ip := net.ParseIP(text)
		if ip == nil {
			return nil, fmt.Errorf("spec.ipAddresses: %q is no address", text)
		}
		t.IPAddresses = append(t.IPAddresses, ip)
	}
	for _, text := range s.URIs {
		u, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("spec.uris: %w", err)
		}
		t.URIs = append(t.URIs, u)
	}
	return t, setUsages(t, s.Usages)
}

var keyUsages = map[string]x509.KeyUsage{
	"signing": x509.KeyUsageDigitalSignature, "digital signature": x509.KeyUsageDigitalSignature,
	"content commitment": x509.KeyUsageContentCommitment, "key encipherment": x509.KeyUsageKeyEncipherment,
	"data encipherment": x509.KeyUsageDataEncipherment, "key agreement": x509.KeyUsageKeyAgreement,
	"cert sign": x509.KeyUsageCertSign, "crl sign": x509.KeyUsageCRLSign,
	"encipher only": x509.KeyUsageEncipherOnly, "decipher only": x509.KeyUsageDecipherOnly,
}

var extKeyUsages = map[string]x509.ExtKeyUsage{
	"any": x509.ExtKeyUsageAny, "server auth": x509.ExtKeyUsageServerAuth, "client auth": x509.ExtKeyUsageClientAuth,
	"code signing": x509.ExtKeyUsageCodeSigning, "email protection": x509.ExtKeyUsageEmailProtection,
	"s/mime": x509.ExtKeyUsageEmailProtection, "timestamping": x509.ExtKeyUsageTimeStamping, "ocsp signing": x509.ExtKeyUsageOCSPSigning,
}

// setUsages sets the usages named, those of a TLS server when there are none. A
// server's certificate must say so here, since Go's clients insist on it.
func setUsages(t *x509.Certificate, usages []string) error {
	if len(usages) == 0 {
		usages = []string{"digital signature", "key encipherment", "server auth"}
		if t.IsCA {
			usages = usages[:2]
		}
	}
	if t.IsCA {
		usages = append(slices.Clone(usages), "cert sign")
	}
	for _, u := range usages {
		if k, ok := keyUsages[u]; ok {
			t.KeyUsage |= k
		} else if e, ok := extKeyUsages[u]; ok {
			if !slices.Contains(t.ExtKeyUsage, e) {
				t.ExtKeyUsage = append(t.ExtKeyUsage, e)
			}
		} else {
			return fmt.Errorf("spec.usages: %q is unknown", u)
		}
	}
	return nil
}

// signedBy signs a template for a public key with an authority's pair; with a
// nil one the certificate signs itself.
func signedBy(t *x509.Certificate, public crypto.PublicKey, self crypto.Signer, by *pair) (chain, root []byte, err error) {
	parent, key := t, self
	if by != nil {
		parent, key = by.cert, by.key
		if !by.cert.IsCA {
			return nil, nil, fmt.Errorf("the issuer's certificate %q is not one of an authority", by.cert.Subject.CommonName)
		}
		if t.NotAfter.After(by.cert.NotAfter) {
			t.NotAfter = by.cert.NotAfter // what outlives its authority verifies nowhere
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, public, key)
	if err != nil {
		return nil, nil, fmt.Errorf("signing: %w", err)
	}
	chain = certificatePEM(der)
	switch {
	case by == nil:
		root = chain
	case by.cert.CheckSignatureFrom(by.cert) == nil:
		root = certificatePEM(by.cert.Raw)
	default:
		// An intermediate authority goes into the chain; the root above it is its own.
		chain = append(chain, by.chain...)
		root = by.root
	}
	return chain, root, nil
}

// fits says what of a pair differs from its Certificate, "" for nothing.
func (s *certificateSpec) fits(p *pair) string {
	c := p.cert
	same := func(a, b []string) bool {
		a, b = slices.Clone(a), slices.Clone(b)
		slices.Sort(a)
		slices.Sort(b)
		return slices.Equal(slices.Compact(a), slices.Compact(b))
	}
	var ips, uris []string
	for _, ip := range c.IPAddresses {
		ips = append(ips, ip.String())
	}
	for _, u := range c.URIs {
		uris = append(uris, u.String())
	}
	var wantIPs []string
	for _, text := range s.IPAddresses {
		wantIPs = append(wantIPs, net.ParseIP(text).String())
	}
	var differs []string
	for _, f := range []struct {
		name string
		same bool
	}{
		// Authorities that issue by DNS name alone leave the common name out.
		{"spec.commonName", c.Subject.CommonName == s.CommonName || c.Subject.CommonName == "" && slices.Contains(c.DNSNames, s.CommonName)},
		{"spec.dnsNames", same(c.DNSNames, s.DNSNames) || same(c.DNSNames, append(slices.Clone(s.DNSNames), s.CommonName))},
		{"spec.ipAddresses", same(ips, wantIPs)},
		{"spec.uris", same(uris, s.URIs)},
		{"spec.isCA", c.IsCA == s.IsCA},
	} {
		if !f.same {
			differs = append(differs, f.name)
		}
	}
	return strings.Join(differs, ", ")
}

// signingRequest returns the CSR that a CertificateRequest carries.
func signingRequest(t *x509.Certificate, key crypto.Signer) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: t.Subject, DNSNames: t.DNSNames, IPAddresses: t.IPAddresses, URIs: t.URIs, EmailAddresses: t.EmailAddresses,
	}, key)
	if err != nil {
		return nil, fmt.Errorf("signing request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}
