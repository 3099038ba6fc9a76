package autoconfig

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// annotationContent tells what an object was made as, so that defaults which
// the API server filled in do not look like changes.
const annotationContent = "koflab.dev/content"

// api writes to management. What it wrote is in the cache when it returns.
type api struct {
	client dynamic.Interface
	cache  *cache
}

func (a *api) of(r resource, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return a.client.Resource(r.GroupVersionResource)
	}
	return a.client.Resource(r.GroupVersionResource).Namespace(namespace)
}

// ensure makes an object what it should be: labels and annotations are added to
// those it has, everything else but its status is replaced. An object labelled
// kof-generated=false is its user's and stays as it is.
func (a *api) ensure(ctx context.Context, r resource, want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	sum := contentSum(want)
	if r != configMaps && r != secrets {
		notes := want.GetAnnotations()
		if notes == nil {
			notes = map[string]string{}
		}
		notes[annotationContent] = sum
		want.SetAnnotations(notes)
	}
	namespace, name := want.GetNamespace(), want.GetName()
	have := a.cache.get(r, namespace, name)
	if have == nil {
		made, err := a.of(r, namespace).Create(ctx, want, metav1.CreateOptions{})
		if err == nil {
			a.cache.put(r, made)
			return made, nil
		}
		if !apierrors.IsAlreadyExists(err) {
			return nil, fmt.Errorf("creating %s: %w", r.name(namespace, name), err)
		}
		if have, err = a.of(r, namespace).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return nil, fmt.Errorf("reading %s: %w", r.name(namespace, name), err)
		}
		if r != clusterSummaries {
			have = have.DeepCopy()
		}
	}
	if have.GetLabels()[LabelGenerated] == "false" || have.GetDeletionTimestamp() != nil {
		return have, nil
	}
	next := have.DeepCopy()
	for k := range next.Object {
		switch k {
		case "apiVersion", "kind", "metadata", "status":
		default:
			if _, ok := want.Object[k]; !ok && (k == "spec" || k == "data") {
				delete(next.Object, k)
			}
		}
	}
	for k, v := range want.Object {
		if k != "metadata" && k != "status" {
			next.Object[k] = v
		}
	}
	mergeMetadata(next, want)
	if sameContent(r, have, next) {
		return have, nil
	}
	made, err := a.of(r, namespace).Update(ctx, next, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("updating %s: %w", r.name(namespace, name), err)
	}
	a.cache.put(r, made)
	return made, nil
}

func mergeMetadata(next, want *unstructured.Unstructured) {
	if l := merged(next.GetLabels(), want.GetLabels()); l != nil {
		next.SetLabels(l)
	}
	if l := merged(next.GetAnnotations(), want.GetAnnotations()); l != nil {
		next.SetAnnotations(l)
	}
	if owners := want.GetOwnerReferences(); len(owners) > 0 {
		next.SetOwnerReferences(owners)
	}
	for _, f := range want.GetFinalizers() {
		next.SetFinalizers(withString(next.GetFinalizers(), f))
	}
}

// sameContent compares an object with its next state. A spec is the same when
// it was made from the same content and still has all of it.
func sameContent(r resource, have, next *unstructured.Unstructured) bool {
	if r == configMaps || r == secrets {
		return reflect.DeepEqual(have.Object, next.Object)
	}
	if !reflect.DeepEqual(dictionary(have.Object, "metadata"), dictionary(next.Object, "metadata")) {
		return false // annotationContent is among it
	}
	if r == clusterSummaries {
		return true // the cache does not have all of their specs
	}
	return contains(dictionary(have.Object, "spec"), dictionary(next.Object, "spec"))
}

// contains reports whether have has all of want: more keys are allowed in maps.
func contains(have, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return false
		}
		for k, v := range w {
			if e, ok := h[k]; !ok || !contains(e, v) {
				return false
			}
		}
		return true
	case []any:
		h, ok := have.([]any)
		if !ok || len(h) != len(w) {
			return false
		}
		for i := range w {
			if !contains(h[i], w[i]) {
				return false
			}
		}
		return true
	case int64, float64, int:
		return fmt.Sprint(have) == fmt.Sprint(want)
	}
	return reflect.DeepEqual(have, want)
}

func contentSum(u *unstructured.Unstructured) string {
	content := map[string]any{}
	for k, v := range u.Object {
		if k != "metadata" && k != "status" {
			content[k] = v
		}
	}
	b, err := json.Marshal(content)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])[:16]
}

// setStatus replaces an object's status if it is another one.
func (a *api) setStatus(ctx context.Context, r resource, have *unstructured.Unstructured, status map[string]any) error {
	if contains(dictionary(have.Object, "status"), status) && contains(status, dictionary(have.Object, "status")) {
		return nil
	}
	next := have.DeepCopy()
	next.Object["status"] = status
	made, err := a.of(r, have.GetNamespace()).UpdateStatus(ctx, next, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil // it is gone, and so is the need
	}
	if err != nil {
		return fmt.Errorf("status of %s: %w", r.name(have.GetNamespace(), have.GetName()), err)
	}
	a.cache.put(r, made)
	return nil
}

// patch changes parts of an object by a JSON merge patch.
func (a *api) patch(ctx context.Context, r resource, have *unstructured.Unstructured, patch map[string]any) (*unstructured.Unstructured, error) {
	body, err := json.Marshal(patch)
	if err != nil {
		return nil, err
	}
	made, err := a.of(r, have.GetNamespace()).Patch(ctx, have.GetName(), types.MergePatchType, body, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return have, nil
	}
	if err != nil {
		return nil, fmt.Errorf("patching %s: %w", r.name(have.GetNamespace(), have.GetName()), err)
	}
	a.cache.put(r, made)
	return made, nil
}

// setFinalizer puts a finalizer on an object or takes it off.
func (a *api) setFinalizer(ctx context.Context, r resource, have *unstructured.Unstructured, name string, on bool) (*unstructured.Unstructured, error) {
	old := have.GetFinalizers()
	next := withoutString(old, name)
	if on {
		next = withString(old, name)
	}
	if len(next) == len(old) {
		return have, nil
	}
	// The version keeps finalizers that others set meanwhile from getting lost.
	return a.patch(ctx, r, have, map[string]any{"metadata": map[string]any{
		"finalizers": next, "resourceVersion": have.GetResourceVersion(),
	}})
}

// remove deletes an object if it is there.
func (a *api) remove(ctx context.Context, r resource, namespace, name string) error {
	have := a.cache.get(r, namespace, name)
	if have == nil || have.GetDeletionTimestamp() != nil {
		return nil
	}
	err := a.of(r, namespace).Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting %s: %w", r.name(namespace, name), err)
	}
	return nil
}

func withString(all []string, s string) []string {
	for _, have := range all {
		if have == s {
			return all
		}
	}
	return append(append([]string(nil), all...), s)
}

func withoutString(all []string, s string) []string {
	out := []string{}
	for _, have := range all {
		if have != s {
			out = append(out, have)
		}
	}
	return out
}
