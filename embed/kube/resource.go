package kube

import (
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"koflab/embed/kube/rules"
)

// resource is one kind of objects as one API group serves it.
type resource struct {
	gvr        schema.GroupVersionResource // at the storage version
	gvk        schema.GroupVersionKind
	singular   string
	short      []string
	categories []string
	namespaced bool
	// status and scale tell which subresources there are.
	status, scale bool
	// generation tells whether metadata.generation counts changes of the spec.
	generation bool
	// fresh resources start with an empty status, whatever the creator says.
	fresh bool
	// verbs is nil for a resource that is stored as usual.
	verbs []string
	// subresources beyond status and scale, with the kind they take.
	subresources map[string]schema.GroupVersionKind
	goType       reflect.Type // nil for custom resources
	rules        rules.Rules
	custom       *definition
	// backing is the resource that stores the objects, if it is another one.
	backing *schema.GroupResource
}

func (r *resource) gr() schema.GroupResource { return r.gvr.GroupResource() }

// stored returns the resource under which the objects are kept.
func (r *resource) stored() schema.GroupResource {
	if r.backing != nil {
		return *r.backing
	}
	return r.gr()
}

// versions returns what is served, the preferred version first.
func (r *resource) versions() []string {
	if r.custom == nil {
		return []string{r.gvr.Version}
	}
	return r.custom.served
}

// blank returns an empty working object: a typed struct of a builtin kind, an
// unstructured one of a custom resource.
func (r *resource) blank() runtime.Object {
	if r.goType == nil {
		return newUnstructured()
	}
	return reflect.New(r.goType).Interface().(runtime.Object)
}

func (r *resource) allVerbs() metav1.Verbs {
	if r.verbs != nil {
		return r.verbs
	}
	return metav1.Verbs{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
}

// listKind returns the kind of a list of the resource.
func (r *resource) listKind() string {
	if r.custom != nil {
		return r.custom.spec.Names.ListKind
	}
	return r.gvk.Kind + "List"
}

// builtins are the resources that every server has, by group and resource.
var builtins = func() map[schema.GroupResource]*resource {
	out := map[schema.GroupResource]*resource{}
	for i := range builtinTable {
		r := &builtinTable[i]
		if t := scheme.Scheme.AllKnownTypes()[r.gvk]; t != nil {
			r.goType = t
		} else if t := ownScheme.AllKnownTypes()[r.gvk]; t != nil {
			r.goType = t
		}
		r.rules = rules.Of(r.gr())
		if r.gr() == crdsGR {
			r.rules = crdRules
		}
		out[r.gr()] = r
	}
	return out
}()
