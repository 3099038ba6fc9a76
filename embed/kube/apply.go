package kube

import (
	"fmt"
	"net/http"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/yaml"

	"koflab/embed/kube/store"
)

// Server-side apply. Who owns which field is tracked only from an object's first
// apply on: the fields before belong to "before-first-apply", which is what the
// real server makes of objects older than the feature. It spares all others the
// work and the memory.

// serveApply applies a configuration, creating the object if there is none.
func (s *Server) serveApply(q *request, b []byte) error {
	if q.query.Get("fieldManager") == "" {
		return apierrors.NewInvalid(groupVersion("meta.k8s.io", "v1").WithKind("PatchOptions").GroupKind(), "", field.ErrorList{
			field.Required(field.NewPath("fieldManager"), "is required for apply patch"),
		})
	}
	text, err := yaml.YAMLToJSON(b)
	if err != nil {
		return apierrors.NewBadRequest("error decoding YAML: " + err.Error())
	}
	// Parsing as the kind finds unknown fields; what is applied is the tree,
	// which knows what was said and what was left out.
	if typed, err := q.parse(text); err != nil {
		return err
	} else if err := q.adopt(typed); err != nil {
		return err
	}
	applied := newUnstructured()
	if err := applied.UnmarshalJSON(text); err != nil {
		return apierrors.NewBadRequest("error decoding YAML: " + err.Error())
	}
	if err := q.adopt(applied); err != nil {
		return err
	}
	if len(applied.GetManagedFields()) > 0 {
		return apierrors.NewBadRequest("metadata.managedFields must be nil")
	}
	created := false
	o, err := s.locked(func() (o *store.Object, err error) {
		o, created, err = s.apply(q, applied)
		return o, err
	})
	if err != nil {
		return err
	}
	code := http.StatusOK
	if created {
		code = http.StatusCreated
	}
	return s.answer(q, code, o)
}

// apply merges a configuration into the current version. The lock is held.
func (s *Server) apply(q *request, applied *unstructured.Unstructured) (*store.Object, bool, error) {
	r := q.res.base()
	cur := s.st.Get(r.gr(), q.ns, q.name)
	var live runtime.Object
	if cur == nil {
		if q.subresource != "" {
			return nil, false, apierrors.NewNotFound(r.gr(), q.name)
		}
		live = r.blank()
	} else {
		if rv := applied.GetResourceVersion(); rv != "" && rv != fmt.Sprint(cur.RV) {
			return nil, false, apierrors.NewConflict(r.gr(), q.name, errModified{})
		}
		if uid := applied.GetUID(); uid != "" && uid != cur.UID {
			return nil, false, apierrors.NewConflict(r.gr(), q.name, errUID{uid, cur.UID})
		}
		var err error
		if live, err = r.load(cur); err != nil {
			return nil, false, apierrors.NewInternalError(err)
		}
		metaOf(live).SetResourceVersion("")
		if r.custom != nil {
			live.GetObjectKind().SetGroupVersionKind(q.gvk())
		}
	}
	if cur == nil {
		live.GetObjectKind().SetGroupVersionKind(q.gvk())
		metaOf(live).SetName(q.name)
		if r.namespaced {
			metaOf(live).SetNamespace(q.ns)
		}
	}
	fm, err := r.fieldManager(q.version, q.subresource)
	if err != nil {
		return nil, false, apierrors.NewInternalError(err)
	}
	before := metaOf(live).GetManagedFields()
	merged, err := fm.Apply(live, applied, q.manager(), q.flag("force"))
	if err != nil {
		if _, ok := err.(apierrors.APIStatus); ok { //nolint:errorlint // conflicts come unwrapped
			return nil, false, err
		}
		return nil, false, apierrors.NewInternalError(fmt.Errorf("failed to apply: %w", err))
	}
	s.stampManaged(merged, before)
	w := q.write(merged)
	w.keepManaged, w.strictRV = true, false
	if cur == nil {
		o, err := s.create(r, w)
		return o, true, err
	}
	o, err := s.update(r, w)
	return o, false, err
}

// trackFields notes who changed which fields of an object that has been applied before.
func (s *Server) trackFields(r *resource, obj, old runtime.Object, w write) runtime.Object {
	fm, err := r.fieldManager(w.version, w.subresource)
	if err != nil {
		return obj
	}
	manager := w.manager
	if manager == "" {
		manager = "koflab"
	}
	before := metaOf(old).GetManagedFields()
	out := fm.UpdateNoErrors(old.DeepCopyObject(), obj, manager)
	s.stampManaged(out, before)
	return out
}

