package release

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"strings"

	"helm.sh/helm/v3/pkg/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Drift is one object of a release that is not as its manifest says.
type Drift struct {
	// Object is "Kind namespace/name".
	Object string `json:"object"`
	// Missing tells that it was deleted; otherwise it was changed.
	Missing bool `json:"missing"`
	// Patch is what leads a changed object back.
	Patch string `json:"patch,omitempty"`
}

// Drift compares the objects of the deployed revision with the cluster and
// changes nothing. Only fields the manifest sets count.
func (c *Client) Drift(ctx context.Context, namespace, name string) ([]Drift, error) {
	o, err := c.operation(ctx, namespace, name, Repair)
	if err != nil {
		return nil, err
	}
	found, err := o.repair(false)
	return found, o.fault(Release{}, err)
}

// Repair restores objects of the deployed revision that were deleted or
// changed, and returns what it found. It makes no new revision and does not
// wait for readiness.
func (c *Client) Repair(ctx context.Context, namespace, name string) ([]Drift, error) {
	var found []Drift
	_, err := c.run(ctx, namespace, name, Repair, 0, func(o *operation, _ *Result) error {
		var err error
		found, err = o.repair(true)
		return err
	})
	return found, err
}

// repair looks at every object; faults of one do not keep it from the others.
func (o *operation) repair(write bool) ([]Drift, error) {
	rel, err := o.deployed()
	if err != nil {
		return nil, err
	}
	if _, err := o.configuration(); err != nil {
		return nil, err
	}
	list, err := o.Build(strings.NewReader(rel.Manifest), true)
	if err != nil {
		return nil, err
	}
	o.own(list)
	var found []Drift
	var errs []error
	for _, info := range list {
		u := info.Object.(*unstructured.Unstructured)
		live, err := o.get(o.ctx, info)
		if apierrors.IsNotFound(err) {
			found = append(found, Drift{Object: objectName(info), Missing: true})
			if write {
				o.emit(Creating, objectName(info), "%s is missing: creating it again", objectName(info))
				errs = append(errs, o.create(info))
			}
			continue
		}
		if err != nil {
			errs = append(errs, o.refused("reading", info, err))
			continue
		}
		if live.GetDeletionTimestamp() != nil {
			continue
		}
		patch, kind, err := patchFor(info.Mapping.GroupVersionKind, u.Object, u.Object, live.Object)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if patch == nil {
			continue
		}
		// The server has the last word: it writes quantities and empty fields
		// its own way, and a patch that changes nothing is no drift.
		after, err := o.patch(info, kind, patch, !write)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if sameContent(live, after) {
			continue
		}
		found = append(found, Drift{Object: objectName(info), Patch: maskedPatch(info.Mapping.GroupVersionKind.Kind, patch)})
		if write {
			o.updated++
			o.emit(Updating, objectName(info), "%s was changed and is changed back", objectName(info))
		}
	}
	return found, errors.Join(errs...)
}

// own puts the marks on objects by which Helm knows its own.
func (o *operation) own(list kube.ResourceList) {
	for _, info := range list {
		u := info.Object.(*unstructured.Unstructured)
		labels := maps.Clone(u.GetLabels())
		if labels == nil {
			labels = map[string]string{}
		}
		labels["app.kubernetes.io/managed-by"] = "Helm"
		u.SetLabels(labels)
		notes := maps.Clone(u.GetAnnotations())
		if notes == nil {
			notes = map[string]string{}
		}
		notes["meta.helm.sh/release-name"] = o.name
		notes["meta.helm.sh/release-namespace"] = o.namespace
		u.SetAnnotations(notes)
	}
}

// sameContent compares two answers about an object without what the server
// counts in it.
func sameContent(a, b *unstructured.Unstructured) bool {
	for _, u := range []*unstructured.Unstructured{a, b} {
		u.SetManagedFields(nil)
		u.SetResourceVersion("")
		u.SetGeneration(0)
	}
	return reflect.DeepEqual(a.Object, b.Object)
}

func maskedPatch(kind string, patch []byte) string {
	if kind == "Secret" {
		return "(secret)"
	}
	return string(patch)
}
