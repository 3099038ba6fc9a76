package kube

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"sort"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"koflab/embed/kube/store"
)

// serveGet answers with one object.
func (s *Server) serveGet(q *request) error {
	o, err := s.get(q)
	if err != nil {
		return err
	}
	return s.answer(q, http.StatusOK, o)
}

// get finds the object that a request names.
func (s *Server) get(q *request) (*store.Object, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if o := s.st.Get(q.res.stored(), q.ns, q.name); o != nil {
		return o, nil
	}
	return nil, apierrors.NewNotFound(q.res.gr(), q.name)
}

// answer writes one object in the form that the client asked for.
func (s *Server) answer(q *request, code int, o *store.Object) error {
	f, err := q.form()
	if err != nil {
		return err
	}
	b, err := s.shape(q, f, o, true)
	if err != nil {
		return err
	}
	writeRaw(q.w, code, b)
	return nil
}

// shape encodes one object in a form.
func (s *Server) shape(q *request, f form, o *store.Object, header bool) ([]byte, error) {
	switch f {
	case formTable:
		return s.tableRow(q.res, q.version, o, q.query.Get("includeObject"), header)
	case formMetadata:
		return partialMetadata(q, o)
	}
	return q.render(o), nil
}

func partialMetadata(q *request, o *store.Object) ([]byte, error) {
	var p metav1.PartialObjectMetadata
	if err := json.Unmarshal(q.render(o), &p); err != nil {
		return nil, err
	}
	p.APIVersion, p.Kind = "meta.k8s.io/v1", "PartialObjectMetadata"
	return json.Marshal(&p)
}

// page is a continue token: where a list goes on, and at which resourceVersion it began.
type page struct {
	RV        uint64 `json:"rv"`
	Namespace string `json:"ns,omitempty"`
	Name      string `json:"name"`
}

func (p page) String() string {
	b, _ := json.Marshal(p) // plain strings and a number
	return base64.RawURLEncoding.EncodeToString(b)
}

func parsePage(token string) (p page, err error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return p, apierrors.NewBadRequest("continue key is not valid: " + err.Error())
	}
	return p, nil
}

// serveList answers with the objects of a resource.
func (s *Server) serveList(q *request) error {
	f, err := q.form()
	if err != nil {
		return err
	}
	sel, err := q.selection()
	if err != nil {
		return err
	}
	all, rv, err := s.listed(q)
	if err != nil {
		return err
	}
	limit, err := number(q, "limit")
	if err != nil {
		return err
	}
	from := 0
	if token := q.query.Get("continue"); token != "" {
		p, err := parsePage(token)
		if err != nil {
			return err
		}
		// A later page shows the present, like the real server's inconsistent
		// continuation: keeping old snapshots for slow readers would cost too much.
		rv = p.RV
		from = sort.Search(len(all), func(i int) bool {
			return all[i].Namespace > p.Namespace || all[i].Namespace == p.Namespace && all[i].Name > p.Name
		})
	}
	matching := all[from:]
	if !sel.everything() {
		var some []*store.Object
		for _, o := range matching {
			if sel.matches(o) {
				some = append(some, o)
			}
		}
		matching = some
	}
	meta := metav1.ListMeta{ResourceVersion: strconv.FormatUint(rv, 10)}
	if limit > 0 && int64(len(matching)) > limit {
		last := matching[limit-1]
		meta.Continue = page{rv, last.Namespace, last.Name}.String()
		if sel.labels == nil && sel.fields == nil {
			left := int64(len(matching)) - limit
			meta.RemainingItemCount = &left
		}
		matching = matching[:limit]
	}
	return s.writeList(q, f, matching, meta)
}

// listed returns all objects in a request's scope, at a version that is new enough.
func (s *Server) listed(q *request) ([]*store.Object, uint64, error) {
	r, all, rv := s.objects(q.res.gr(), q.ns)
	if r == nil {
		return nil, 0, unknownResource()
	}
	match := q.query.Get("resourceVersionMatch")
	want, err := versionParam(q)
	if err != nil {
		return nil, 0, err
	}
	switch match {
	case "":
	case string(metav1.ResourceVersionMatchExact), string(metav1.ResourceVersionMatchNotOlderThan):
		if q.query.Get("resourceVersion") == "" {
			return nil, 0, apierrors.NewBadRequest("resourceVersionMatch is forbidden unless resourceVersion is provided")
		}
	default:
		return nil, 0, apierrors.NewBadRequest("resourceVersionMatch: Unsupported value: " + strconv.Quote(match) + `: supported values: "Exact", "NotOlderThan"`)
	}
	if want > rv {
		return nil, 0, apierrors.NewTimeoutError("Too large resource version: "+strconv.FormatUint(want, 10)+", current: "+strconv.FormatUint(rv, 10), 1)
	}
	if match == string(metav1.ResourceVersionMatchExact) && want != rv && q.query.Get("continue") == "" {
		s.mu.RLock()
		past, ok := s.st.Since(q.res.stored(), want)
		s.mu.RUnlock()
		if !ok || len(past) > 0 {
			return nil, 0, expired(want, rv)
		}
		rv = want // nothing of this resource has changed since
	}
	return all, rv, nil
}

func versionParam(q *request) (uint64, error) {
	v := q.query.Get("resourceVersion")
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		return 0, apierrors.NewBadRequest("resourceVersion: Invalid value: " + strconv.Quote(v) + ": " + err.Error())
	}
	return n, nil
}

func number(q *request, name string) (int64, error) {
	v := q.query.Get(name)
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 {
		return 0, apierrors.NewBadRequest(name + ": Invalid value: " + strconv.Quote(v) + ": must be a non-negative integer")
	}
	return n, nil
}

func (s *Server) writeList(q *request, f form, objects []*store.Object, meta metav1.ListMeta) error {
	if f == formTable {
		b, err := s.tableAs(q.res, q.version, objects, q.query.Get("includeObject"), meta)
		if err != nil {
			return err
		}
		writeRaw(q.w, http.StatusOK, b)
		return nil
	}
	kind, apiVersion := q.res.listKind(), groupVersion(q.res.gvr.Group, q.version).String()
	if f == formMetadata {
		kind, apiVersion = "PartialObjectMetadataList", "meta.k8s.io/v1"
	}
	head, err := json.Marshal(map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": meta})
	if err != nil {
		return err
	}
	size := len(head) + 16
	for _, o := range objects {
		size += len(o.JSON) + 1
	}
	b := bytes.NewBuffer(make([]byte, 0, size))
	b.Write(head[:len(head)-1])
	b.WriteString(`,"items":[`)
	for i, o := range objects {
		if i > 0 {
			b.WriteByte(',')
		}
		item, err := s.shape(q, f, o, false)
		if err != nil {
			return err
		}
		b.Write(item)
	}
	b.WriteString("]}\n")
	writeRaw(q.w, http.StatusOK, b.Bytes())
	return nil
}
