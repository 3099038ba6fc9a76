package kube

import (
	"encoding/json"
	"net/http"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// success is the answer to what has no object.
func success() *metav1.Status {
	return &metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusSuccess, Code: http.StatusCreated}
}

// other reads a body of another kind than the request's resource.
func (q *request) other(v any) error {
	b, err := q.body()
	if err != nil {
		return err
	}
	switch q.mediaType() {
	case typeProtobuf:
		gvk, ok := q.res.subresources[q.subresource]
		if q.subresource == "scale" {
			gvk, ok = groupVersion("autoscaling", "v1").WithKind("Scale"), true
		}
		if !ok {
			gvk = q.res.gvk
		}
		obj, err := q.protobuf(b, gvk)
		if err != nil {
			return err
		}
		if b, err = json.Marshal(obj); err != nil {
			return apierrors.NewInternalError(err)
		}
	case typeYAML:
		if b, err = yaml.YAMLToJSON(b); err != nil {
			return apierrors.NewBadRequest(err.Error())
		}
	}
	if len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	return nil
}

// Everybody who reaches an embedded cluster's API is its admin.
var admin = authenticationv1.UserInfo{Username: "kubernetes-admin", Groups: []string{"kubeadm:cluster-admins", "system:authenticated"}}

// review answers the kinds that are questions: who am I, and what may I do?
func (s *Server) review(q *request) error {
	v := q.res.blank()
	if err := q.other(v); err != nil {
		return err
	}
	allowed := authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "the clients of an embedded cluster are its admins"}
	switch r := v.(type) {
	case *authenticationv1.SelfSubjectReview:
		r.Status.UserInfo = admin
	case *authorizationv1.SelfSubjectAccessReview:
		r.Status = allowed
	case *authorizationv1.SubjectAccessReview:
		r.Status = allowed
	case *authorizationv1.LocalSubjectAccessReview:
		r.Status = allowed
	case *authorizationv1.SelfSubjectRulesReview:
		r.Status = authorizationv1.SubjectRulesReviewStatus{
			ResourceRules:    []authorizationv1.ResourceRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}},
			NonResourceRules: []authorizationv1.NonResourceRule{{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}}},
		}
	case *authenticationv1.TokenReview:
		r.Status = s.checkToken(r.Spec.Token)
	default:
		return unknownResource()
	}
	q.res.typeMeta(v)
	writeJSON(q.w, http.StatusCreated, v)
	return nil
}
