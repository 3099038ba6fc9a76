package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
)

// refusal is an answer given in place of forwarding.
type refusal struct {
	status  int
	message string
}

func tooLargeMessage(limit int64) string {
	return fmt.Sprintf("the request body is larger than %d bytes", limit)
}

// rewrite returns the request as its backend is to see it: path without the
// first segment, bounded body, no credentials, and the user's tenant enforced.
func (g *Gateway) rewrite(w *response, r *http.Request, target url.URL, to *route, u *user) (*http.Request, *refusal) {
	// A shallow copy: the parsed forms must not be shared, the headers are cloned
	// below since they change.
	out := new(http.Request)
	*out = *r
	out.Form, out.PostForm, out.MultipartForm = nil, nil, nil
	dropFirstSegment(&target)
	target.User = nil
	out.URL = &target
	out.RequestURI = ""
	out.Header = r.Header.Clone()
	out.Header.Del("Authorization")
	if r.Body != nil && r.Body != http.NoBody {
		out.Body = &limitedBody{ReadCloser: http.MaxBytesReader(w.ResponseWriter, r.Body, g.config.MaxBodyBytes), w: w}
	}

	form := formType(r.Header.Get("Content-Type"))
	if to.Kind.insert() && form != "" {
		// What is inserted is data even when a client such as curl calls it a form.
		// Read as one it could carry args, and be gone before the store reads it.
		out.Header.Set("Content-Type", "application/octet-stream")
	}
	if u.tenant == nil {
		return out, nil
	}
	for _, name := range filterHeaders {
		out.Header.Del(name)
	}
	target.RawQuery = u.tenant.query(to.Kind, target.RawQuery)
	target.ForceQuery = false
	if to.Kind.insert() || form == "" || r.Body == nil {
		return out, nil
	}
	if form != urlencoded {
		return nil, &refusal{http.StatusUnsupportedMediaType, "send query args as " + urlencoded}
	}
	return g.rewriteForm(out, u.tenant)
}

// rewriteForm takes the caller's filters out of a form.
func (g *Gateway) rewriteForm(r *http.Request, tenant *tenantArgs) (*http.Request, *refusal) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, g.config.MaxFormBytes+1))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, &refusal{http.StatusRequestEntityTooLarge, tooLargeMessage(tooLarge.Limit)}
	}
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, "cannot read the request body"}
	}
	if int64(len(raw)) > g.config.MaxFormBytes {
		return nil, &refusal{http.StatusRequestEntityTooLarge, tooLargeMessage(g.config.MaxFormBytes)}
	}
	body := []byte(tenant.form(string(raw)))
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.TransferEncoding = nil
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return r, nil
}

const (
	urlencoded = "application/x-www-form-urlencoded"
	multipart  = "multipart/form-data"
)

// formType returns the media type of a body that net/http would parse as a
// form, else "". Like net/http it disregards errors in the type's parameters.
func formType(contentType string) string {
	if contentType == "" {
		return ""
	}
	media, _, _ := mime.ParseMediaType(contentType)
	if media == urlencoded || media == multipart {
		return media
	}
	return ""
}
