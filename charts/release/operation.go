package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/kube"
	"helm.sh/helm/v3/pkg/storage"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

// fieldManager is the helm command's own, so that its later patches and ours
// are one owner's.
const fieldManager = "helm"

// operation is one run of one Helm action. It is the client Helm works
// through, so it hears of everything Helm does, and it obeys the caller's
// context, which Helm's own client does not.
type operation struct {
	client          *Client
	ctx             context.Context
	name, namespace string
	action          Action
	timeout         time.Duration

	store        *store
	caps         *chartutil.Capabilities
	warnings     *warnings
	rediscovered bool
	created      int
	updated      int
	deleted      int
	// failures keeps errors that Helm replaces by a text saying nothing.
	failures []error
}

var (
	_ kube.Interface                    = (*operation)(nil)
	_ kube.InterfaceExt                 = (*operation)(nil)
	_ kube.InterfaceThreeWayMerge       = (*operation)(nil)
	_ kube.InterfaceDeletionPropagation = (*operation)(nil)
)

func (c *Client) operation(ctx context.Context, namespace, name string, a Action) (*operation, error) {
	core, err := c.coreV1()
	if err != nil {
		return nil, err
	}
	o := &operation{client: c, name: name, namespace: namespace, action: a, timeout: DefaultTimeout}
	o.warnings = &warnings{seen: map[string]bool{}, tell: func(text string) { o.emit(Warning, "", "%s", text) }}
	o.ctx = context.WithValue(ctx, warningsKey{}, o.warnings)
	o.store = newStore(c, core.Secrets(namespace), o.ctx)
	return o, nil
}

// configuration is what a Helm action works with.
func (o *operation) configuration() (*action.Configuration, error) {
	caps, err := o.client.capabilities(o.ctx)
	if err != nil {
		return nil, err
	}
	o.caps = caps
	releases := storage.Init(o.store)
	releases.MaxHistory = o.client.maxHistory
	return &action.Configuration{
		RESTClientGetter: restGetter{o.client.config},
		Releases:         releases,
		KubeClient:       o,
		Capabilities:     caps,
		Log:              func(string, ...any) {},
	}, nil
}

// restGetter gives Helm's lookup function its configuration. Helm would also
// clear its caches through it after creating CRDs; ours need no clearing.
type restGetter struct{ config *rest.Config }

func (g restGetter) ToRESTConfig() (*rest.Config, error) { return g.config, nil }
func (g restGetter) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	return nil, nil
}
func (g restGetter) ToRESTMapper() (meta.RESTMapper, error) { return nil, nil }

// IsReachable has nothing to ask: capabilities were read from the cluster.
func (o *operation) IsReachable() error { return nil }

// Create posts the objects in their order.
func (o *operation) Create(list kube.ResourceList) (*kube.Result, error) {
	o.announce(Creating, "creating", list)
	done := &kube.Result{}
	for _, info := range list {
		if err := o.create(info); err != nil {
			return done, err
		}
		done.Created = append(done.Created, info)
	}
	return done, nil
}

func (o *operation) announce(phase Phase, doing string, list kube.ResourceList) {
	switch len(list) {
	case 0:
	case 1:
		o.emit(phase, objectName(list[0]), "%s %s", doing, objectName(list[0]))
	default:
		o.emit(phase, "", "%s %d objects", doing, len(list))
	}
}

func (o *operation) create(info *resource.Info) error {
	if err := o.ctx.Err(); err != nil {
		return fmt.Errorf("before creating %s: %w", objectName(info), err)
	}
	body, err := marshal(info)
	if err != nil {
		return err
	}
	_, err = raw(info.Client.Post().
		NamespaceIfScoped(info.Namespace, info.Namespaced()).
		Resource(info.Mapping.Resource.Resource).
		VersionedParams(&metav1.CreateOptions{FieldManager: fieldManager}, metav1.ParameterCodec).
		SetHeader("Content-Type", "application/json").
		Body(body).Do(o.ctx))
	if err != nil {
		return o.refused("creating", info, err)
	}
	o.created++
	if isCRD(info) {
		if u, ok := info.Object.(*unstructured.Unstructured); ok {
			o.caps.APIVersions = append(o.caps.APIVersions, o.client.learn(u)...)
		}
	}
	return nil
}

