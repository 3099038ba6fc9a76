package operators

import (
	"reflect"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/store"
)

func newIngressNginx() *operator {
	return &operator{
		name:    "ingress-nginx-controller",
		images:  []string{"ingress-nginx/controller"},
		watches: []schema.GroupResource{ingresses, ingressClasses, services},
		related: func(r *Operators, ch store.Change) {
			switch gr := ch.Object.GVR.GroupResource(); {
			case gr == ingresses:
				r.queue.add(key{ingressNginx, ingresses, ch.Object.Namespace, ch.Object.Name})
			case gr == ingressClasses || ch.Object.Name == publishedName(r):
				r.addAll(ingressNginx, ingresses)
			}
		},
		begin:     func(r *Operators) { r.addAll(ingressNginx, ingresses) },
		reconcile: (*Operators).reconcileIngress,
	}
}

// published returns the Service whose address all Ingresses get.
func published(r *Operators) ref {
	pod := r.leader(ingressNginx)
	if namespace, name, ok := strings.Cut(pod.last("publish-service", ""), "/"); ok {
		return ref{services, namespace, name}
	}
	return ref{services, pod.namespace, "ingress-nginx-controller"}
}

func publishedName(r *Operators) string { return published(r).name }

func (r *Operators) reconcileIngress(k key) (time.Duration, error) {
	o, err := r.get(k)
	if o == nil {
		return 0, err
	}
	var ingress networkingv1.Ingress
	if err := o.Into(&ingress); err != nil {
		return 0, invalid{err}
	}
	mine, err := r.ingressIsMine(&ingress)
	if err != nil || !mine {
		return 0, err
	}
	at := published(r)
	var svc corev1.Service
	if found, err := r.find(at.gr, at.namespace, at.name); err != nil {
		return 0, err
	} else if found == nil {
		return 0, nil // looked at again when it comes
	} else if err := found.Into(&svc); err != nil {
		return 0, invalid{err}
	}
	want := ingressAddresses(&svc)
	if len(want) == 0 && len(ingress.Status.LoadBalancer.Ingress) == 0 || reflect.DeepEqual(want, ingress.Status.LoadBalancer.Ingress) {
		return 0, nil
	}
	ingress.Status.LoadBalancer.Ingress = want
	_, err = r.api.Update(ingresses, &ingress, "status")
	if err == nil {
		r.event(k, o, corev1.EventTypeNormal, "Sync", "Scheduled for sync")
	}
	return 0, err
}

// ingressIsMine tells whether an Ingress is of the controller's class: by name,
// by the old annotation, or by the class being the default.
func (r *Operators) ingressIsMine(in *networkingv1.Ingress) (bool, error) {
	if class := in.Annotations["kubernetes.io/ingress.class"]; class != "" && in.Spec.IngressClassName == nil {
		return class == "nginx", nil
	}
	for _, o := range r.api.List(ingressClasses, "", labels.Everything()) {
		var class networkingv1.IngressClass
		if err := o.Into(&class); err != nil {
			return false, invalid{err}
		}
		if class.Spec.Controller != ingressNginxDriver {
			continue
		}
		if in.Spec.IngressClassName != nil && *in.Spec.IngressClassName == class.Name ||
			in.Spec.IngressClassName == nil && class.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true" {
			return true, nil
		}
	}
	return false, nil
}

// ingressAddresses are those under which a Service is reached from outside.
func ingressAddresses(s *corev1.Service) []networkingv1.IngressLoadBalancerIngress {
	var out []networkingv1.IngressLoadBalancerIngress
	switch s.Spec.Type {
	case corev1.ServiceTypeLoadBalancer:
		for _, lb := range s.Status.LoadBalancer.Ingress {
			out = append(out, networkingv1.IngressLoadBalancerIngress{IP: lb.IP, Hostname: lb.Hostname})
		}
	case corev1.ServiceTypeExternalName:
		out = append(out, networkingv1.IngressLoadBalancerIngress{Hostname: s.Spec.ExternalName})
	default:
		for _, ip := range s.Spec.ExternalIPs {
			out = append(out, networkingv1.IngressLoadBalancerIngress{IP: ip})
		}
		if len(out) == 0 && s.Spec.ClusterIP != "" && s.Spec.ClusterIP != corev1.ClusterIPNone {
			out = append(out, networkingv1.IngressLoadBalancerIngress{IP: s.Spec.ClusterIP})
		}
	}
	return out
}
