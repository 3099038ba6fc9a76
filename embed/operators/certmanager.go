package operators

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/store"
)

const clusterIssuerKind = "ClusterIssuer"

func newCertManager() *operator {
	return &operator{
		name:    "cert-manager",
		images:  []string{"jetstack/cert-manager-controller"},
		owns:    []schema.GroupResource{issuers, clusterIssuers, certificates, certificateRequests},
		kinds:   map[string]schema.GroupResource{"Certificate": certificates},
		watches: []schema.GroupResource{ingresses},
		related: func(r *Operators, ch store.Change) {
			r.queue.add(key{certManager, ingresses, ch.Object.Namespace, ch.Object.Name})
		},
		begin:     func(r *Operators) { r.addAll(certManager, ingresses) },
		reconcile: (*Operators).reconcileCertManager,
	}
}

func (r *Operators) reconcileCertManager(k key) (time.Duration, error) {
	switch k.gr {
	case issuers, clusterIssuers:
		return 0, r.reconcileIssuer(k)
	case certificates:
		return r.reconcileCertificate(k)
	case certificateRequests:
		return 0, r.reconcileCertificateRequest(k)
	case ingresses:
		return 0, r.reconcileIngressCertificates(k)
	}
	return 0, nil
}

type issuer = custom[issuerSpec]

type issuerSpec struct {
	SelfSigned *struct{} `json:"selfSigned"`
	CA         *struct {
		SecretName string `json:"secretName"`
	} `json:"ca"`
	ACME *struct {
		Server              string `json:"server"`
		Email               string `json:"email"`
		PrivateKeySecretRef struct {
			Name string `json:"name"`
		} `json:"privateKeySecretRef"`
	} `json:"acme"`
	Vault  map[string]any `json:"vault"`
	Venafi map[string]any `json:"venafi"`
}

// authority is an issuer that can sign.
type authority struct {
	selfSigned bool
	lab        bool // the lab's own authority signs
	ca         *pair
}

// refusal is why an issuer cannot sign.
type refusal struct{ reason, message string }

// authorityOf returns what signs for an issuer, the message of its condition and
// the Secret it depends on.
func (r *Operators) authorityOf(cr *issuer) (a authority, message string, at ref, no *refusal) {
	s := cr.Spec
	switch {
	case s.CA != nil:
		namespace := orDefault(cr.Namespace, r.clusterResourceNamespace())
		at = ref{secrets, namespace, s.CA.SecretName}
		data, err := r.secretData(at)
		if err == nil {
			a.ca, err = parsePair(data)
		}
		if err != nil {
			return a, "", at, &refusal{"ErrGetKeyPair", "Error getting keypair for CA issuer: " + err.Error()}
		}
		if !a.ca.cert.IsCA {
			return a, "", at, &refusal{"ErrInvalidKeyPair", fmt.Sprintf("Error getting keypair for CA issuer: the certificate in Secret %s/%s is not one of an authority", namespace, at.name)}
		}
		return a, "Signing CA verified", at, nil
	case s.ACME != nil:
		if s.ACME.Server == "" {
			return a, "", at, &refusal{"InvalidConfig", "spec.acme.server is empty"}
		}
		if r.options.CA == nil {
			return a, "", at, &refusal{"ErrRegisterACMEAccount", "Failed to register ACME account: " + s.ACME.Server + " cannot be reached from a simulated cluster"}
		}
		a.lab = true
		return a, "The ACME account was registered with the ACME server (simulated: the lab's own CA signs in place of " + s.ACME.Server + ")", at, nil
	case s.SelfSigned != nil:
		a.selfSigned = true
		a.lab = r.options.CA != nil
		return a, "", at, nil
	case s.Vault != nil, s.Venafi != nil:
		return a, "", at, &refusal{"InvalidConfig", "vault and venafi issuers are not simulated: use selfSigned, ca or acme"}
	}
	return a, "", at, &refusal{"InvalidConfig", "no issuer specified: give one of selfSigned, ca, acme"}
}

// clusterResourceNamespace is where Secrets of ClusterIssuers are.
func (r *Operators) clusterResourceNamespace() string {
	pod := r.leader(certManager)
	return pod.last("cluster-resource-namespace", pod.namespace)
}

func (r *Operators) reconcileIssuer(k key) error {
	o, err := r.get(k)
	if o == nil {
		r.touch(k.gr, k.namespace, k.name)
		return err
	}
	cr := &issuer{}
	ready := condition{kind: "Ready", is: true, reason: "IsReady"}
	if err := o.Into(cr); err != nil {
		ready = condition{"Ready", false, "InvalidConfig", err.Error()}
	} else {
		a, message, at, no := r.authorityOf(cr)
		if at.name != "" {
			r.depend(k, at)
		} else {
			r.depend(k)
		}
		ready.message = message
		switch {
		case no != nil:
			ready = condition{"Ready", false, no.reason, no.message}
			r.warn(k, o, no.reason, no.message)
		case a.ca != nil:
			ready.reason = "KeyPairVerified"
		case cr.Spec.ACME != nil:
			ready.reason = "ACMEAccountRegistered"
		}
	}
	before := r.memo(k).status
	if err := r.setStatus(k, o, nil, ready); err != nil {
		return err
	}
	if r.memo(k).status != before {
		r.touch(k.gr, k.namespace, k.name)
	}
	return nil
}

// issuerOf finds what signs for a reference, and says why nothing does.
func (r *Operators) issuerOf(namespace string, to issuerRef) (authority, ref, *refusal) {
	at := ref{issuers, namespace, to.Name}
	switch to.Kind {
	case "", "Issuer":
	case clusterIssuerKind:
		at = ref{clusterIssuers, "", to.Name}
	default:
		return authority{}, at, &refusal{"InvalidIssuer", fmt.Sprintf("issuerRef.kind %q: want Issuer or ClusterIssuer", to.Kind)}
	}
	if to.Group != "" && to.Group != certManagerGroup {
		return authority{}, at, &refusal{"InvalidIssuer", fmt.Sprintf("issuerRef.group %q is not cert-manager's: no controller here signs for it", to.Group)}
	}
	o, err := r.find(at.gr, at.namespace, at.name)
	kind := orDefault(to.Kind, "Issuer")
	if err != nil || o == nil {
		return authority{}, at, &refusal{"IssuerNotFound", fmt.Sprintf("Referenced %q not found: %s %s does not exist", kind, kind, to.Name)}
	}
	cr := &issuer{}
	if err := o.Into(cr); err != nil {
		return authority{}, at, &refusal{"IssuerNotReady", err.Error()}
	}
	a, _, _, no := r.authorityOf(cr)
	if no != nil {
		return a, at, &refusal{"IssuerNotReady", fmt.Sprintf("Referenced issuer does not have a Ready status condition: %s", no.message)}
	}
	return a, at, nil
}
