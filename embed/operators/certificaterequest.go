package operators

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"koflab/embed/kube/store"
)

// writeCertificate stores a certificate in its Secret, and the request that it
// came from.
func (r *Operators) writeCertificate(cr *certificate, o *store.Object, at ref, p *pair, revision int64) error {
	s := &cr.Spec
	names := slices.Clone(s.DNSNames)
	slices.Sort(names)
	secret := &corev1.Secret{
		ObjectMeta: meta(at.namespace, at.name, merged(s.SecretTemplate.Labels, map[string]string{"controller.cert-manager.io/fao": "true"})),
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{"tls.crt": p.chain, "tls.key": p.pem},
	}
	if len(p.root) > 0 {
		secret.Data["ca.crt"] = p.root
	}
	secret.Annotations = merged(s.SecretTemplate.Annotations, map[string]string{
		annotationCertificate: cr.Name, annotationCommonName: s.CommonName, annotationAltNames: strings.Join(names, ","),
		annotationIssuerName: s.IssuerRef.Name, annotationIssuerKind: orDefault(s.IssuerRef.Kind, "Issuer"),
		annotationIssuerGroup: orDefault(s.IssuerRef.Group, certManagerGroup), annotationSpec: s.specDigest(),
	})
	done := childMemo{ref: at}
	if err := r.put(&done, secret, childMemo{}, nil); err != nil {
		return fmt.Errorf("secret %s: %w", at.name, err)
	}
	return r.recordRequest(cr, o, p, revision)
}

// recordRequest keeps the CertificateRequest of a revision, and drops those too
// old to be kept.
func (r *Operators) recordRequest(cr *certificate, o *store.Object, p *pair, revision int64) error {
	csr, err := signingRequest(p.cert, p.key)
	if err != nil {
		return err
	}
	s := &cr.Spec
	name := func(n int64) string { return fmt.Sprintf("%s-%d", cr.Name, n) }
	spec := map[string]any{
		"request": csr, "isCA": s.IsCA,
		"issuerRef": map[string]any{"name": s.IssuerRef.Name, "kind": orDefault(s.IssuerRef.Kind, "Issuer"), "group": orDefault(s.IssuerRef.Group, certManagerGroup)},
		"username":  "system:serviceaccount:" + r.leader(certManager).namespace + ":cert-manager",
	}
	if s.Duration != "" {
		spec["duration"] = s.Duration
	}
	request := &unstructured.Unstructured{}
	text, err := json.Marshal(map[string]any{
		"apiVersion": certManagerGroup + "/v1", "kind": "CertificateRequest",
		"metadata": map[string]any{"namespace": cr.Namespace, "name": name(revision), "annotations": map[string]string{
			annotationCertificate: cr.Name, annotationRevision: fmt.Sprint(revision), "cert-manager.io/private-key-secret-name": s.SecretName,
		}},
		"spec": spec,
	})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &request.Object); err != nil {
		return err
	}
	request.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: o.GVK.GroupVersion().String(), Kind: o.GVK.Kind, Name: o.Name, UID: o.UID, Controller: ptr(true), BlockOwnerDeletion: ptr(true),
	}})
	k := key{certManager, certificateRequests, cr.Namespace, name(revision)}
	r.forget(k) // an earlier one of that name is gone
	made, err := r.api.Create(certificateRequests, request)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := r.requestIssued(k, made, p.chain, p.root); err != nil {
		return err
	}
	limit := int64(max(deref(s.RevisionHistoryLimit, 1), 1))
	if old := revision - limit; old > 0 {
		if err := r.api.Delete(certificateRequests, cr.Namespace, name(old), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

func (r *Operators) requestIssued(k key, o *store.Object, chain, root []byte) error {
	// Fields of type bytes are base64 text in an object.
	var fields map[string]any
	text, err := json.Marshal(map[string][]byte{"certificate": chain, "ca": root})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	return r.setStatus(k, o, fields,
		condition{"Approved", true, "cert-manager.io", "Certificate request has been approved by cert-manager.io"},
		condition{"Ready", true, "Issued", "Certificate fetched from issuer successfully"})
}

// reconcileCertificateRequest signs the requests of others than Certificates.
func (r *Operators) reconcileCertificateRequest(k key) error {
	o, err := r.get(k)
	if o == nil {
		return err
	}
	var cr struct {
		metav1.ObjectMeta `json:"metadata"`
		Spec              struct {
			Request   []byte    `json:"request"`
			IssuerRef issuerRef `json:"issuerRef"`
			Duration  string    `json:"duration"`
			IsCA      bool      `json:"isCA"`
			Usages    []string  `json:"usages"`
		} `json:"spec"`
		Status struct {
			Certificate []byte `json:"certificate"`
		} `json:"status"`
	}
	fail := func(reason, message string) error {
		r.warn(k, o, reason, message)
		return r.setStatus(k, o, nil,
			condition{"Approved", true, "cert-manager.io", "Certificate request has been approved by cert-manager.io"},
			condition{"Ready", false, reason, message})
	}
	if err := o.Into(&cr); err != nil {
		return fail("Failed", err.Error())
	}
	if len(cr.Status.Certificate) > 0 || cr.Annotations[annotationCertificate] != "" {
		return nil
	}
	signer, at, no := r.issuerOf(k.namespace, cr.Spec.IssuerRef)
	r.depend(k, at)
	if no != nil {
		return fail("Pending", no.message)
	}
	if signer.ca == nil {
		return fail("Failed", "only issuers of type ca sign requests whose key is elsewhere")
	}
	block, _ := pem.Decode(cr.Spec.Request)
	if block == nil {
		return fail("Failed", "spec.request: no PEM block")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return fail("Failed", "spec.request: "+err.Error())
	}
	s := certificateSpec{
		SecretName: k.name, CommonName: csr.Subject.CommonName, DNSNames: csr.DNSNames, Duration: cr.Spec.Duration,
		IsCA: cr.Spec.IsCA, Usages: cr.Spec.Usages, IssuerRef: cr.Spec.IssuerRef,
	}
	for _, ip := range csr.IPAddresses {
		s.IPAddresses = append(s.IPAddresses, ip.String())
	}
	for _, u := range csr.URIs {
		s.URIs = append(s.URIs, u.String())
	}
	template, err := s.template(r.now())
	if err != nil {
		return fail("Failed", err.Error())
	}
	chain, root, err := signedBy(template, csr.PublicKey, nil, signer.ca)
	if err != nil {
		return fail("Failed", err.Error())
	}
	return r.requestIssued(k, o, chain, root)
}
