package kube

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"koflab/embed/kube/rules"
)

// crdCleanup keeps a CRD until its objects are gone.
const crdCleanup = apiextensionsv1.CustomResourceCleanupFinalizer

func crdResource(obj runtime.Object) schema.GroupResource {
	c := obj.(*apiextensionsv1.CustomResourceDefinition)
	return schema.GroupResource{Group: c.Spec.Group, Resource: c.Spec.Names.Plural}
}

var crdRules = rules.Typed[apiextensionsv1.CustomResourceDefinition]{
	Prepare: prepareCRD, Defaults: defaultCRD, Validate: validateCRD, Update: updateCRD,
}.Rules()

func prepareCRD(c *apiextensionsv1.CustomResourceDefinition) {
	c.Status = apiextensionsv1.CustomResourceDefinitionStatus{}
	rememberStorage(c)
}

func defaultCRD(c *apiextensionsv1.CustomResourceDefinition) {
	apiextensionsv1.SetDefaults_CustomResourceDefinition(c)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&c.Spec)
}

func rememberStorage(c *apiextensionsv1.CustomResourceDefinition) {
	for _, v := range c.Spec.Versions {
		if v.Storage && !slices.Contains(c.Status.StoredVersions, v.Name) {
			c.Status.StoredVersions = append(c.Status.StoredVersions, v.Name)
		}
	}
}

// validCRDs remembers the names and specs that passed: validating one costs as
// much as parsing it, and hundreds of clusters install the same.
var validCRDs struct {
	sync.Mutex
	hashes map[[sha256.Size]byte]struct{}
}

func validateCRD(c *apiextensionsv1.CustomResourceDefinition) field.ErrorList {
	b, err := json.Marshal(c.Spec)
	if err != nil {
		return field.ErrorList{field.InternalError(field.NewPath("spec"), err)}
	}
	key := sha256.Sum256(append(b, c.Name...))
	validCRDs.Lock()
	_, known := validCRDs.hashes[key]
	validCRDs.Unlock()
	if known {
		return nil
	}
	var internal apiextensions.CustomResourceDefinition
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(c.DeepCopy(), &internal, nil); err != nil {
		return field.ErrorList{field.InternalError(field.NewPath("spec"), err)}
	}
	errs := crdvalidation.ValidateCustomResourceDefinition(context.Background(), &internal)
	if len(errs) > 0 {
		return errs
	}
	validCRDs.Lock()
	defer validCRDs.Unlock()
	if validCRDs.hashes == nil || len(validCRDs.hashes) >= maxDefinitions {
		validCRDs.hashes = map[[sha256.Size]byte]struct{}{}
	}
	validCRDs.hashes[key] = struct{}{}
	return nil
}

func updateCRD(c, old *apiextensionsv1.CustomResourceDefinition) field.ErrorList {
	rememberStorage(c)
	var errs field.ErrorList
	spec := field.NewPath("spec")
	immutable := func(p *field.Path, a, b string) {
		if a != b {
			errs = append(errs, field.Invalid(p, a, "field is immutable"))
		}
	}
	immutable(spec.Child("group"), c.Spec.Group, old.Spec.Group)
	immutable(spec.Child("names", "plural"), c.Spec.Names.Plural, old.Spec.Names.Plural)
	immutable(spec.Child("scope"), string(c.Spec.Scope), string(old.Spec.Scope))
	immutable(spec.Child("names", "kind"), c.Spec.Names.Kind, old.Spec.Names.Kind)
	return errs
}

// adoptCRD checks that a CRD can be served, and says so in its status.
func (s *Server) adoptCRD(obj runtime.Object) error {
	c := obj.(*apiextensionsv1.CustomResourceDefinition)
	if builtins[crdResource(c)] != nil {
		return apierrors.NewForbidden(crdsGR, c.Name, errBuiltin(crdResource(c).String()))
	}
	if _, err := define(&c.Spec); err != nil {
		return invalid(builtins[crdsGR], c.Name, field.ErrorList{field.Invalid(field.NewPath("spec", "versions"), c.Name, err.Error())})
	}
	c.Status.AcceptedNames = c.Spec.Names
	now := s.stamp()
	for _, cond := range []apiextensionsv1.CustomResourceDefinitionCondition{
		{Type: apiextensionsv1.NamesAccepted, Status: apiextensionsv1.ConditionTrue, Reason: "NoConflicts", Message: "no conflicts found"},
		{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue, Reason: "InitialNamesAccepted", Message: "the initial names have been accepted"},
	} {
		if !apihelpers.IsCRDConditionTrue(c, cond.Type) {
			cond.LastTransitionTime = now
			apihelpers.SetCRDCondition(c, cond)
		}
	}
	return nil
}

type errBuiltin string

func (e errBuiltin) Error() string { return string(e) + " is built in and cannot be defined" }

// serveCRD begins to serve a CRD, or to serve it as it is now.
func (s *Server) serveCRD(obj runtime.Object) {
	c := obj.(*apiextensionsv1.CustomResourceDefinition)
	d, err := define(&c.Spec)
	if err != nil {
		return // adoptCRD has checked it
	}
	if s.customs[d.resource.gr()] != d.resource {
		s.customs[d.resource.gr()] = d.resource
		s.catalog = nil
	}
}

// dropCRD ends serving a resource.
func (s *Server) dropCRD(gr schema.GroupResource) {
	delete(s.customs, gr)
	s.catalog = nil
	for w := range s.watches {
		if w.gr == gr {
			w.stop()
		}
	}
}

// deleteInstances deletes the objects of a CRD that is being deleted.
func (s *Server) deleteInstances(obj runtime.Object) {
	gr := crdResource(obj)
	r := s.customs[gr]
	if r == nil {
		return
	}
	s.st.Warm(gr)
	background := metav1.DeletePropagationBackground
	for _, o := range s.st.List(gr, "") {
		_, _, _ = s.delete(r, o.Namespace, o.Name, &metav1.DeleteOptions{PropagationPolicy: &background})
	}
}

// settleCRD ends a CRD that is being deleted once it has no objects.
func (s *Server) settleCRD(r *resource) {
	o := s.st.Get(crdsGR, "", r.gvr.Resource+"."+r.gvr.Group)
	if o != nil && o.Deleting && slices.Contains(o.Finalizers, crdCleanup) {
		s.unfinalize(o, crdCleanup)
	}
}
