package autoconfig

import (
	"cmp"
	"encoding/base64"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// object makes an object that this package owns.
func object(r resource, namespace, name string, content map[string]any) *unstructured.Unstructured {
	metadata := map[string]any{"name": name, "labels": map[string]any{labelManagedBy: managedBy}}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": r.apiVersion(), "kind": r.Kind, "metadata": metadata,
	}}
	maps.Copy(u.Object, content)
	return u
}

// label adds labels to an object.
func label(u *unstructured.Unstructured, pairs ...string) *unstructured.Unstructured {
	set := u.GetLabels()
	if set == nil {
		set = map[string]string{}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		set[pairs[i]] = pairs[i+1]
	}
	u.SetLabels(set)
	return u
}

// own makes an object disappear with its owner, which stands in the same
// namespace or in none.
func own(u, owner *unstructured.Unstructured) *unstructured.Unstructured {
	metadata := u.Object["metadata"].(map[string]any)
	metadata["ownerReferences"] = []any{map[string]any{
		"apiVersion": owner.GetAPIVersion(), "kind": owner.GetKind(), "name": owner.GetName(), "uid": string(owner.GetUID()),
		"controller": true, "blockOwnerDeletion": true,
	}}
	return u
}

// configMap makes a ConfigMap.
func configMap(namespace, name string, data map[string]string) *unstructured.Unstructured {
	content := make(map[string]any, len(data))
	for k, v := range data {
		content[k] = v
	}
	return object(configMaps, namespace, name, map[string]any{"data": content})
}

func encodeData(data map[string][]byte) map[string]any {
	out := make(map[string]any, len(data))
	for k, v := range data {
		out[k] = base64.StdEncoding.EncodeToString(v)
	}
	return out
}

// secretData is the decoded data of a Secret; what is no base64 is left out.
func secretData(u *unstructured.Unstructured) map[string][]byte {
	data, _, _ := unstructured.NestedStringMap(u.Object, "data")
	out := make(map[string][]byte, len(data))
	for k, v := range data {
		if b, err := base64.StdEncoding.DecodeString(v); err == nil {
			out[k] = b
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// list is a list inside nested maps.
func list(m map[string]any, path ...string) []any {
	l, _, _ := unstructured.NestedFieldNoCopy(m, path...)
	items, _ := l.([]any)
	return items
}

// dictionary is a map inside nested maps.
func dictionary(m map[string]any, path ...string) map[string]any {
	l, _, _ := unstructured.NestedFieldNoCopy(m, path...)
	d, _ := l.(map[string]any)
	return d
}

func sortObjects(all []*unstructured.Unstructured) {
	slices.SortFunc(all, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
}
