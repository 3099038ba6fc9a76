package operators

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"koflab/embed/kube/store"
)

const (
	annotationCertificate = "cert-manager.io/certificate-name"
	annotationCommonName  = "cert-manager.io/common-name"
	annotationAltNames    = "cert-manager.io/alt-names"
	annotationIssuerName  = "cert-manager.io/issuer-name"
	annotationIssuerKind  = "cert-manager.io/issuer-kind"
	annotationIssuerGroup = "cert-manager.io/issuer-group"
	annotationRevision    = "cert-manager.io/certificate-revision"
	// annotationSpec tells from which specification a certificate was issued.
	annotationSpec = "koflab.dev/certificate-spec"
)

// specDigest is that of all fields that a certificate itself comes from.
func (s *certificateSpec) specDigest() string {
	c := *s
	c.SecretTemplate.Labels, c.SecretTemplate.Annotations = nil, nil
	c.RevisionHistoryLimit, c.SecretName, c.RenewBefore, c.RenewBeforePercentage = nil, "", "", nil
	text, err := json.Marshal(c)
	if err != nil {
		return "" // cannot be: it came from JSON
	}
	return fmt.Sprintf("%016x", digest(text))
}

// stale says why a Secret's certificate has to be issued anew, "" if it has not.
func (s *certificateSpec) stale(o *store.Object, now time.Time) (p *pair, reason, message string) {
	if o == nil {
		return nil, "DoesNotExist", "Issuing certificate as Secret does not exist"
	}
	var secret corev1.Secret
	if err := o.Into(&secret); err != nil {
		return nil, "InvalidData", "Issuing certificate as Secret cannot be read: " + err.Error()
	}
	p, err := parsePair(secret.Data)
	if err != nil {
		return nil, "InvalidKeyPair", "Issuing certificate as Secret contains an invalid key-pair: " + err.Error()
	}
	a := secret.Annotations
	if a[annotationIssuerName] != s.IssuerRef.Name || a[annotationIssuerKind] != orDefault(s.IssuerRef.Kind, "Issuer") {
		return p, "IncorrectIssuer", "Issuing certificate as Secret was previously issued by " +
			fmt.Sprintf("%q", a[annotationIssuerKind]+"/"+a[annotationIssuerName])
	}
	switch was := a[annotationSpec]; {
	case was == "":
		if differs := s.fits(p); differs != "" {
			return p, "SecretMismatch", "Existing issued Secret is not up to date for spec: [" + differs + "]"
		}
	case was != s.specDigest():
		return p, "SecretMismatch", "Existing issued Secret is not up to date for spec: [" + orDefault(s.fits(p), "spec") + "]"
	}
	if !now.Before(s.renewalTime(p.cert)) {
		if now.After(p.cert.NotAfter) {
			return p, "Expired", "Certificate expired on " + p.cert.NotAfter.Format(time.RFC1123)
		}
		return p, "Renewing", "Renewing certificate as renewal was scheduled at " + s.renewalTime(p.cert).Format(time.RFC3339)
	}
	return p, "", ""
}

// renewalTime is when a certificate is renewed: at two thirds of its life, or as
// long before its end as the specification says, where its life has room for it.
func (s *certificateSpec) renewalTime(c *x509.Certificate) time.Time {
	life := c.NotAfter.Sub(c.NotBefore)
	_, before, err := s.lifetime()
	if err != nil || before >= life {
		before = life / 3
	}
	return c.NotAfter.Add(-before).Truncate(time.Second)
}