// raw returns an answer's body. The error must be taken from Error: only there
// the server's Status is read from the body.
func raw(r rest.Result) ([]byte, error) {
	body, err := r.Raw()
	if err != nil {
		return nil, r.Error()
	}
	return body, nil
}

// refused words an API server's refusal; apierrors still recognizes it.
func (o *operation) refused(doing string, info *resource.Info, err error) error {
	where := ""
	if info.Source != "" {
		where = " (" + info.Source + ")"
	}
	hint := ""
	var status apierrors.APIStatus
	if errors.As(err, &status) && apierrors.IsNotFound(err) {
		if d := status.Status().Details; d != nil && d.Kind == "namespaces" {
			hint = fmt.Sprintf(": create namespace %s first, or let the release do it (CreateNamespace)", info.Namespace)
		}
	}
	return fmt.Errorf("%s %s%s: %w%s", doing, objectName(info), where, err, hint)
}

func marshal(info *resource.Info) ([]byte, error) {
	u, ok := info.Object.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("%s was not read by Build: %T", objectName(info), info.Object)
	}
	body, err := u.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", objectName(info), err)
	}
	return body, nil
}

func isCRD(info *resource.Info) bool {
	gvk := info.Mapping.GroupVersionKind
	return gvk.Kind == "CustomResourceDefinition" && gvk.Group == "apiextensions.k8s.io"
}

// get reads the live object.
func (o *operation) get(ctx context.Context, info *resource.Info) (*unstructured.Unstructured, error) {
	body, err := raw(info.Client.Get().
		NamespaceIfScoped(info.Namespace, info.Namespaced()).
		Resource(info.Mapping.Resource.Resource).Name(info.Name).
		Do(ctx))
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(body); err != nil {
		return nil, fmt.Errorf("%s: the API server's answer: %w", objectName(info), err)
	}
	return u, nil
}

// Delete removes the objects in the background.
func (o *operation) Delete(list kube.ResourceList) (*kube.Result, []error) {
	return o.DeleteWithPropagationPolicy(list, metav1.DeletePropagationBackground)
}

// DeleteWithPropagationPolicy removes the objects; what is not there is fine.
// It goes on after an error. A cancelled context does not stop it: it is how
// failures are taken back.
func (o *operation) DeleteWithPropagationPolicy(list kube.ResourceList, policy metav1.DeletionPropagation) (*kube.Result, []error) {
	o.announce(Deleting, "deleting", list)
	done := &kube.Result{}
	var errs []error
	for _, info := range list {
		err := o.remove(info, policy)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		done.Deleted = append(done.Deleted, info)
	}
	o.failures = append(o.failures, errs...)
	if len(errs) > 0 {
		return nil, errs
	}
	return done, nil
}

func (o *operation) remove(info *resource.Info, policy metav1.DeletionPropagation) error {
	body, err := json.Marshal(&metav1.DeleteOptions{
		TypeMeta:          metav1.TypeMeta{APIVersion: "v1", Kind: "DeleteOptions"},
		PropagationPolicy: &policy,
	})
	if err != nil {
		return err
	}
	_, err = raw(info.Client.Delete().
		NamespaceIfScoped(info.Namespace, info.Namespaced()).
		Resource(info.Mapping.Resource.Resource).Name(info.Name).
		SetHeader("Content-Type", "application/json").
		Body(body).Do(context.WithoutCancel(o.ctx)))
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return o.refused("deleting", info, err)
	}
	o.deleted++
	return nil
}

// WaitAndGetCompletedPodPhase belongs to Helm's interface; no action of ours
// leads to it.
func (o *operation) WaitAndGetCompletedPodPhase(name string, timeout time.Duration) (corev1.PodPhase, error) {
	info, err := o.info(document{object: &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name, "namespace": o.namespace},
	}}})
	if err != nil {
		return corev1.PodUnknown, err
	}
	if err := o.await(kube.ResourceList{info}, timeout, completed); err != nil {
		return corev1.PodFailed, err
	}
	return corev1.PodSucceeded, nil
}
