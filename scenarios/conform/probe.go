package conform

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// trouble is why somebody is not reached, in the order in which one would look.
type trouble int

const (
	troubleNone        trouble = iota
	troubleName                // the name is not in DNS
	troubleAway                // nobody answers there
	troubleCertificate         // who answers is not trusted
	troubleCredentials         // who answers does not let in
	troubleOther
)

// classify tells by an error of Go's HTTP client, or by the text of one, what is the
// matter. The texts are those of Go, in which promxy and the collectors are written.
func classify(err error) trouble {
	var (
		dns    *net.DNSError
		verify *tls.CertificateVerificationError
		x1     x509.UnknownAuthorityError
		x2     x509.HostnameError
		x3     x509.CertificateInvalidError
	)
	switch s := statusOf(err); {
	case err == nil:
		return troubleNone
	case errors.As(err, &dns):
		return troubleName
	case errors.As(err, &verify), errors.As(err, &x1), errors.As(err, &x2), errors.As(err, &x3):
		return troubleCertificate
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		return troubleCredentials
	}
	return classifyText(err.Error())
}

func classifyText(s string) trouble {
	s = strings.ToLower(s)
	for _, c := range []struct {
		is    trouble
		words []string
	}{
		{troubleNone, nil},
		{troubleName, []string{"no such host", "server misbehaving", "name resolution"}},
		{troubleCertificate, []string{"x509:", "tls: failed to verify", "certificate"}},
		{troubleCredentials, []string{"401", "unauthorized", "403 forbidden", "missing `authorization`"}},
		{troubleAway, []string{"connection refused", "timeout", "deadline exceeded", "connection reset", "no route to host", "network is unreachable", "eof", "broken pipe", "timed out", "connection closed", "502", "503", "504"}},
	} {
		for _, w := range c.words {
			if strings.Contains(s, w) {
				return c.is
			}
		}
	}
	return troubleOther
}

// describe puts an error of the network in words that fit into a line.
func describe(err error) string {
	var (
		dns *net.DNSError
		op  *net.OpError
		to  interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &dns):
		return "no such host: " + dns.Name
	case errors.As(err, &op) && op.Op == "dial" && !op.Timeout():
		return excerpt([]byte(op.Err.Error()))
	case errors.As(err, &to) && to.Timeout():
		return "no answer in time"
	}
	return excerpt([]byte(err.Error()))
}

// probed is what came of asking a region directly.
type probed struct {
	asked   bool
	trouble trouble
	detail  string
	at      string // the URL, without credentials
}

const regionReads = "/vm/select/0/prometheus"

// probe asks a region's gateway or storage past management.
func probe(ctx context.Context, r Region, t Target, timeout time.Duration) probed {
	tr, err := transport(t.CA, t.InsecureSkipVerify || r.Insecure)
	if err != nil {
		return probed{trouble: troubleOther, detail: err.Error()}
	}
	defer tr.CloseIdleConnections()
	address := r.URL
	if u, err := url.Parse(address); err == nil && strings.Trim(u.Path, "/") == "" {
		address = strings.TrimRight(address, "/") + regionReads
	}
	c, err := newClient(tr, address, Auth{Username: r.Username, Password: r.Password}, min(timeout, 2*dialTimeout))
	if err != nil {
		return probed{trouble: troubleOther, detail: err.Error(), at: hidePassword(r.URL)}
	}
	_, err = prometheus{c}.now(ctx)
	p := probed{asked: true, at: c.base}
	switch s := statusOf(err); {
	case err == nil:
	case s == http.StatusUnauthorized && c.auth == (Auth{}):
		p.detail = "it answers 401 to a request without credentials, as vmauth does"
	default:
		p.trouble, p.detail = classify(err), describe(err)
	}
	return p
}
