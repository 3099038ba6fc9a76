package operators

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Groups of custom resources that operators here understand.
const (
	victoriaGroup      = "operator.victoriametrics.com"
	telemetryGroup     = "opentelemetry.io"
	jaegerGroup        = "jaegertracing.io"
	grafanaGroup       = "grafana.integreatly.org"
	certManagerGroup   = "cert-manager.io"
	externalDNSGroup   = "externaldns.k8s.io"
	istioSecurity      = "security.istio.io"
	istioNetworking    = "networking.istio.io"
	ingressNginxDriver = "k8s.io/ingress-nginx"
)

// Resources that operators read or make.
var (
	pods            = schema.GroupResource{Resource: "pods"}
	secrets         = schema.GroupResource{Resource: "secrets"}
	configMaps      = schema.GroupResource{Resource: "configmaps"}
	services        = schema.GroupResource{Resource: "services"}
	serviceAccounts = schema.GroupResource{Resource: "serviceaccounts"}
	claims          = schema.GroupResource{Resource: "persistentvolumeclaims"}
	namespaces      = schema.GroupResource{Resource: "namespaces"}
	events          = schema.GroupResource{Resource: "events"}
	deployments     = schema.GroupResource{Group: "apps", Resource: "deployments"}
	statefulSets    = schema.GroupResource{Group: "apps", Resource: "statefulsets"}
	daemonSets      = schema.GroupResource{Group: "apps", Resource: "daemonsets"}
	ingresses       = schema.GroupResource{Group: "networking.k8s.io", Resource: "ingresses"}
	ingressClasses  = schema.GroupResource{Group: "networking.k8s.io", Resource: "ingressclasses"}

	vmClusters      = schema.GroupResource{Group: victoriaGroup, Resource: "vmclusters"}
	vmAuths         = schema.GroupResource{Group: victoriaGroup, Resource: "vmauths"}
	vmUsers         = schema.GroupResource{Group: victoriaGroup, Resource: "vmusers"}
	vmAlerts        = schema.GroupResource{Group: victoriaGroup, Resource: "vmalerts"}
	vmAlertmanagers = schema.GroupResource{Group: victoriaGroup, Resource: "vmalertmanagers"}
	vmRules         = schema.GroupResource{Group: victoriaGroup, Resource: "vmrules"}

	collectors = schema.GroupResource{Group: telemetryGroup, Resource: "opentelemetrycollectors"}
	jaegers    = schema.GroupResource{Group: jaegerGroup, Resource: "jaegers"}

	grafanas           = schema.GroupResource{Group: grafanaGroup, Resource: "grafanas"}
	grafanaDatasources = schema.GroupResource{Group: grafanaGroup, Resource: "grafanadatasources"}
	grafanaDashboards  = schema.GroupResource{Group: grafanaGroup, Resource: "grafanadashboards"}

	issuers             = schema.GroupResource{Group: certManagerGroup, Resource: "issuers"}
	clusterIssuers      = schema.GroupResource{Group: certManagerGroup, Resource: "clusterissuers"}
	certificates        = schema.GroupResource{Group: certManagerGroup, Resource: "certificates"}
	certificateRequests = schema.GroupResource{Group: certManagerGroup, Resource: "certificaterequests"}

	dnsEndpoints = schema.GroupResource{Group: externalDNSGroup, Resource: "dnsendpoints"}

	peerAuthentications = schema.GroupResource{Group: istioSecurity, Resource: "peerauthentications"}
	istioGateways       = schema.GroupResource{Group: istioNetworking, Resource: "gateways"}
	serviceEntries      = schema.GroupResource{Group: istioNetworking, Resource: "serviceentries"}
	virtualServices     = schema.GroupResource{Group: istioNetworking, Resource: "virtualservices"}
	destinationRules    = schema.GroupResource{Group: istioNetworking, Resource: "destinationrules"}
)

// ownedResources are those whose objects an operator makes for a custom
// resource, and so the ones searched for leftovers.
var ownedResources = []schema.GroupResource{
	configMaps, secrets, serviceAccounts, services, claims, deployments, statefulSets, daemonSets, ingresses,
}

// child is an object that an operator makes: a typed builtin one, or an
// unstructured custom one.
type child interface {
	metav1.Object
	runtime.Object
}

// resourceOf returns the resource of a child.
func resourceOf(o child) (schema.GroupResource, error) {
	switch o := o.(type) {
	case *corev1.ConfigMap:
		return configMaps, nil
	case *corev1.Secret:
		return secrets, nil
	case *corev1.Service:
		return services, nil
	case *corev1.ServiceAccount:
		return serviceAccounts, nil
	case *corev1.PersistentVolumeClaim:
		return claims, nil
	case *appsv1.Deployment:
		return deployments, nil
	case *appsv1.StatefulSet:
		return statefulSets, nil
	case *appsv1.DaemonSet:
		return daemonSets, nil
	case *networkingv1.Ingress:
		return ingresses, nil
	case *unstructured.Unstructured:
		switch o.GetKind() {
		case "Certificate":
			return certificates, nil
		case "CertificateRequest":
			return certificateRequests, nil
		case "DNSEndpoint":
			return dnsEndpoints, nil
		}
	}
	return schema.GroupResource{}, fmt.Errorf("operators make no objects of type %T", o)
}

// custom is a custom resource with a spec of type S.
type custom[S any] struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              S `json:"spec"`
}
