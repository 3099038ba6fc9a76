package kube

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apimachinery/pkg/util/validation/field"
	sigsjson "sigs.k8s.io/json"

	"koflab/embed/kube/store"
)

// maxOperations is the real server's limit of a JSON patch.
const maxOperations = 10000

// servePatch changes an object by a patch of any type.
func (s *Server) servePatch(q *request) error {
	kind := types.PatchType(q.mediaType())
	switch kind {
	case types.JSONPatchType, types.MergePatchType, types.StrategicMergePatchType, types.ApplyYAMLPatchType:
	default:
		return unsupportedMedia(patchTypes(q.res)...)
	}
	if kind == types.StrategicMergePatchType && q.res.goType == nil {
		return unsupportedMedia(patchTypes(q.res)...)
	}
	if q.query.Get("force") != "" && kind != types.ApplyYAMLPatchType {
		return apierrors.NewInvalid(groupVersion("meta.k8s.io", "v1").WithKind("PatchOptions").GroupKind(), "", field.ErrorList{
			field.Forbidden(field.NewPath("force"), "may not be specified for non-apply patch"),
		})
	}
	b, err := q.body()
	if err != nil {
		return err
	}
	if kind == types.ApplyYAMLPatchType {
		return s.serveApply(q, b)
	}
	o, err := s.locked(func() (*store.Object, error) { return s.patch(q, kind, b) })
	if err != nil {
		return err
	}
	return s.answer(q, http.StatusOK, o)
}

func patchTypes(r *resource) []string {
	out := []string{string(types.JSONPatchType), string(types.MergePatchType)}
	if r.goType != nil {
		out = append(out, string(types.StrategicMergePatchType))
	}
	return append(out, string(types.ApplyYAMLPatchType))
}

// patch applies a patch to the current version. The lock is held, so that there
// is nothing to retry.
func (s *Server) patch(q *request, kind types.PatchType, b []byte) (*store.Object, error) {
	cur := s.st.Get(q.res.stored(), q.ns, q.name)
	if cur == nil {
		return nil, apierrors.NewNotFound(q.res.gr(), q.name)
	}
	patched, err := patchJSON(q.res, kind, q.render(cur), b)
	if err != nil {
		return nil, err
	}
	obj, err := q.parse(patched)
	if err != nil {
		return nil, err
	}
	if err := q.adopt(obj); err != nil {
		return nil, err
	}
	r, obj := q.res.toStorage(obj)
	w := q.write(obj)
	w.strictRV = false
	return s.update(r, w)
}

// patchJSON applies a patch to an encoded object.
func patchJSON(r *resource, kind types.PatchType, doc, patch []byte) ([]byte, error) {
	switch kind {
	case types.JSONPatchType:
		p, err := jsonpatch.DecodePatch(patch)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		if len(p) > maxOperations {
			return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("The allowed maximum operations in a JSON patch is %d, got %d", maxOperations, len(p)))
		}
		out, err := p.Apply(doc)
		if err != nil {
			return nil, unprocessable(err)
		}
		return out, nil
	case types.MergePatchType:
		var v map[string]any
		if err := json.Unmarshal(patch, &v); err != nil {
			return nil, apierrors.NewBadRequest("error decoding patch: " + err.Error())
		}
		out, err := jsonpatch.MergePatch(doc, patch)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		return out, nil
	}
	return strategic(r, doc, patch)
}

// strategic merges as the struct tags of a builtin kind say.
func strategic(r *resource, doc, patch []byte) ([]byte, error) {
	var original, changes map[string]any
	if err := utiljson.Unmarshal(doc, &original); err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	if _, err := sigsjson.UnmarshalStrict(patch, &changes, sigsjson.DisallowDuplicateFields); err != nil {
		return nil, apierrors.NewBadRequest("error decoding patch: " + err.Error())
	}
	merged, err := strategicpatch.StrategicMergeMapPatch(original, changes, r.blank())
	switch {
	case errors.Is(err, mergepatch.ErrBadJSONDoc), errors.Is(err, mergepatch.ErrBadPatchFormatForPrimitiveList),
		errors.Is(err, mergepatch.ErrBadPatchFormatForRetainKeys), errors.Is(err, mergepatch.ErrBadPatchFormatForSetElementOrderList),
		errors.Is(err, mergepatch.ErrUnsupportedStrategicMergePatchFormat):
		return nil, apierrors.NewBadRequest(err.Error())
	case err != nil:
		return nil, unprocessable(err)
	}
	return json.Marshal(merged)
}

// unprocessable is the answer to a patch that cannot be applied to what is there.
func unprocessable(err error) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid,
		Message: "the server rejected our request due to an error in our request: " + err.Error(),
	}}
}
