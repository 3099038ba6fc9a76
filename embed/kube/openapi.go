package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// The OpenAPI documents say as much as clients act on: which kinds can be
// patched with field validation and dry runs, and the schemas of custom
// resources. Builtin kinds are objects of any shape: clients that want their
// types have them compiled in.

func itoa(n uint) string { return strconv.FormatUint(uint64(n), 10) }

// openAPIIndex lists the documents. Their hashes let clients keep them.
func (c *catalog) openAPIIndex() map[string]any {
	paths := map[string]map[string]string{}
	for _, g := range c.groups {
		for _, v := range g.versions {
			path := documentPath(g.name, v.name)
			doc, err := json.Marshal(document(g.name, v))
			if err != nil {
				continue
			}
			sum := sha256.Sum256(doc)
			paths[path] = map[string]string{"serverRelativeURL": "/openapi/v3/" + path + "?hash=" + strings.ToUpper(hex.EncodeToString(sum[:]))}
		}
	}
	return map[string]any{"paths": paths}
}

func documentPath(group, version string) string {
	if group == "" {
		return "api/" + version
	}
	return "apis/" + group + "/" + version
}

func (s *Server) openAPIDocument(w http.ResponseWriter, r *http.Request, path string) {
	for _, g := range s.catalogNow().groups {
		for _, v := range g.versions {
			if documentPath(g.name, v.name) != path {
				continue
			}
			if r.URL.Query().Get("hash") != "" {
				w.Header().Set("Cache-Control", "public, immutable")
			}
			writeJSON(w, http.StatusOK, document(g.name, v))
			return
		}
	}
	writePlainNotFound(w)
}

// document is the OpenAPI v3 document of one version of a group.
func document(group string, v catalogVersion) map[string]any {
	paths, schemas := map[string]any{}, map[string]any{}
	for _, r := range v.resources {
		gvk := r.gvk.GroupKind().WithVersion(v.name)
		name := schemaName(gvk)
		schemas[name] = r.openAPI(gvk)
		base := "/" + documentPath(group, v.name) + "/"
		if r.namespaced {
			base += "namespaces/{namespace}/"
		}
		base += r.gvr.Resource
		ref := map[string]any{"$ref": "#/components/schemas/" + name}
		if r.verbs != nil {
			paths[base] = map[string]any{"post": operation(gvk, "post", ref, "application/json")}
			continue
		}
		paths[base] = map[string]any{
			"get":  operation(gvk, "list", nil),
			"post": operation(gvk, "post", ref, "application/json", "application/yaml"),
		}
		paths[base+"/{name}"] = map[string]any{
			"get":    operation(gvk, "get", nil),
			"put":    operation(gvk, "put", ref, "application/json", "application/yaml"),
			"delete": operation(gvk, "delete", nil),
			// Without strategic merge: clients then use the types they were built with.
			"patch": operation(gvk, "patch", map[string]any{"type": "object"},
				"application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"),
		}
	}
	return map[string]any{
		"openapi": "3.0.0", "info": map[string]any{"title": "Kubernetes", "version": "unversioned"},
		"paths": paths, "components": map[string]any{"schemas": schemas},
	}
}

func operation(gvk schema.GroupVersionKind, action string, body any, types ...string) map[string]any {
	param := func(name, text string) any {
		return map[string]any{"name": name, "in": "query", "description": text, "schema": map[string]any{"type": "string", "uniqueItems": true}}
	}
	op := map[string]any{
		"x-kubernetes-action": action,
		"x-kubernetes-group-version-kind": map[string]any{
			"group": gvk.Group, "version": gvk.Version, "kind": gvk.Kind,
		},
		"responses": map[string]any{"200": map[string]any{"description": "OK"}},
	}
	if body != nil {
		content := map[string]any{}
		for _, t := range types {
			content[t] = map[string]any{"schema": body}
		}
		op["requestBody"] = map[string]any{"content": content}
		op["parameters"] = []any{
			param("dryRun", "All: nothing is stored"), param("fieldManager", "who changes the object"),
			param("fieldValidation", "Ignore, Warn or Strict: what unknown fields lead to"),
		}
	}
	return op
}

// schemaName is a kind's name in the documents.
func schemaName(gvk schema.GroupVersionKind) string {
	group := gvk.Group
	if group == "" {
		group = "core"
	}
	parts := strings.Split(group, ".")
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return strings.Join(parts, ".") + "." + gvk.Version + "." + gvk.Kind
}

func (r *resource) openAPI(gvk schema.GroupVersionKind) *spec.Schema {
	if r.custom != nil {
		return customSchema(r.custom.version(gvk.Version), gvk)
	}
	s := customSchema(&customVersion{}, gvk)
	s.Description = gvk.Kind + ": its fields are those of Kubernetes' API reference."
	s.AddExtension("x-kubernetes-preserve-unknown-fields", true)
	return s
}

// openAPIv2 answers old clients with a document that is valid and says nothing.
func (s *Server) openAPIv2(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Accept"), "proto-openapi") {
		doc := &openapi_v2.Document{Swagger: "2.0", Info: &openapi_v2.Info{Title: "Kubernetes", Version: s.o.GitVersion}, Paths: &openapi_v2.Paths{},
			Definitions: &openapi_v2.Definitions{}}
		b, err := proto.Marshal(doc)
		if err != nil {
			writeError(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
		writeRaw(w, http.StatusOK, b)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"swagger": "2.0", "info": map[string]any{"title": "Kubernetes", "version": s.o.GitVersion},
		"paths": map[string]any{}, "definitions": map[string]any{},
	})
}
