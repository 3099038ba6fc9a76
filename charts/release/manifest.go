package release

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"helm.sh/helm/v3/pkg/kube"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/cli-runtime/pkg/resource"
	"sigs.k8s.io/yaml"
)

// document is one object of a manifest and the template it came from.
type document struct {
	source string
	object *unstructured.Unstructured
}

// parseManifest reads a stream of YAML documents. Lists are taken apart, empty
// documents skipped. Every fault is reported, not only the first.
func parseManifest(r io.Reader) ([]document, error) {
	var docs []document
	var errs []error
	reader := utilyaml.NewYAMLReader(bufio.NewReader(r))
	for {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return docs, errors.Join(errs...)
		}
		if err != nil {
			return docs, errors.Join(append(errs, err)...)
		}
		source := sourceOf(text)
		found, err := parseDocument(text, source)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", orUnknown(source), err))
			continue
		}
		docs = append(docs, found...)
	}
}

func parseDocument(text []byte, source string) ([]document, error) {
	body, err := converted.json(text)
	if err != nil {
		return nil, err
	}
	if body = bytes.TrimSpace(body); len(body) == 0 || bytes.Equal(body, []byte("null")) || bytes.Equal(body, []byte("{}")) {
		return nil, nil
	}
	if body[0] != '{' {
		return nil, errors.New("the document is not an object: a manifest needs apiVersion, kind and metadata")
	}
	var u unstructured.Unstructured
	if err := u.UnmarshalJSON(body); err != nil {
		// The text of a missing kind quotes the whole document.
		if strings.Contains(err.Error(), "'Kind' is missing") {
			return nil, errors.New("the document has no kind")
		}
		return nil, err
	}
	if !u.IsList() {
		if u.GetAPIVersion() == "" {
			return nil, fmt.Errorf("%s %q has no apiVersion", u.GetKind(), u.GetName())
		}
		return []document{{source, &u}}, nil
	}
	var docs []document
	err = u.EachListItem(func(item runtime.Object) error {
		docs = append(docs, document{source, item.(*unstructured.Unstructured)})
		return nil
	})
	return docs, err
}

// conversions remembers the JSON of YAML documents. Reading YAML is what costs
// most in filling a cluster, and the clusters of a lab get mostly the same
// documents. It starts anew when it has grown large.
type conversions struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte][]byte
	size  int
}

const maxConversions = 2 << 20

var converted = conversions{known: map[[sha256.Size]byte][]byte{}}

// json returns a document as JSON, which must not be changed.
func (c *conversions) json(text []byte) ([]byte, error) {
	sum := sha256.Sum256(text)
	c.mu.Lock()
	body, ok := c.known[sum]
	c.mu.Unlock()
	if ok {
		return body, nil
	}
	body, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.size += len(body); c.size > maxConversions {
		clear(c.known)
		c.size = len(body)
	}
	c.known[sum] = body
	return body, nil
}

// sourceOf finds the comment in which Helm names the template of a document.
func sourceOf(text []byte) string {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if s, ok := bytes.CutPrefix(line, []byte("# Source: ")); ok {
			return string(s)
		}
		if len(line) > 0 && line[0] != '#' && !bytes.HasPrefix(line, []byte("---")) {
			break
		}
	}
	return ""
}

func orUnknown(source string) string {
	if source == "" {
		return "manifest"
	}
	return source
}

// Build is Helm's way to turn a manifest into objects it can work on. Helm
// asks for validation where it is about to create the objects; where it does
// not, they are only looked up or deleted, and then a kind the cluster does
// not serve (any more) has no objects and is passed over.
func (o *operation) Build(r io.Reader, validate bool) (kube.ResourceList, error) {
	docs, err := parseManifest(r)
	if err != nil {
		return nil, err
	}
	var list kube.ResourceList
	var errs []error
	strangers := map[schema.GroupVersionKind]int{}
	for _, d := range docs {
		info, err := o.info(d)
		switch {
		case meta.IsNoMatchError(err) && !validate && o.action != Rollback:
			continue
		case meta.IsNoMatchError(err):
			gvk := d.object.GroupVersionKind()
			if strangers[gvk]++; strangers[gvk] == 1 {
				errs = append(errs, &strangeKind{source: orUnknown(d.source), err: err, count: func() int { return strangers[gvk] }})
			}
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", orUnknown(d.source), err))
		default:
			list = append(list, info)
		}
	}
	return list, errors.Join(errs...)
}

// strangeKind is a kind the cluster does not serve; one stands for all its
// objects.
type strangeKind struct {
	source string
	err    error
	count  func() int
}

func (e *strangeKind) Error() string {
	where := e.source
	if n := e.count(); n > 1 {
		where = fmt.Sprintf("%s and %d more objects", e.source, n-1)
	}
	return fmt.Sprintf("%s: %s: the cluster does not serve this kind: install the chart that brings its CRD first, or correct apiVersion and kind", where, e.err)
}

func (e *strangeKind) Unwrap() error { return e.err }

func (o *operation) info(d document) (*resource.Info, error) {
	u := d.object
	gvk := u.GroupVersionKind()
	m, err := o.client.mapping(o.ctx, gvk, false)
	if meta.IsNoMatchError(err) && !o.rediscovered {
		// Somebody else may have brought the kind since. Asking once per
		// operation is enough.
		o.rediscovered = true
		m, err = o.client.mapping(o.ctx, gvk, true)
	}
	if err != nil {
		return nil, err
	}
	if u.GetName() == "" {
		return nil, fmt.Errorf("%s has no metadata.name", gvk.Kind)
	}
	namespace := ""
	if m.Scope.Name() == meta.RESTScopeNameNamespace {
		if namespace = u.GetNamespace(); namespace == "" {
			namespace = o.namespace
			u.SetNamespace(namespace)
		}
	} else if u.GetNamespace() != "" {
		u.SetNamespace("")
	}
	client, err := o.client.restFor(gvk.GroupVersion())
	if err != nil {
		return nil, err
	}
	return &resource.Info{Client: client, Mapping: m, Namespace: namespace, Name: u.GetName(), Source: d.source, Object: u}, nil
}

// objectName is how an object is named in messages.
func objectName(info *resource.Info) string {
	kind := info.Mapping.GroupVersionKind.Kind
	if info.Namespace == "" {
		return kind + " " + info.Name
	}
	return kind + " " + info.Namespace + "/" + info.Name
}
