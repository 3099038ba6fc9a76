package kube

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/version"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// definition is what a CustomResourceDefinition says, ready for use. Servers
// whose CRDs are equal share one: parsing a schema costs more than all objects
// of a small cluster.
type definition struct {
	spec     apiextensionsv1.CustomResourceDefinitionSpec
	versions map[string]*customVersion
	served   []string // the preferred one first
	resource *resource
}

// customVersion is one version of a custom resource.
type customVersion struct {
	name       string
	structural *structuralschema.Structural
	validator  validation.SchemaValidator
	openapi    *spec.Schema
	status     bool
	scale      *apiextensionsv1.CustomResourceSubresourceScale
	columns    []apiextensionsv1.CustomResourceColumnDefinition
	selectable []apiextensionsv1.SelectableField
	deprecated string // warning, or ""

	celOnce sync.Once
	cel     *cel.Validator
	table   columnsOnce
	types   typesOnce
}

var definitions struct {
	sync.Mutex
	byHash map[[sha256.Size]byte]*definition
}

// maxDefinitions bounds what is remembered of CRDs that may be gone. Servers hold
// those that they serve themselves.
const maxDefinitions = 4096

// define returns the definition of a spec that has been validated.
func define(s *apiextensionsv1.CustomResourceDefinitionSpec) (*definition, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(b)
	definitions.Lock()
	defer definitions.Unlock()
	if d := definitions.byHash[hash]; d != nil {
		return d, nil
	}
	d, err := parseDefinition(s.DeepCopy())
	if err != nil {
		return nil, err
	}
	if definitions.byHash == nil || len(definitions.byHash) >= maxDefinitions {
		definitions.byHash = map[[sha256.Size]byte]*definition{}
	}
	definitions.byHash[hash] = d
	return d, nil
}

func parseDefinition(s *apiextensionsv1.CustomResourceDefinitionSpec) (*definition, error) {
	d := &definition{spec: *s, versions: map[string]*customVersion{}}
	storage := ""
	for i := range s.Versions {
		v := &s.Versions[i]
		if v.Storage {
			storage = v.Name
		}
		c, err := parseVersion(v)
		if err != nil {
			return nil, fmt.Errorf("schema of version %s: %w", v.Name, err)
		}
		if v.Deprecated {
			c.deprecated = fmt.Sprintf("%s/%s %s is deprecated", s.Group, v.Name, s.Names.Kind)
			if v.DeprecationWarning != nil {
				c.deprecated = *v.DeprecationWarning
			}
		}
		d.versions[v.Name] = c
		if v.Served {
			d.served = append(d.served, v.Name)
		}
	}
	slices.SortFunc(d.served, func(a, b string) int { return version.CompareKubeAwareVersionStrings(b, a) })
	d.resource = &resource{
		gvr:      schema.GroupVersionResource{Group: s.Group, Version: storage, Resource: s.Names.Plural},
		gvk:      schema.GroupVersionKind{Group: s.Group, Version: storage, Kind: s.Names.Kind},
		singular: s.Names.Singular, short: s.Names.ShortNames, categories: s.Names.Categories,
		namespaced: s.Scope == apiextensionsv1.NamespaceScoped, custom: d,
	}
	return d, nil
}

func parseVersion(v *apiextensionsv1.CustomResourceDefinitionVersion) (*customVersion, error) {
	c := &customVersion{name: v.Name, columns: v.AdditionalPrinterColumns, selectable: v.SelectableFields}
	if v.Subresources != nil {
		c.status, c.scale = v.Subresources.Status != nil, v.Subresources.Scale
	}
	if v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
		return c, nil
	}
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, &internal, nil); err != nil {
		return nil, err
	}
	var err error
	if c.structural, err = structuralschema.NewStructural(&internal); err != nil {
		return nil, err
	}
	c.validator, c.openapi, err = validation.NewSchemaValidator(&internal)
	return c, err
}

// version returns a version by name, or the storage version.
func (d *definition) version(name string) *customVersion {
	if v := d.versions[name]; v != nil {
		return v
	}
	return d.versions[d.resource.gvr.Version]
}

// setDefaults drops what the schema does not know and fills in what it defaults.
func (d *definition) setDefaults(u *unstructured.Unstructured, version string) {
	v := d.version(version)
	if v.structural == nil {
		return
	}
	pruning.Prune(u.Object, v.structural, true)
	defaulting.Default(u.Object, v.structural)
	defaulting.PruneNonNullableNullsWithoutDefaults(u.Object, v.structural)
}

// unknown returns the paths of fields that the schema does not know.
func (d *definition) unknown(u *unstructured.Unstructured, version string) []string {
	v := d.version(version)
	if v.structural == nil {
		return nil
	}
	return pruning.PruneWithOptions(u.DeepCopy().Object, v.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
}

// check validates against the schema, including its CEL rules.
func (d *definition) check(u, old *unstructured.Unstructured, version, subresource string) field.ErrorList {
	v := d.version(version)
	if v.structural == nil {
		return nil
	}
	var errs field.ErrorList
	if old == nil {
		errs = validation.ValidateCustomResource(nil, u.Object, v.validator)
	} else {
		errs = validation.ValidateCustomResourceUpdate(nil, u.Object, old.Object, v.validator)
	}
	errs = append(errs, objectmeta.Validate(context.Background(), nil, u.Object, v.structural, true)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, v.structural, u.Object)...)
	if len(errs) > 0 {
		return errs // rules may assume that types are right
	}
	v.celOnce.Do(func() {
		if v.structural.XValidations != nil || hasRules(v.structural) {
			v.cel = cel.NewValidator(v.structural, true, celconfig.PerCallLimit)
		}
	})
	if v.cel != nil {
		var before any
		if old != nil {
			before = old.Object
		}
		celErrs, _ := v.cel.Validate(context.Background(), nil, v.structural, u.Object, before, celconfig.RuntimeCELCostBudget)
		errs = append(errs, celErrs...)
	}
	return errs
}

// hasRules tells whether a schema has CEL rules anywhere. Compiling an
// environment for schemas without any would cost milliseconds.
func hasRules(s *structuralschema.Structural) bool {
	if s == nil {
		return false
	}
	if len(s.XValidations) > 0 || hasRules(s.Items) {
		return true
	}
	for _, p := range s.Properties {
		if hasRules(&p) {
			return true
		}
	}
	return s.AdditionalProperties != nil && hasRules(s.AdditionalProperties.Structural)
}

// plainMetadata refuses metadata whose fields have wrong types, such as numbers
// as label values. It leaves out what metadata does not have, and returns its paths.
func plainMetadata(u *unstructured.Unstructured) (unknown []string, err error) {
	m, found, unknown, err := objectmeta.GetObjectMetaWithOptions(u.Object, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil || !found {
		return nil, err
	}
	return unknown, objectmeta.SetObjectMeta(u.Object, m)
}
