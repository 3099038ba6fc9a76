package controllers

import (
	"cmp"
	"encoding/json"
	"hash/fnv"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/rand"
)

// revisionData is what kubectl rollout undo patches a workload with.
func revisionData(t *corev1.PodTemplateSpec) ([]byte, error) {
	var template map[string]any
	b, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &template); err != nil {
		return nil, err
	}
	template["$patch"] = "replace"
	return json.Marshal(map[string]any{"spec": map[string]any{"template": template}})
}

// revisionHash names the revision of a template.
func revisionHash(t *corev1.PodTemplateSpec) string {
	h := fnv.New32a()
	h.Write(templateJSON(t))
	return rand.SafeEncodeString(strconv.FormatUint(uint64(h.Sum32()), 10))
}

// revisions returns a workload's ControllerRevisions, lowest first, after making
// sure that the newest is that of the template.
func (c *Controllers) revisions(e *entry, kindName string, selector *metav1.LabelSelector, t *corev1.PodTemplateSpec) ([]*appsv1.ControllerRevision, error) {
	name := prefixed(e.Name, 11) + "-" + revisionHash(t)
	var all []*appsv1.ControllerRevision
	for _, r := range c.owned(e.obj.UID, revisionKind) {
		rev, err := read[appsv1.ControllerRevision](&c.cache, r)
		if err != nil {
			return nil, err
		}
		all = append(all, rev)
	}
	byNumber := func() {
		slices.SortStableFunc(all, func(a, b *appsv1.ControllerRevision) int {
			return cmp.Or(cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.Name, b.Name))
		})
	}
	byNumber()
	var last int64
	if len(all) > 0 {
		last = all[len(all)-1].Revision
		if all[len(all)-1].Name == name {
			return all, nil
		}
	}
	for i, r := range all {
		if r.Name == name { // an old template is back
			n := *r
			n.Revision = last + 1
			if _, err := c.api.Update(resources[revisionKind], &n, ""); err != nil {
				return nil, err
			}
			all[i] = &n
			byNumber()
			return all, nil
		}
	}
	data, err := revisionData(t)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{revisionHashLabel: revisionHash(t)}
	if selector != nil {
		for k, v := range selector.MatchLabels {
			labels[k] = v
		}
	}
	r := &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: e.Namespace, Name: name, Labels: labels,
			OwnerReferences: ownerRef(apps, kindName, e.Name, e.obj.UID),
		},
		Data: runtime.RawExtension{Raw: data}, Revision: last + 1,
	}
	if _, err := c.api.Create(resources[revisionKind], r); err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, err
	}
	return append(all, r), nil
}

// pruneRevisions keeps the newest revisions that no pod uses up to the limit.
func (c *Controllers) pruneRevisions(e *entry, all []*appsv1.ControllerRevision, used map[string]bool, limit *int32) error {
	keep := 10
	if limit != nil {
		keep = int(*limit)
	}
	var idle []*appsv1.ControllerRevision
	for _, r := range all {
		if !used[r.Name] {
			idle = append(idle, r)
		}
	}
	for len(idle) > keep {
		if err := c.api.Delete(resources[revisionKind], e.Namespace, idle[0].Name, metav1.DeleteOptions{}); err != nil && !ended(err) {
			return err
		}
		idle = idle[1:]
	}
	return nil
}

// templateOf returns the pod template that a revision keeps.
func templateOf(r *appsv1.ControllerRevision) (*corev1.PodTemplateSpec, error) {
	var data struct {
		Spec struct {
			Template corev1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(r.Data.Raw, &data); err != nil {
		return nil, err
	}
	return &data.Spec.Template, nil
}
