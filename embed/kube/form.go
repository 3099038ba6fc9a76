package kube

import (
	"mime"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// form is how a client wants objects.
type form int

const (
	formObject form = iota
	formTable
	formMetadata
)

// form reads the Accept header: the first kind of answer that can be given.
func (q *request) form() (form, error) {
	accept := q.Header.Get("Accept")
	if accept == "" {
		return formObject, nil
	}
	for _, part := range strings.Split(accept, ",") {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		switch media {
		case "application/json", "application/*", "*/*", "application/yaml", "text/html":
		default:
			continue // protobuf and CBOR answers are not made
		}
		switch as := params["as"]; {
		case as == "":
			return formObject, nil
		case params["g"] != "meta.k8s.io" || params["v"] != "v1":
		case as == "Table":
			return formTable, nil
		case as == "PartialObjectMetadata", as == "PartialObjectMetadataList":
			return formMetadata, nil
		}
	}
	return formObject, notAcceptable()
}

func notAcceptable() error {
	return apierrors.NewGenericServerResponse(http.StatusNotAcceptable, "", schema.GroupResource{}, "",
		"only the following media types are accepted: application/json", 0, true)
}
