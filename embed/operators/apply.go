package operators

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"koflab/embed/kube/store"
)

// restartedAt is what kubectl rollout restart sets; an operator keeps it.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// ensure gives an object the children it should have, and takes those away that
// it should have no longer.
func (r *Operators) ensure(k key, owner *store.Object, children []child) error {
	m := r.memo(k)
	var now []childMemo
	for _, c := range children {
		gr, err := resourceOf(c)
		if err != nil {
			return err
		}
		c.SetOwnerReferences([]metav1.OwnerReference{{
			APIVersion: owner.GVK.GroupVersion().String(), Kind: owner.GVK.Kind, Name: owner.Name, UID: owner.UID,
			Controller: ptr(true), BlockOwnerDeletion: ptr(true),
		}})
		done := childMemo{ref: ref{gr, c.GetNamespace(), c.GetName()}}
		i := slices.IndexFunc(m.children, func(have childMemo) bool { return have.ref == done.ref })
		var last childMemo
		if i >= 0 {
			last = m.children[i]
		}
		if err := r.put(&done, c, last, owner); err != nil {
			return fmt.Errorf("%s %s: %w", gr.Resource, c.GetName(), err)
		}
		now = append(now, done)
	}
	same := m.built && len(now) == len(m.children) && !slices.ContainsFunc(now, func(c childMemo) bool {
		return !slices.ContainsFunc(m.children, func(have childMemo) bool { return have.ref == c.ref })
	})
	m.children = now
	if same {
		return nil
	}
	return r.prune(owner, now)
}

// put creates or updates an object. owner is nil for one that is not to go with
// any other.
func (r *Operators) put(done *childMemo, c child, last childMemo, owner *store.Object) error {
	want, err := json.Marshal(c)
	if err != nil {
		return err
	}
	done.wanted = digest(want)
	have, err := r.find(done.gr, done.namespace, done.name)
	if err != nil {
		return err
	}
	if have == nil {
		made, err := r.api.Create(done.gr, c)
		if err == nil {
			done.stamp = stamp(made)
		}
		return err
	}
	if last.wanted == done.wanted && last.stamp == stamp(have) {
		done.stamp = last.stamp
		return nil
	}
	if owner != nil {
		for _, o := range have.Owners {
			if o.Controller != nil && *o.Controller && o.UID != owner.UID {
				return invalid{fmt.Errorf("exists and belongs to %s %s", o.Kind, o.Name)}
			}
		}
	}
	next, err := laidOver(have, want)
	if err != nil {
		return err
	}
	made, err := r.api.Update(done.gr, next, "")
	if apierrors.IsInvalid(err) && done.gr == statefulSets {
		// What a StatefulSet never changes, such as its claims, takes a new one; its
		// pods stay and are taken over.
		made, err = r.replace(done.ref, c)
	}
	if err == nil {
		done.stamp = stamp(made)
	}
	return err
}

func (r *Operators) replace(at ref, c child) (*store.Object, error) {
	orphan := metav1.DeletePropagationOrphan
	if err := r.api.Delete(at.gr, at.namespace, at.name, metav1.DeleteOptions{PropagationPolicy: &orphan}); err != nil && !apierrors.IsNotFound(err) {
		return nil, err
	}
	return r.api.Create(at.gr, c)
}

// laidOver returns an object with all that is wanted of it, keeping what others
// have added to its metadata and what the API server allocated.
func laidOver(have *store.Object, want []byte) (*unstructured.Unstructured, error) {
	out, next := &unstructured.Unstructured{}, &unstructured.Unstructured{}
	if err := have.Into(out); err != nil {
		return nil, err
	}
	if err := utiljson.Unmarshal(want, &next.Object); err != nil {
		return nil, err
	}
	out.SetLabels(merged(out.GetLabels(), next.GetLabels()))
	out.SetAnnotations(merged(out.GetAnnotations(), next.GetAnnotations()))
	if refs := next.GetOwnerReferences(); len(refs) > 0 {
		out.SetOwnerReferences(refs)
	}
	spec, hadSpec := out.Object["spec"].(map[string]any)
	for field, v := range next.Object {
		switch field {
		case "apiVersion", "kind", "metadata", "status":
		default:
			out.Object[field] = v
		}
	}
	// What is no longer wanted goes, except what the server itself holds.
	for field := range out.Object {
		switch field {
		case "apiVersion", "kind", "metadata", "status", "type":
		default:
			if _, wanted := next.Object[field]; !wanted {
				delete(out.Object, field)
			}
		}
	}
	if wanted, ok := out.Object["spec"].(map[string]any); ok && hadSpec {
		keepAllocated(have.GVK.Kind, spec, wanted)
	}
	return out, nil
}

func keepAllocated(kind string, have, want map[string]any) {
	switch kind {
	case "Service":
		for _, field := range []string{"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"} {
			if _, given := want[field]; !given && have[field] != nil {
				want[field] = have[field]
			}
		}
	case "PersistentVolumeClaim":
		for field, v := range have {
			if _, given := want[field]; !given {
				want[field] = v
			}
		}
	case "Deployment", "StatefulSet", "DaemonSet":
		if at, ok, _ := unstructured.NestedString(have, "template", "metadata", "annotations", restartedAt); ok {
			// An annotation map that is missing is made; nothing else can fail.
			_ = unstructured.SetNestedField(want, at, "template", "metadata", "annotations", restartedAt)
		}
	}
}

// prune deletes what an object owns and should not.
func (r *Operators) prune(owner *store.Object, wanted []childMemo) error {
	var errs []error
	for _, gr := range ownedResources {
		for _, o := range r.api.List(gr, owner.Namespace, labels.Everything()) {
			mine := slices.ContainsFunc(o.Owners, func(ref metav1.OwnerReference) bool {
				return ref.UID == owner.UID && ref.Controller != nil && *ref.Controller
			})
			if !mine || slices.ContainsFunc(wanted, func(c childMemo) bool { return c.ref == ref{gr, o.Namespace, o.Name} }) {
				continue
			}
			if err := r.api.Delete(gr, o.Namespace, o.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				errs = append(errs, fmt.Errorf("deleting %s %s: %w", gr.Resource, o.Name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// intact tells whether all children still are what they were made as.
func (r *Operators) intact(m *memo) bool {
	for _, c := range m.children {
		o, err := r.api.Get(c.gr, c.namespace, c.name)
		if err != nil || o.Deleting || stamp(o) != c.stamp {
			return false
		}
	}
	return true
}