func (r *Operators) reconcileCertificate(k key) (time.Duration, error) {
	o, err := r.get(k)
	if o == nil {
		return 0, err
	}
	cr := &certificate{}
	fail := func(reason, message string) (time.Duration, error) {
		r.warn(k, o, reason, message)
		return 0, r.setStatus(k, o, nil, condition{"Ready", false, reason, message})
	}
	if err := o.Into(cr); err != nil {
		return fail("InvalidSpec", err.Error())
	}
	s := &cr.Spec
	template, err := s.template(r.now())
	if err != nil {
		return fail("InvalidSpec", err.Error())
	}
	at := ref{secrets, k.namespace, s.SecretName}
	secret, err := r.find(at.gr, at.namespace, at.name)
	if err != nil {
		return 0, err
	}
	p, reason, message := s.stale(secret, r.now())
	if reason == "" {
		r.depend(k, at)
		return r.certificateReady(k, o, s, p.cert, certificateRevision(o))
	}
	signer, issuerAt, no := r.issuerOf(k.namespace, s.IssuerRef)
	r.depend(k, at, issuerAt)
	if no != nil {
		r.warn(k, o, no.reason, no.message)
		ready := condition{"Ready", false, reason, message}
		if reason == "Renewing" {
			ready = condition{"Ready", true, "Ready", "Certificate is up to date and has not expired"}
		}
		return 0, r.setStatus(k, o, nil, ready, condition{"Issuing", true, reason, message + "; " + no.message})
	}
	var old crypto.Signer
	if p != nil && s.PrivateKey.RotationPolicy != "Always" {
		old = p.key
	}
	made, err := r.issue(s, template, old, signer)
	if err != nil {
		return fail("Failed", err.Error())
	}
	revision := certificateRevision(o) + 1
	if err := r.writeCertificate(cr, o, at, made, revision); err != nil {
		return 0, err
	}
	r.event(k, o, corev1.EventTypeNormal, "Issuing", "The certificate has been successfully issued")
	return r.certificateReady(k, o, s, made.cert, revision)
}

func certificateRevision(o *store.Object) int64 {
	var cr struct {
		Status struct {
			Revision int64 `json:"revision"`
		} `json:"status"`
	}
	if o.Into(&cr) != nil {
		return 0
	}
	return cr.Status.Revision
}

// certificateReady writes the status of a valid certificate and returns when it
// is to be looked at again.
func (r *Operators) certificateReady(k key, o *store.Object, s *certificateSpec, c *x509.Certificate, revision int64) (time.Duration, error) {
	renewal := s.renewalTime(c)
	err := r.setStatus(k, o, map[string]any{
		"notBefore": c.NotBefore.UTC().Format(time.RFC3339), "notAfter": c.NotAfter.UTC().Format(time.RFC3339),
		"renewalTime": renewal.UTC().Format(time.RFC3339), "revision": max(revision, 1),
	},
		condition{"Ready", true, "Ready", "Certificate is up to date and has not expired"},
		condition{"Issuing", false, "Issued", "The certificate has been successfully issued"})
	return max(renewal.Sub(r.now()), time.Second), err
}

// issue makes a certificate. An old key is used again unless it has to rotate.
func (r *Operators) issue(s *certificateSpec, t *x509.Certificate, old crypto.Signer, by authority) (*pair, error) {
	if by.lab && !s.IsCA {
		ttl, _, err := s.lifetime()
		if err != nil {
			return nil, err
		}
		names := slices.Clone(s.DNSNames)
		if len(names) == 0 && s.CommonName != "" {
			names = []string{s.CommonName}
		}
		chain, key, err := r.options.CA(s.CommonName, names, ttl)
		if err != nil {
			return nil, fmt.Errorf("the lab's CA: %w", err)
		}
		p, err := parsePair(map[string][]byte{"tls.crt": chain, "tls.key": key})
		if err != nil {
			return nil, fmt.Errorf("the lab's CA: %w", err)
		}
		p.root = r.options.Root
		return p, nil
	}
	key := old
	if key == nil {
		var err error
		if key, err = newKey(s.PrivateKey); err != nil {
			return nil, err
		}
	}
	if by.lab && by.ca == nil && !by.selfSigned {
		return nil, fmt.Errorf("an ACME server issues no certificates of authorities")
	}
	text, err := encodeKey(key, s.PrivateKey.Encoding)
	if err != nil {
		return nil, err
	}
	chain, root, err := signedBy(t, key.Public(), key, by.ca)
	if err != nil {
		return nil, err
	}
	cert, err := parseCertificate(chain)
	if err != nil {
		return nil, err
	}
	return &pair{cert: cert, key: key, chain: chain, pem: text, root: root}, nil
}
