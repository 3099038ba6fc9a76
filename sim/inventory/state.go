package inventory

import (
	"cmp"
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

func (r *reading) readNamespaces(all []corev1.Namespace) {
	for i := range all {
		n := &all[i]
		r.Namespaces = append(r.Namespaces, Namespace{
			Name: n.Name, UID: string(n.UID), Phase: cmp.Or(string(n.Status.Phase), "Active"), Created: n.CreationTimestamp.UTC(),
		})
	}
}

func (r *reading) readClaims(claims []corev1.PersistentVolumeClaim, volumes []corev1.PersistentVolume) {
	byName := map[string]*corev1.PersistentVolume{}
	for i := range volumes {
		byName[volumes[i].Name] = &volumes[i]
	}
	for i := range claims {
		o := &claims[i]
		c := &Claim{
			Namespace: o.Namespace, Name: o.Name, UID: string(o.UID), Volume: o.Spec.VolumeName,
			Phase: cmp.Or(string(o.Status.Phase), "Pending"),
			Bytes: max(0, o.Spec.Resources.Requests.Storage().Value()),
		}
		if size := o.Status.Capacity.Storage().Value(); size > 0 {
			c.Bytes = size
		}
		if o.Spec.StorageClassName != nil {
			c.StorageClass = *o.Spec.StorageClassName
		}
		if v := byName[c.Volume]; v != nil {
			c.VolumeUID = string(v.UID)
			c.StorageClass = cmp.Or(c.StorageClass, v.Spec.StorageClassName)
		}
		r.claims[key{namespace: c.Namespace, name: c.Name}] = c
		r.Claims = append(r.Claims, c)
	}
}

// readServices reads services, by name, with the first workload that each selects.
func (r *reading) readServices(all []corev1.Service) {
	workloads := slices.Clone(r.Workloads)
	slices.SortFunc(workloads, func(a, b *Workload) int { return cmp.Compare(a.Name, b.Name) })
	order := make([]*corev1.Service, len(all))
	for i := range all {
		order[i] = &all[i]
	}
	slices.SortFunc(order, func(a, b *corev1.Service) int { return cmp.Compare(a.Name, b.Name) })
	for _, o := range order {
		s := &Service{Namespace: o.Namespace, Name: o.Name, UID: string(o.UID), ClusterIP: o.Spec.ClusterIP}
		if len(o.Spec.Ports) > 0 {
			s.Port = int(o.Spec.Ports[0].Port)
		}
		for _, in := range o.Status.LoadBalancer.Ingress {
			if s.LoadBalancerIP == "" {
				s.LoadBalancerIP = in.IP
			}
		}
		if len(o.Spec.Selector) > 0 {
			selector := labels.SelectorFromValidatedSet(o.Spec.Selector)
			for _, w := range workloads {
				if w.Namespace != o.Namespace || !selector.Matches(labels.Set(w.labels)) {
					continue
				}
				if s.Workload == nil {
					s.Workload = w
				}
				w.serve(s, o.Spec.ClusterIP == corev1.ClusterIPNone)
			}
		}
		r.Services = append(r.Services, s)
	}
}

// serve notes the service in front of w: one with an address before one without,
// then the first by name.
func (w *Workload) serve(s *Service, headless bool) {
	if w.Port == 0 {
		w.Port = s.Port
	}
	if w.Service == "" || w.headless && !headless {
		w.Service, w.headless = s.Name, headless
	}
}

func (r *reading) readQuotas(all []corev1.ResourceQuota) {
	for i := range all {
		o := &all[i]
		q := Quota{Namespace: o.Namespace, Name: o.Name}
		hard := o.Status.Hard
		if len(hard) == 0 {
			hard = o.Spec.Hard
		}
		for name, limit := range hard {
			used := o.Status.Used[name]
			q.Limits = append(q.Limits, Limit{string(name), limit.AsApproximateFloat64(), used.AsApproximateFloat64()})
		}
		slices.SortFunc(q.Limits, func(a, b Limit) int { return cmp.Compare(a.Resource, b.Resource) })
		r.Quotas = append(r.Quotas, q)
	}
}

func (r *reading) readAutoscalers(all []autoscalingv2.HorizontalPodAutoscaler) {
	for i := range all {
		o := &all[i]
		r.Autoscalers = append(r.Autoscalers, Autoscaler{
			Namespace: o.Namespace, Name: o.Name, TargetKind: o.Spec.ScaleTargetRef.Kind, Target: o.Spec.ScaleTargetRef.Name,
			Min: orOne(o.Spec.MinReplicas), Max: int(o.Spec.MaxReplicas),
			Current: int(o.Status.CurrentReplicas), Desired: int(o.Status.DesiredReplicas),
		})
	}
}
