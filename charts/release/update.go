package release

import (
	"encoding/json"
	"errors"
	"fmt"

	"helm.sh/helm/v3/pkg/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/kubernetes/scheme"
)

// Update brings the cluster from one manifest to the next: objects that are
// missing are created, others patched, and those only in the former deleted.
// All faults of patches are reported together.
func (o *operation) Update(original, target kube.ResourceList, force bool) (*kube.Result, error) {
	return o.update(original, target, force)
}

// UpdateThreeWayMerge is what Update does anyway, for custom resources too: a
// field somebody changed by hand goes back to what the chart says.
func (o *operation) UpdateThreeWayMerge(original, target kube.ResourceList, force bool) (*kube.Result, error) {
	return o.update(original, target, force)
}

func (o *operation) update(original, target kube.ResourceList, force bool) (*kube.Result, error) {
	o.emit(Updating, "", "comparing %d objects", len(target))
	done := &kube.Result{}
	var errs []error
	for _, info := range target {
		if err := o.ctx.Err(); err != nil {
			return done, fmt.Errorf("before updating %s: %w", objectName(info), err)
		}
		live, err := o.get(o.ctx, info)
		if apierrors.IsNotFound(err) {
			done.Created = append(done.Created, info)
			if err := o.create(info); err != nil {
				return done, err
			}
			continue
		}
		if err != nil {
			return done, o.refused("reading", info, err)
		}
		done.Updated = append(done.Updated, info)
		if err := o.change(original.Get(info), info, live, force); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return done, errors.Join(errs...)
	}
	for _, info := range original.Difference(target) {
		removed, err := o.removeUnlessKept(info)
		if err != nil {
			// As with Helm, what cannot be deleted does not undo an upgrade.
			o.emit(Warning, objectName(info), "%s", err)
		} else if removed {
			done.Deleted = append(done.Deleted, info)
		}
	}
	return done, nil
}

func (o *operation) removeUnlessKept(info *resource.Info) (bool, error) {
	live, err := o.get(o.ctx, info)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if live.GetAnnotations()[kube.ResourcePolicyAnno] == kube.KeepPolicy {
		return false, nil
	}
	return true, o.remove(info, metav1.DeletePropagationBackground)
}

// change patches one live object, or replaces it if forced.
func (o *operation) change(original, target *resource.Info, live *unstructured.Unstructured, force bool) error {
	if force {
		u := target.Object.(*unstructured.Unstructured).DeepCopy()
		u.SetResourceVersion(live.GetResourceVersion())
		body, err := u.MarshalJSON()
		if err != nil {
			return err
		}
		_, err = raw(target.Client.Put().
			NamespaceIfScoped(target.Namespace, target.Namespaced()).
			Resource(target.Mapping.Resource.Resource).Name(target.Name).
			VersionedParams(&metav1.UpdateOptions{FieldManager: fieldManager}, metav1.ParameterCodec).
			SetHeader("Content-Type", "application/json").
			Body(body).Do(o.ctx))
		if err != nil {
			return o.refused("replacing", target, err)
		}
		o.updated++
		return nil
	}
	before := live.Object
	if original != nil {
		before = original.Object.(*unstructured.Unstructured).Object
	}
	patch, kind, err := patchFor(target.Mapping.GroupVersionKind, before, target.Object.(*unstructured.Unstructured).Object, live.Object)
	if err != nil {
		return fmt.Errorf("comparing %s with the live one: %w", objectName(target), err)
	}
	if patch == nil {
		return nil
	}
	if _, err := o.patch(target, kind, patch, false); err != nil {
		return err
	}
	o.updated++
	return nil
}

// patch sends a patch and returns the object the server made of it.
func (o *operation) patch(info *resource.Info, kind types.PatchType, patch []byte, dry bool) (*unstructured.Unstructured, error) {
	options := &metav1.PatchOptions{FieldManager: fieldManager}
	if dry {
		options.DryRun = []string{metav1.DryRunAll}
	}
	var body []byte
	var err error
	for range 3 {
		body, err = raw(info.Client.Patch(kind).
			NamespaceIfScoped(info.Namespace, info.Namespaced()).
			Resource(info.Mapping.Resource.Resource).Name(info.Name).
			VersionedParams(options, metav1.ParameterCodec).
			Body(patch).Do(o.ctx))
		if !apierrors.IsConflict(err) {
			break
		}
	}
	if err != nil {
		return nil, o.refused("patching", info, err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(body); err != nil {
		return nil, fmt.Errorf("%s: the API server's answer: %w", objectName(info), err)
	}
	return u, nil
}

// patchFor computes what leads a live object to its target: strategic merge
// where the kind is known, since that merges lists by their keys, and JSON
// merge for everything else. No difference gives no patch.
func patchFor(gvk schema.GroupVersionKind, original, target, live map[string]any) ([]byte, types.PatchType, error) {
	before, err := json.Marshal(original)
	if err != nil {
		return nil, "", err
	}
	after, err := json.Marshal(target)
	if err != nil {
		return nil, "", err
	}
	current, err := json.Marshal(live)
	if err != nil {
		return nil, "", err
	}
	kind := types.StrategicMergePatchType
	var patch []byte
	typed, err := scheme.Scheme.New(gvk)
	if err != nil || gvk.Group == "apiextensions.k8s.io" {
		kind = types.MergePatchType
		patch, err = jsonmergepatch.CreateThreeWayJSONMergePatch(before, after, current)
	} else {
		var lookup strategicpatch.PatchMetaFromStruct
		if lookup, err = strategicpatch.NewPatchMetaFromStruct(typed); err == nil {
			patch, err = strategicpatch.CreateThreeWayMergePatch(before, after, current, lookup, true)
		}
	}
	if err != nil {
		return nil, "", err
	}
	if len(patch) == 0 || string(patch) == "{}" || string(patch) == "null" {
		return nil, kind, nil
	}
	return patch, kind, nil
}
