package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"time"
)

// expiredFor is how long ago the certificate of ExpiredServerCertificate ended: more
// than clocks that are a little apart would forgive.
const expiredFor = 24 * time.Hour

// ExpiredServerCertificate issues what a ServerCertificate is that nobody renewed:
// it was valid for ttl of lab time and has ended.
func (ca *CA) ExpiredServerCertificate(names []string, ips []net.IP, ttl time.Duration) (tls.Certificate, error) {
	if len(names)+len(ips) == 0 {
		return tls.Certificate{}, fmt.Errorf("server certificate: no names and no addresses")
	}
	return ca.issue(ttl, func(t *x509.Certificate) {
		t.DNSNames, t.IPAddresses = names, ips
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		t.NotBefore, t.NotAfter = t.NotBefore.Add(-ttl-expiredFor), t.NotAfter.Add(-ttl-expiredFor)
	})
}
