package operators

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"koflab/embed/kube/store"
)

const (
	// meshRootName is the ConfigMap that carries the mesh's root certificate into
	// every namespace.
	meshRootName = "istio-ca-root-cert"
	meshRootFile = "root-cert.pem"
	// meshTTL is the life of the root that istiod makes for itself.
	meshTTL = 10 * 365 * 24 * time.Hour
)

var meshResources = []schema.GroupResource{peerAuthentications, istioGateways, serviceEntries, virtualServices, destinationRules}

func newIstiod() *operator {
	return &operator{
		name:    "istiod",
		images:  []string{"istio/pilot"},
		owns:    meshResources,
		watches: []schema.GroupResource{namespaces},
		related: func(r *Operators, ch store.Change) {
			if ch.Type != watch.Deleted {
				r.queue.add(key{istiod, namespaces, "", ch.Object.Name})
			}
		},
		begin:     func(r *Operators) { r.addAll(istiod, namespaces) },
		reconcile: (*Operators).reconcileMesh,
	}
}

func (r *Operators) reconcileMesh(k key) (time.Duration, error) {
	if k.gr == namespaces {
		return 0, r.reconcileMeshRoot(k)
	}
	o, err := r.get(k)
	if o == nil {
		return 0, err
	}
	reconciled := condition{"Reconciled", true, "Reconciled", ""}
	if message := checkMesh(k.gr, o); message != "" {
		reconciled = condition{"Reconciled", false, "InvalidConfiguration", message}
		r.warn(k, o, "InvalidConfiguration", message)
	}
	return 0, r.setStatus(k, o, nil, reconciled)
}

// checkMesh says what of an object istiod would disregard, "" for nothing.
func checkMesh(gr schema.GroupResource, o *store.Object) string {
	var cr struct {
		Spec struct {
			MTLS struct {
				Mode string `json:"mode"`
			} `json:"mtls"`
			Hosts    []string `json:"hosts"`
			Host     string   `json:"host"`
			Selector any      `json:"selector"`
			Servers  []struct {
				Hosts []string `json:"hosts"`
				Port  struct {
					Number   int    `json:"number"`
					Protocol string `json:"protocol"`
				} `json:"port"`
			} `json:"servers"`
		} `json:"spec"`
	}
	if err := o.Into(&cr); err != nil {
		return err.Error()
	}
	s := cr.Spec
	switch gr {
	case peerAuthentications:
		if !slices.Contains([]string{"", "UNSET", "DISABLE", "PERMISSIVE", "STRICT"}, s.MTLS.Mode) {
			return fmt.Sprintf("spec.mtls.mode %q: want STRICT, PERMISSIVE or DISABLE", s.MTLS.Mode)
		}
	case istioGateways:
		if len(s.Servers) == 0 {
			return "spec.servers is empty"
		}
		for i, server := range s.Servers {
			if len(server.Hosts) == 0 || server.Port.Number <= 0 || server.Port.Number > 65535 || server.Port.Protocol == "" {
				return fmt.Sprintf("spec.servers[%d] needs hosts, port.number and port.protocol", i)
			}
		}
	case serviceEntries, virtualServices:
		if len(s.Hosts) == 0 {
			return "spec.hosts is empty"
		}
	case destinationRules:
		if s.Host == "" {
			return "spec.host is empty"
		}
	}
	return ""
}

func (r *Operators) reconcileMeshRoot(k key) error {
	ns, err := r.get(k)
	if ns == nil {
		return err
	}
	switch k.name {
	case metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease:
		return nil // the mesh leaves Kubernetes' own namespaces alone
	}
	root, refs, err := r.meshRoot()
	r.depend(k, append(refs, ref{configMaps, k.name, meshRootName})...)
	if err != nil || len(root) == 0 {
		return err
	}
	c := &corev1.ConfigMap{
		ObjectMeta: meta(k.name, meshRootName, map[string]string{"istio.io/config": "true"}),
		Data:       map[string]string{meshRootFile: string(root)},
	}
	m := r.memo(k)
	done, last := childMemo{ref: ref{configMaps, k.name, meshRootName}}, childMemo{}
	if len(m.children) == 1 {
		last = m.children[0]
	}
	if err := r.put(&done, c, last, nil); err != nil {
		return err
	}
	m.children = []childMemo{done}
	return nil
}

// meshRoot returns the certificate that the mesh trusts: that of istio-csr's
// issuer, of Secret cacerts, or of an authority that istiod makes for itself.
func (r *Operators) meshRoot() ([]byte, []ref, error) {
	home := r.leader(istiod).namespace
	plugged, own := ref{secrets, home, "cacerts"}, ref{secrets, home, "istio-ca-secret"}
	if r.active(istioCSR) {
		namespace, to := r.leader(istioCSR).meshIssuer()
		signer, at, _ := r.issuerOf(namespace, to)
		if signer.ca == nil {
			return nil, []ref{at}, nil // istio-csr waits for its issuer
		}
		if len(signer.ca.root) > 0 {
			return signer.ca.root, []ref{at}, nil
		}
		return signer.ca.chain, []ref{at}, nil
	}
	if data, err := r.secretData(plugged); err == nil && len(data[meshRootFile]) > 0 {
		return data[meshRootFile], []ref{plugged}, nil
	}
	if data, err := r.secretData(own); err == nil && len(data["ca-cert.pem"]) > 0 {
		return data["ca-cert.pem"], []ref{plugged, own}, nil
	}
	key, err := newKey(privateKeySpec{})
	if err != nil {
		return nil, nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, nil, err
	}
	now := r.now()
	chain, _, err := signedBy(&x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{Organization: []string{"cluster.local"}}, NotBefore: now, NotAfter: now.Add(meshTTL),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, key.Public(), key, nil)
	if err != nil {
		return nil, nil, err
	}
	text, err := encodeKey(key, "")
	if err != nil {
		return nil, nil, err
	}
	done := childMemo{ref: own}
	err = r.put(&done, &corev1.Secret{
		ObjectMeta: meta(own.namespace, own.name, map[string]string{"istio.io/config": "true"}), Type: "istio.io/ca-root",
		Data: map[string][]byte{"ca-cert.pem": chain, "ca-key.pem": text},
	}, childMemo{}, nil)
	return chain, []ref{plugged, own}, err
}
