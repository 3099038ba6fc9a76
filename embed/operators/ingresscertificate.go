package operators

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// reconcileIngressCertificates makes the Certificates that an Ingress asks for by
// annotation.
func (r *Operators) reconcileIngressCertificates(k key) error {
	o, err := r.get(k)
	if o == nil {
		return err
	}
	var ingress networkingv1.Ingress
	if err := o.Into(&ingress); err != nil {
		return err
	}
	to := issuerRef{Name: ingress.Annotations["cert-manager.io/cluster-issuer"], Kind: clusterIssuerKind}
	if name := ingress.Annotations["cert-manager.io/issuer"]; name != "" {
		to = issuerRef{Name: name, Kind: "Issuer"}
	}
	if to.Name == "" {
		return nil
	}
	for _, t := range ingress.Spec.TLS {
		if t.SecretName == "" || len(t.Hosts) == 0 {
			r.warn(k, o, "BadConfig", "TLS entry needs hosts and secretName for a certificate")
			continue
		}
		c := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": certManagerGroup + "/v1", "kind": "Certificate",
			"metadata": map[string]any{"namespace": k.namespace, "name": t.SecretName},
			"spec": map[string]any{
				"secretName": t.SecretName, "issuerRef": map[string]any{"name": to.Name, "kind": to.Kind, "group": certManagerGroup},
				"usages": []any{"digital signature", "key encipherment", "server auth"},
			},
		}}
		if err := unstructured.SetNestedStringSlice(c.Object, t.Hosts, "spec", "dnsNames"); err != nil {
			return err
		}
		c.SetOwnerReferences([]metav1.OwnerReference{{
			APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Name: o.Name, UID: o.UID, Controller: ptr(true), BlockOwnerDeletion: ptr(true),
		}})
		done := childMemo{ref: ref{certificates, k.namespace, t.SecretName}}
		if err := r.put(&done, c, childMemo{}, o); err != nil {
			return fmt.Errorf("certificate %s: %w", t.SecretName, err)
		}
	}
	return nil
}
