package region

import (
	"crypto/tls"
	"fmt"
	"net"
	"slices"

	"koflab/embed/gateway"
)

// Broken is what is wrong with a region on purpose. The zero value is a sound one.
type Broken struct {
	// Cut takes the region off the network: nothing listens.
	Cut bool `json:"cut,omitempty"`
	// ReadOnly are the stores that take no writes, as with a full disk: metrics,
	// logs, audit, traces.
	ReadOnly []string `json:"readOnly,omitempty"`
	// Certificate is what the gateway presents.
	Certificate Certificate `json:"certificate,omitempty"`
}

// Certificate is a state of the gateway's certificate.
type Certificate string

// What a gateway can present.
const (
	CertificateValid   Certificate = ""
	CertificateExpired Certificate = "expired"
	CertificateForeign Certificate = "foreign" // signed by a CA that nobody trusts
)

// issue makes the certificate that a region's gateway presents.
func (c *Config) issue(ca *gateway.CA) (tls.Certificate, error) {
	ips := []net.IP{net.ParseIP(c.IP)}
	switch c.Broken.Certificate {
	case CertificateValid:
		return ca.ServerCertificate(c.Domains, ips, certificateTTL)
	case CertificateExpired:
		return ca.ExpiredServerCertificate(c.Domains, ips, certificateTTL)
	case CertificateForeign:
		other, err := gateway.NewCA(c.Clock.Open())
		if err != nil {
			return tls.Certificate{}, err
		}
		return other.ServerCertificate(c.Domains, ips, certificateTTL)
	}
	return tls.Certificate{}, fmt.Errorf("there is no certificate %q", c.Broken.Certificate)
}

// Break makes the region as broken as told, and mends the rest. A change of the
// certificate closes the gateway's connections, so that everybody sees it.
func (s *Server) Break(b Broken) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.config.Broken
	s.config.Broken = b
	s.cut = b.Cut
	s.stores.setReadOnly(b.ReadOnly)
	if b.Certificate != before.Certificate {
		if err := s.present(); err != nil {
			s.config.Broken.Certificate = before.Certificate
			return err
		}
	}
	return s.listenWhereServed()
}

// Cut reports whether the region is off the network.
func (s *Server) Cut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut
}

// Cut reports whether the region is off the network.
func (p *Process) Cut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.config.Broken.Cut
}

// present issues the gateway's certificate anew; the caller holds mu.
func (s *Server) present() error {
	cert, err := s.config.issue(s.ca)
	if err != nil {
		return fmt.Errorf("certificate of %s: %w", s.config.Name, err)
	}
	s.certificate.Store(&cert)
	for _, l := range s.servers {
		if l.Name == VMAuth && l.Running() {
			return l.Kill() // listenWhereServed opens it again
		}
	}
	return nil
}

// tls is the configuration of the gateway's listener, whose certificate can change.
func (s *Server) tls() *tls.Config {
	c := s.ca.ServerTLS(*s.certificate.Load(), s.config.MutualTLS)
	c.Certificates = nil
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.certificate.Load(), nil }
	return c
}

// setReadOnly makes stores refuse writes, those of the names and no others.
func (s *stores) setReadOnly(names []string) {
	for _, st := range s.open {
		st.SetReadOnly(slices.Contains(names, st.name))
	}
}

// Break makes the region as broken as told. A region that is started again stays so.
func (p *Process) Break(b Broken) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.ask(request{Break: &b}); err != nil {
		return err
	}
	p.config.Broken = b
	return nil
}
