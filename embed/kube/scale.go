package kube

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"koflab/embed/kube/store"
)

// scalePaths are where a resource keeps what a Scale shows.
type scalePaths struct{ want, have, selector []string }

func (r *resource) scalePaths(version string) scalePaths {
	if r.custom == nil {
		return scalePaths{[]string{"spec", "replicas"}, []string{"status", "replicas"}, []string{"spec", "selector"}}
	}
	c := r.custom.version(version).scale
	split := func(p string) []string { return strings.Split(strings.TrimPrefix(p, "."), ".") }
	out := scalePaths{want: split(c.SpecReplicasPath), have: split(c.StatusReplicasPath)}
	if c.LabelSelectorPath != nil {
		out.selector = split(*c.LabelSelectorPath)
	}
	return out
}

// scaleOf shows an object as a Scale.
func (r *resource) scaleOf(o *store.Object, version string) (*autoscalingv1.Scale, error) {
	u := newUnstructured()
	if err := o.Into(u); err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	p := r.scalePaths(version)
	s := &autoscalingv1.Scale{
		TypeMeta: metav1.TypeMeta{APIVersion: "autoscaling/v1", Kind: "Scale"},
		ObjectMeta: metav1.ObjectMeta{Name: o.Name, Namespace: o.Namespace, UID: o.UID, ResourceVersion: strconv.FormatUint(o.RV, 10),
			CreationTimestamp: u.GetCreationTimestamp()},
	}
	if n, ok, _ := unstructured.NestedInt64(u.Object, p.want...); ok {
		s.Spec.Replicas = int32(n)
	}
	if n, ok, _ := unstructured.NestedInt64(u.Object, p.have...); ok {
		s.Status.Replicas = int32(n)
	}
	switch v, _, _ := unstructured.NestedFieldNoCopy(u.Object, p.selector...); v := v.(type) {
	case string:
		s.Status.Selector = v
	case map[string]any:
		s.Status.Selector = selectorText(v)
	}
	return s, nil
}

// selectorText writes a label selector, or the plain map of a
// ReplicationController, as text.
func selectorText(v map[string]any) string {
	var sel metav1.LabelSelector
	_, labels := v["matchLabels"]
	_, expressions := v["matchExpressions"]
	if !labels && !expressions {
		v = map[string]any{"matchLabels": v}
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(v, &sel); err != nil {
		return ""
	}
	return metav1.FormatLabelSelector(&sel)
}

func (s *Server) answerScale(q *request, scale *autoscalingv1.Scale, o *store.Object) error {
	f, err := q.form()
	if err != nil {
		return err
	}
	if f == formTable {
		return s.answer(q, http.StatusOK, o)
	}
	writeJSON(q.w, http.StatusOK, scale)
	return nil
}

// setScale changes how many replicas an object wants.
func (s *Server) setScale(q *request, f func(*autoscalingv1.Scale) (*autoscalingv1.Scale, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := q.res
	cur := s.st.Get(r.gr(), q.ns, q.name)
	if cur == nil {
		return apierrors.NewNotFound(r.gr(), q.name)
	}
	now, err := r.scaleOf(cur, q.version)
	if err != nil {
		return err
	}
	want, err := f(now)
	if err != nil {
		return err
	}
	if rv := want.ResourceVersion; rv != "" && rv != now.ResourceVersion {
		return apierrors.NewConflict(r.gr(), q.name, errModified{})
	}
	if want.Spec.Replicas < 0 {
		return apierrors.NewInvalid(groupVersion("autoscaling", "v1").WithKind("Scale").GroupKind(), q.name, field.ErrorList{
			field.Invalid(field.NewPath("spec", "replicas"), want.Spec.Replicas, "must be greater than or equal to 0"),
		})
	}
	u := newUnstructured()
	if err := cur.Into(u); err != nil {
		return apierrors.NewInternalError(err)
	}
	if err := unstructured.SetNestedField(u.Object, int64(want.Spec.Replicas), r.scalePaths(q.version).want...); err != nil {
		return apierrors.NewInternalError(err)
	}
	obj, err := r.working(u)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	w := q.write(obj)
	w.subresource, w.strictRV = "", false
	o, err := s.update(r, w)
	if err != nil {
		return err
	}
	scale, err := r.scaleOf(o, q.version)
	if err != nil {
		return err
	}
	return s.answerScale(q, scale, o)
}

func patchScale(kind types.PatchType, now *autoscalingv1.Scale, b []byte) (*autoscalingv1.Scale, error) {
	doc, err := json.Marshal(now)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	switch kind {
	case types.ApplyYAMLPatchType:
		if b, err = yaml.YAMLToJSON(b); err != nil {
			return nil, apierrors.NewBadRequest("error decoding YAML: " + err.Error())
		}
		kind = types.MergePatchType
	case types.StrategicMergePatchType:
		kind = types.MergePatchType // a Scale has no lists to merge
	case types.JSONPatchType, types.MergePatchType:
	default:
		return nil, unsupportedMedia(string(types.JSONPatchType), string(types.MergePatchType))
	}
	out, err := patchJSON(nil, kind, doc, b)
	if err != nil {
		return nil, err
	}
	var want autoscalingv1.Scale
	if err := json.Unmarshal(out, &want); err != nil {
		return nil, apierrors.NewBadRequest("Scale: " + err.Error())
	}
	return &want, nil
}
