package check

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// evaluate has a row for each object, with value 1, the labels name and namespace
// and the whole object as fields.
func (o *Objects) evaluate(ctx context.Context, env Env, r *Result) error {
	config, err := env.RESTConfig(o.Cluster)
	if err != nil {
		return err
	}
	objects, err := o.list(ctx, config)
	if err != nil {
		return cause(err)
	}
	items := make([]any, 0, len(objects))
	for _, object := range objects {
		object.SetManagedFields(nil)
		labels := map[string]string{"name": object.GetName()}
		if ns := object.GetNamespace(); ns != "" {
			labels["namespace"] = ns
		}
		r.Rows = append(r.Rows, Row{Labels: labels, Value: 1, Fields: object.Object})
	}
	order(r.Rows)
	names := make([]string, 0, len(r.Rows))
	for _, row := range r.Rows {
		items = append(items, row.Fields)
		names = append(names, strings.TrimPrefix(row.Labels["namespace"]+"/"+row.Labels["name"], "/"))
	}
	r.Body = map[string]any{"items": items}
	r.Text = "no " + o.Resource
	if len(names) > 0 {
		head := count(len(names), "object", "objects") + ": "
		r.Text = head + list(names, textLimit-len(head), strings.Clone)
	}
	return nil
}

// list returns the objects that are selected; none is no error.
func (o *Objects) list(ctx context.Context, config *rest.Config) ([]unstructured.Unstructured, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1    // its bound would be of real time
	config.Timeout = 0 // so would this
	of, err := o.resource(config)
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	options := metav1.ListOptions{LabelSelector: o.Selector}
	if o.Name != "" {
		options.FieldSelector = fields.OneTermEqualSelector("metadata.name", o.Name).String()
	}
	found, err := client.Resource(of).Namespace(o.Namespace).List(ctx, options)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil // such as a resource whose definition has just gone
	case err != nil:
		return nil, err
	}
	return found.Items, nil
}

// resource finds the version that the cluster prefers.
func (o *Objects) resource(config *rest.Config) (schema.GroupVersionResource, error) {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return schema.GroupVersionResource{}, err
	}
	groups, err := restmapper.GetAPIGroupResources(client)
	if err != nil {
		return schema.GroupVersionResource{}, err
	}
	wanted := schema.ParseGroupResource(o.Resource)
	of, err := restmapper.NewDiscoveryRESTMapper(groups).ResourceFor(wanted.WithVersion(""))
	if meta.IsNoMatchError(err) {
		var names []string
		for _, g := range groups {
			for _, version := range g.VersionedResources {
				for _, known := range version {
					if !strings.Contains(known.Name, "/") {
						names = append(names, known.Name)
					}
				}
			}
		}
		return of, fmt.Errorf("%s has no resource %q%s", o.Cluster, o.Resource, didYouMean(wanted.Resource, names))
	}
	return of, err
}
