package lab

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/topology"
	"koflab/topology/lab/backing"
	"koflab/topology/lab/control"
)

// States of a component.
const (
	stateRunning   = "running"   // ready, and an engine does its work
	stateSimulated = "simulated" // ready, a process that does nothing but exist
	stateFailed    = "failed"    // its objects are not there or not ready
	stateStopped   = "stopped"   // its cluster is off the network
	stateAbsent    = "absent"    // its chart is not among those that koflab has
)

// componentStatus compares what the stack profile says of a component with the
// objects in the cluster.
func (l *Lab) componentStatus(c *cluster, k topology.Component, releases map[string]string, cut bool) control.Component {
	out := control.Component{Name: k.Name, Chart: k.Chart, Version: k.Version, Namespace: k.Namespace}
	status, released := releases[k.Namespace+"/"+k.Chart]
	if !released && !l.installs(k.Chart) {
		out.State, out.Message = stateAbsent, "koflab has no chart "+k.Chart
		return out
	}
	if !released {
		out.State, out.Message = stateFailed, "chart "+k.Chart+" is not installed"
		return out
	}
	if status != "deployed" {
		out.State, out.Message = stateFailed, "release "+k.Chart+" is "+status
	}
	objects := k.Objects
	if len(objects) == 0 {
		objects = []string{"Deployment/" + k.Chart + "-" + k.Name}
	}
	simulated := false
	for _, ref := range objects {
		engine, problem := c.objectStatus(k.Namespace, ref)
		if problem != "" {
			out.State, out.Message = stateFailed, problem
		}
		if out.BackedBy == "" {
			out.BackedBy = engine
		}
		simulated = simulated || engine == ""
	}
	switch {
	case out.State == stateFailed:
	case cut:
		out.State = stateStopped
	case simulated:
		out.State, out.BackedBy = stateSimulated, "embed/kube/controllers"
	default:
		out.State = stateRunning
	}
	return out
}

// kinds are the objects that a profile may name, as KIND/NAME or NAMESPACE:KIND/NAME;
// a name that starts with * stands for all that end so.
var kinds = map[string]schema.GroupResource{
	"Deployment":               {Group: "apps", Resource: "deployments"},
	"StatefulSet":              {Group: "apps", Resource: "statefulsets"},
	"DaemonSet":                {Group: "apps", Resource: "daemonsets"},
	"CustomResourceDefinition": {Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"},
	"ServiceTemplate":          {Group: "k0rdent.mirantis.com", Resource: "servicetemplates"},
	"MultiClusterService":      {Group: "k0rdent.mirantis.com", Resource: "multiclusterservices"},
	"ClusterProfile":           {Group: "config.projectsveltos.io", Resource: "clusterprofiles"},
}

// objectStatus returns what backs an object, and what is wrong with it.
func (c *cluster) objectStatus(namespace, ref string) (engine, problem string) {
	if ns, rest, ok := strings.Cut(ref, ":"); ok {
		namespace, ref = ns, rest
	}
	kind, name, _ := strings.Cut(ref, "/")
	gr := kinds[kind]
	api := c.embedded.Server()
	if suffix, many := strings.CutPrefix(name, "*"); many {
		for _, o := range api.List(gr, "", labels.Everything()) {
			if strings.HasSuffix(o.Name, suffix) {
				return backing.Kubernetes, ""
			}
		}
		return backing.Kubernetes, "there is no " + kind + " " + name
	}
	if kind != "Deployment" && kind != "StatefulSet" && kind != "DaemonSet" {
		if clusterScoped[kind] {
			namespace = ""
		}
		if _, err := api.Get(gr, namespace, name); err != nil {
			return backing.Autoconfig, err.Error()
		}
		return backing.Autoconfig, ""
	}
	o, err := api.Get(gr, namespace, name)
	if err != nil {
		return "", err.Error()
	}
	spec, ready, want := workloadStatus(kind, o.Into)
	if spec != nil {
		engine = backing.EngineOf(spec)
	}
	if ready < want {
		problem = c.whyNotReady(namespace, ref, name, ready, want)
	}
	return engine, problem
}

var clusterScoped = map[string]bool{"MultiClusterService": true, "ClusterProfile": true, "CustomResourceDefinition": true}

func workloadStatus(kind string, into func(any) error) (spec *corev1.PodSpec, ready, want int32) {
	switch kind {
	case "Deployment":
		d := appsv1.Deployment{}
		if into(&d) == nil && d.Spec.Replicas != nil {
			return &d.Spec.Template.Spec, d.Status.ReadyReplicas, *d.Spec.Replicas
		}
	case "StatefulSet":
		s := appsv1.StatefulSet{}
		if into(&s) == nil && s.Spec.Replicas != nil {
			return &s.Spec.Template.Spec, s.Status.ReadyReplicas, *s.Spec.Replicas
		}
	case "DaemonSet":
		d := appsv1.DaemonSet{}
		if into(&d) == nil {
			return &d.Spec.Template.Spec, d.Status.NumberReady, d.Status.DesiredNumberScheduled
		}
	}
	return nil, 0, 0
}

// whyNotReady says what the first pod of a workload that is not ready waits for.
func (c *cluster) whyNotReady(namespace, ref, name string, ready, want int32) string {
	message := ref + ": " + count(int(ready), int(want)) + " ready"
	for _, o := range c.embedded.Server().List(schema.GroupResource{Resource: "pods"}, namespace, labels.Everything()) {
		p := corev1.Pod{}
		if !strings.HasPrefix(o.Name, name+"-") || o.Into(&p) != nil {
			continue
		}
		for _, s := range p.Status.ContainerStatuses {
			if w := s.State.Waiting; w != nil && w.Reason != "" {
				return message + "; pod " + p.Name + ": " + strings.TrimSuffix(w.Reason+": "+w.Message, ": ")
			}
		}
		if i := slices.IndexFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Status == corev1.ConditionFalse && c.Message != ""
		}); i >= 0 {
			return message + "; pod " + p.Name + ": " + p.Status.Conditions[i].Message
		}
	}
	return message
}
