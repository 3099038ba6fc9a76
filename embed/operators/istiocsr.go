package operators

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/store"
)

// istiodTTL is the life of istiod's serving certificate. Upstream's hour would
// have a lab of many clusters sign all day for nothing to be seen.
const istiodTTL = "720h"

// newIstioCSR returns the agent that lets cert-manager be the mesh's authority:
// while it runs, the root is its issuer's, and istiod serves with a certificate
// of it.
func newIstioCSR() *operator {
	look := func(r *Operators) { r.queue.add(r.istiodCertificate()) }
	return &operator{
		name:    "cert-manager-istio-csr",
		images:  []string{"jetstack/cert-manager-istio-csr"},
		watches: []schema.GroupResource{certificates},
		related: func(r *Operators, ch store.Change) {
			if k := r.istiodCertificate(); ch.Object.Namespace == k.namespace && ch.Object.Name == k.name {
				look(r)
			}
		},
		begin: func(r *Operators) {
			r.addAll(istiod, namespaces) // the root changes
			look(r)
		},
		reconcile: (*Operators).reconcileIstiodCertificate,
	}
}

func (r *Operators) istiodCertificate() key {
	pod := r.leader(istioCSR)
	return key{istioCSR, certificates, pod.last("istiod-cert-namespace", pod.namespace), pod.last("istiod-cert-name", "istiod")}
}

// meshIssuer returns the issuer that signs for the mesh, and its namespace.
func (i instance) meshIssuer() (string, issuerRef) {
	return i.last("certificate-namespace", i.namespace), issuerRef{
		Name: i.last("issuer-name", "istio-ca"), Kind: i.last("issuer-kind", "Issuer"), Group: i.last("issuer-group", certManagerGroup),
	}
}

func (r *Operators) reconcileIstiodCertificate(k key) (time.Duration, error) {
	pod := r.leader(istioCSR)
	if !slices.Contains(pod.flag("istiod-cert-enabled"), "true") {
		return 0, nil
	}
	_, to := pod.meshIssuer()
	c := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": certManagerGroup + "/v1", "kind": "Certificate",
		"metadata": map[string]any{"namespace": k.namespace, "name": k.name, "labels": map[string]any{labelManagedBy: "cert-manager-istio-csr"}},
		"spec": map[string]any{
			"secretName": "istiod-tls", "duration": istiodTTL,
			"dnsNames":   []any{"istiod." + k.namespace + ".svc"},
			"uris":       []any{"spiffe://" + pod.last("trust-domain", "cluster.local") + "/ns/" + k.namespace + "/sa/istiod-service-account"},
			"privateKey": map[string]any{"algorithm": "ECDSA", "size": int64(256), "rotationPolicy": "Always"},
			"issuerRef":  map[string]any{"name": to.Name, "kind": to.Kind, "group": to.Group},
		},
	}}
	m := r.memo(k)
	done, last := childMemo{ref: ref{certificates, k.namespace, k.name}}, childMemo{}
	if len(m.children) == 1 {
		last = m.children[0]
	}
	if err := r.put(&done, c, last, nil); err != nil {
		return 0, err
	}
	m.children = []childMemo{done}
	return 0, nil
}
