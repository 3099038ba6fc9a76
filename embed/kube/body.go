package kube

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes/scheme"
	sigsjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// maxBody is the real server's limit of a request.
const maxBody = 3 << 20

// mediaTypes that bodies may be in, beside protobuf.
const (
	typeJSON     = "application/json"
	typeYAML     = "application/yaml"
	typeProtobuf = "application/vnd.kubernetes.protobuf"
)

// body reads a request's body.
func (q *request) body() ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(q.w, q.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d", maxBody))
	}
	if err != nil {
		return nil, apierrors.NewBadRequest("read the request's body: " + err.Error())
	}
	return b, nil
}

// mediaType returns the body's type; JSON if it is not said.
func (q *request) mediaType() string {
	t := q.Header.Get("Content-Type")
	if t == "" {
		return typeJSON
	}
	if m, _, err := mime.ParseMediaType(t); err == nil {
		return m
	}
	return t
}

func unsupportedMedia(accepted ...string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusUnsupportedMediaType, Reason: metav1.StatusReasonUnsupportedMediaType,
		Message: "the body of the request was in an unknown format - accepted media types include: " + strings.Join(accepted, ", "),
	}}
}

// object reads the body as an object of the request's resource.
func (q *request) object() (runtime.Object, error) {
	b, err := q.body()
	if err != nil {
		return nil, err
	}
	r := q.res
	switch q.mediaType() {
	case typeProtobuf:
		if r.goType == nil {
			return nil, unsupportedMedia(typeJSON, typeYAML)
		}
		return q.protobuf(b, r.gvk)
	case typeYAML, "text/yaml", "application/x-yaml":
		convert := yaml.YAMLToJSON
		if q.strictness() == metav1.FieldValidationStrict {
			convert = yaml.YAMLToJSONStrict
		}
		if b, err = convert(b); err != nil {
			return nil, apierrors.NewBadRequest("error converting YAML to JSON: " + err.Error())
		}
	case typeJSON, "text/plain":
	default:
		return nil, unsupportedMedia(typeJSON, typeYAML, typeProtobuf)
	}
	return q.parse(b)
}

func (q *request) protobuf(b []byte, gvk schema.GroupVersionKind) (runtime.Object, error) {
	for _, s := range []*runtime.Scheme{scheme.Scheme, ownScheme} {
		if !s.Recognizes(gvk) {
			continue
		}
		obj, _, err := protobuf.NewSerializer(s, s).Decode(b, &gvk, nil)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		return obj, nil
	}
	return nil, unsupportedMedia(typeJSON, typeYAML)
}

// strictness is what is to be done about fields that nobody knows.
func (q *request) strictness() string {
	if v := q.query.Get("fieldValidation"); v != "" {
		return v
	}
	return metav1.FieldValidationWarn
}

// parse decodes JSON into an object of the request's kind and version, and
// complains about unknown and repeated fields as the client wishes.
func (q *request) parse(b []byte) (runtime.Object, error) {
	switch q.strictness() {
	case metav1.FieldValidationIgnore, metav1.FieldValidationWarn, metav1.FieldValidationStrict:
	default:
		return nil, apierrors.NewInvalid(groupVersion("meta.k8s.io", "v1").WithKind("CreateOptions").GroupKind(), "",
			field.ErrorList{field.NotSupported(field.NewPath("fieldValidation"), q.query.Get("fieldValidation"), []string{"", "Ignore", "Strict", "Warn"})})
	}
	obj := q.res.blank()
	var strict []error
	var err error
	if u, ok := obj.(*unstructured.Unstructured); ok {
		if strict, err = sigsjson.UnmarshalStrict(b, &u.Object, sigsjson.DisallowDuplicateFields); err == nil && u.Object == nil {
			u.Object = map[string]any{}
		}
	} else {
		strict, err = sigsjson.UnmarshalStrict(b, obj)
	}
	if err != nil {
		return nil, q.undecodable(err)
	}
	if err := q.checkKind(obj); err != nil {
		return nil, err
	}
	if u, ok := obj.(*unstructured.Unstructured); ok && q.res.custom != nil {
		paths, err := plainMetadata(u)
		if err != nil {
			return nil, q.undecodable(err)
		}
		for _, path := range append(paths, q.res.custom.unknown(u, q.version)...) {
			strict = append(strict, fmt.Errorf("unknown field %q", path))
		}
	}
	return obj, q.complain(strict)
}

// complain turns what a strict reading found into an error or warnings.
func (q *request) complain(strict []error) error {
	if len(strict) == 0 {
		return nil
	}
	switch q.strictness() {
	case metav1.FieldValidationStrict:
		return q.undecodable(runtime.NewStrictDecodingError(strict))
	case metav1.FieldValidationWarn:
		for _, e := range strict {
			warn(q.w, e.Error())
		}
	}
	return nil
}

func (q *request) undecodable(err error) error {
	gvk := q.gvk()
	return apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v", gvk.Kind, gvk.Version, gvk.Kind, err))
}

// checkKind refuses objects of another kind or version than the path's.
func (q *request) checkKind(obj runtime.Object) error {
	want := q.gvk()
	apiVersion, kind := obj.GetObjectKind().GroupVersionKind().ToAPIVersionAndKind()
	if u, ok := obj.(*unstructured.Unstructured); ok {
		apiVersion, kind = u.GetAPIVersion(), u.GetKind()
		if q.res.custom != nil && kind == "" {
			return apierrors.NewBadRequest("Object 'Kind' is missing in the request's body")
		}
	}
	if apiVersion != "" && apiVersion != want.GroupVersion().String() {
		return apierrors.NewBadRequest(fmt.Sprintf("the API version in the data (%s) does not match the expected API version (%s)", apiVersion, want.GroupVersion()))
	}
	if kind != "" && kind != want.Kind {
		return apierrors.NewBadRequest(fmt.Sprintf("the kind in the data (%s) does not match the expected kind (%s)", kind, want.Kind))
	}
	return nil
}