// stampManaged gives new entries the cluster's time instead of the machine's.
func (s *Server) stampManaged(obj runtime.Object, before []metav1.ManagedFieldsEntry) {
	m := metaOf(obj)
	entries := m.GetManagedFields()
	now := s.stamp()
	for i := range entries {
		e := &entries[i]
		old := slices.IndexFunc(before, func(b metav1.ManagedFieldsEntry) bool {
			return b.Manager == e.Manager && b.Operation == e.Operation && b.Subresource == e.Subresource && b.APIVersion == e.APIVersion
		})
		if old >= 0 && before[old].FieldsV1 != nil && e.FieldsV1 != nil && string(before[old].FieldsV1.Raw) == string(e.FieldsV1.Raw) {
			e.Time = before[old].Time
			continue
		}
		e.Time = &now
	}
	m.SetManagedFields(entries)
}

// builtinTypes knows the merge rules of all builtin kinds. Parsing them takes a
// tenth of a second, so only labs that use apply pay for it.
var builtinTypes = sync.OnceValue(func() managedfields.TypeConverter {
	return applyconfigurations.NewTypeConverter(scheme.Scheme)
})

// typesOnce makes a custom version's merge rules when they are first needed.
type typesOnce struct {
	once sync.Once
	conv managedfields.TypeConverter
}

// fieldManager returns what merges and tracks fields of a resource.
func (r *resource) fieldManager(version, subresource string) (*managedfields.FieldManager, error) {
	gvk := r.gvk.GroupKind().WithVersion(version)
	conv := versionless{r}
	// A status belongs to the status subresource, everything else to the object.
	reset := map[fieldpath.APIVersion]fieldpath.Filter{}
	if r.hasStatus(version) {
		set := fieldpath.NewSet(fieldpath.MakePathOrDie("status"))
		if subresource == "status" {
			set = fieldpath.NewSet(fieldpath.MakePathOrDie("spec"), fieldpath.MakePathOrDie("metadata", "labels"))
		}
		reset[fieldpath.APIVersion(gvk.GroupVersion().String())] = fieldpath.NewExcludeSetFilter(set)
	}
	if r.custom != nil {
		v := r.custom.version(version)
		v.types.once.Do(func() { v.types.conv = customTypes(v, gvk) })
		return managedfields.NewDefaultCRDFieldManager(v.types.conv, conv, conv, conv, gvk, gvk.GroupVersion(), subresource, reset)
	}
	types := managedfields.NewDeducedTypeConverter()
	if r.goType != nil && scheme.Scheme.Recognizes(gvk) {
		types = builtinTypes()
	}
	return managedfields.NewDefaultFieldManager(types, conv, conv, conv, gvk, gvk.GroupVersion(), subresource, reset)
}

// versionless stands in for the converters that field managers ask for: every
// object that reaches them is of the version it is wanted in, or, if it is a
// custom resource, differs from it in name only.
type versionless struct{ r *resource }

func (v versionless) Convert(in, out, _ any) error {
	return fmt.Errorf("convert %T to %T: not needed", in, out)
}

func (v versionless) ConvertToVersion(in runtime.Object, target runtime.GroupVersioner) (runtime.Object, error) {
	gvk := v.r.gvk
	if to, ok := target.KindForGroupVersionKinds([]schema.GroupVersionKind{in.GetObjectKind().GroupVersionKind(), gvk}); ok {
		gvk = to
	}
	u, isTree := in.(*unstructured.Unstructured)
	switch {
	case v.r.goType == nil && isTree:
		u.SetGroupVersionKind(gvk)
		return u, nil
	case isTree:
		b, err := encode(u)
		if err != nil {
			return nil, err
		}
		out, err := v.r.decode(b)
		if err != nil {
			return nil, err
		}
		v.r.typeMeta(out)
		return out, nil
	}
	v.r.typeMeta(in)
	return in, nil
}

func (v versionless) ConvertFieldLabel(_ schema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}

// Default fills in what the server would, so that defaults belong to nobody.
func (v versionless) Default(in runtime.Object) {
	if _, isTree := in.(*unstructured.Unstructured); !isTree || v.r.custom != nil {
		v.r.setDefaults(in, in.GetObjectKind().GroupVersionKind().Version)
	}
}

func (v versionless) New(gvk schema.GroupVersionKind) (runtime.Object, error) {
	obj := v.r.blank()
	obj.GetObjectKind().SetGroupVersionKind(gvk)
	return obj, nil
}
