package autoconfig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	helmchart "helm.sh/helm/v3/pkg/chart"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"koflab/charts"
	"koflab/charts/release"
)

// chart is Helm's.
type chart = helmchart.Chart

// profileSpec is what a ClusterProfile installs, and where.
type profileSpec struct {
	ClusterSelector metav1.LabelSelector `json:"clusterSelector"`
	ClusterRefs     []struct {
		Kind      string `json:"kind"`
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"clusterRefs"`
	DependsOn            []string      `json:"dependsOn"`
	SyncMode             string        `json:"syncMode"`
	StopMatching         string        `json:"stopMatchingBehavior"`
	TemplateResourceRefs []resourceRef `json:"templateResourceRefs"`
	HelmCharts           []helmChart   `json:"helmCharts"`
	PolicyRefs           []policyRef   `json:"policyRefs"`
}

type resourceRef struct {
	Identifier string `json:"identifier"`
	Optional   bool   `json:"optional"`
	Resource   struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Namespace  string `json:"namespace"`
		Name       string `json:"name"`
	} `json:"resource"`
}

type helmChart struct {
	ChartName        string       `json:"chartName"`
	ChartVersion     string       `json:"chartVersion"`
	ReleaseName      string       `json:"releaseName"`
	ReleaseNamespace string       `json:"releaseNamespace"`
	Action           string       `json:"helmChartAction"`
	Values           string       `json:"values"`
	ValuesFrom       []valuesFrom `json:"valuesFrom"`
	// DependsOn names releases as namespace/name. Without the field a chart waits
	// for the one before it in the list.
	DependsOn *[]string `json:"dependsOn"`
}

func (h helmChart) key() string { return h.ReleaseNamespace + "/" + h.ReleaseName }

type valuesFrom struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Optional  bool   `json:"optional"`
}

type policyRef struct {
	Kind           string `json:"kind"`
	Name           string `json:"name"`
	Namespace      string `json:"namespace"`
	DeploymentType string `json:"deploymentType"`
	Optional       bool   `json:"optional"`
}

const (
	leavePolicies = "LeavePolicies"
	syncOneTime   = "OneTime"
	syncDryRun    = "DryRun"
)

func readProfile(spec map[string]any) (*profileSpec, error) {
	p := &profileSpec{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(spec, p); err != nil {
		return nil, err
	}
	return p, nil
}

// matches reports whether the profile selects a cluster. One without a selector
// selects by reference only.
func (p *profileSpec) matches(cluster *unstructured.Unstructured) (bool, error) {
	for _, r := range p.ClusterRefs {
		if r.Name == cluster.GetName() && r.Namespace == cluster.GetNamespace() && (r.Kind == "" || r.Kind == sveltosClusters.Kind) {
			return true, nil
		}
	}
	if len(p.ClusterSelector.MatchLabels)+len(p.ClusterSelector.MatchExpressions) == 0 {
		return false, nil
	}
	s, err := metav1.LabelSelectorAsSelector(&p.ClusterSelector)
	if err != nil {
		return false, fmt.Errorf("spec.clusterSelector: %w", err)
	}
	return s.Matches(labels.Set(cluster.GetLabels())), nil
}

// awaited is an error that goes away when somebody makes an object.
type awaited struct{ what string }

func (e *awaited) Error() string { return "waiting for " + e.what }

// rendering makes of a profile what it means for one cluster.
type rendering struct {
	c       *Controllers
	cluster *unstructured.Unstructured
	reads   map[reference]bool
}

// rendered is what one cluster is to have by a profile.
type rendered struct {
	charts []renderedChart
	local  []*unstructured.Unstructured // on management
	remote []*unstructured.Unstructured
}

type renderedChart struct {
	helmChart
	release release.Release
	remove  bool
	err     error
}

func (r *rendering) render(ctx context.Context, p *profileSpec) (*rendered, error) {
	t := templating{cluster: r.cluster.Object, resources: map[string]map[string]any{}}
	for _, ref := range p.TemplateResourceRefs {
		u, err := r.resolve(ctx, t, ref)
		var missing *awaited
		switch {
		case errors.As(err, &missing) && ref.Optional:
			t.resources[ref.Identifier] = nil
			continue
		case err != nil:
			return nil, err
		}
		t.resources[ref.Identifier] = u.Object
	}
	out := &rendered{}
	for _, ref := range p.PolicyRefs {
		objects, err := r.policy(ctx, t, ref)
		if err != nil {
			return nil, err
		}
		if ref.DeploymentType == "Local" {
			out.local = append(out.local, objects...)
		} else {
			out.remote = append(out.remote, objects...)
		}
	}
	for i, h := range p.HelmCharts {
		chart := renderedChart{helmChart: h, remove: h.Action == "Uninstall"}
		chart.release, chart.err = r.chart(ctx, t, h)
		switch {
		case h.DependsOn != nil:
			chart.release.DependsOn = *h.DependsOn
		case i > 0:
			chart.release.DependsOn = []string{p.HelmCharts[i-1].key()}
		}
		out.charts = append(out.charts, chart)
	}
	return out, nil
}

func (r *rendering) resolve(ctx context.Context, t templating, ref resourceRef) (*unstructured.Unstructured, error) {
	where := "templateResourceRefs." + ref.Identifier
	name, err := t.expand(where+".name", ref.Resource.Name)
	if err != nil {
		return nil, err
	}
	namespace, err := t.expand(where+".namespace", ref.Resource.Namespace)
	if err != nil {
		return nil, err
	}
	return r.read(ctx, ref.Resource.APIVersion, ref.Resource.Kind, namespace, name)
}

// read reads an object of management and remembers that it was read, there or
// not, so that its change is noticed.
func (r *rendering) read(ctx context.Context, apiVersion, kind, namespace, name string) (*unstructured.Unstructured, error) {
	known, ok := watchedKind(or(apiVersion, "v1"), kind)
	if !ok {
		return nil, fmt.Errorf("templates cannot read %s of %s: only kinds that are watched: ConfigMap, Secret and those of k0rdent, Sveltos and KOF", kind, or(apiVersion, "v1"))
	}
	if known.namespaced() {
		namespace = or(namespace, r.cluster.GetNamespace())
	} else {
		namespace = ""
	}
	ref := reference{known.apiVersion(), kind, types.NamespacedName{Namespace: namespace, Name: name}}
	r.reads[ref] = true
	// Before looking: what comes after the look then finds its reader.
	r.c.addRead(keyOf(r.cluster), ref)
	if u := r.c.cache.get(known, namespace, name); u != nil {
		return u, nil
	}
	return nil, &awaited{known.name(namespace, name)}
}

func (r *rendering) chart(ctx context.Context, t templating, h helmChart) (release.Release, error) {
	out := release.Release{
		Name: h.ReleaseName, Namespace: h.ReleaseNamespace, CreateNamespace: true, Timeout: r.c.ReleaseTimeout,
	}
	if h.Action == "Uninstall" {
		return out, nil
	}
	name := h.ChartName[strings.LastIndexByte(h.ChartName, '/')+1:]
	loaded, err := r.c.chartOf(name, h.ChartVersion)
	if err != nil {
		return out, err
	}
	out.Chart = loaded
	values := map[string]any{}
	for _, from := range h.ValuesFrom {
		where := fmt.Sprintf("valuesFrom %s %s of release %s", from.Kind, from.Name, h.ReleaseName)
		data, err := r.data(ctx, t, where, from.Kind, from.Namespace, from.Name, from.Optional)
		if err != nil {
			return out, err
		}
		for _, k := range sortedKeys(data) {
			more, err := t.values(where+", key "+k, string(data[k]))
			if err != nil {
				return out, err
			}
			values = overlay(values, more)
		}
	}
	own, err := t.values("values of release "+h.ReleaseName, h.Values)
	if err != nil {
		return out, err
	}
	out.Values = overlay(values, own)
	return out, nil
}

// data reads a ConfigMap or Secret whose name may be a template.
func (r *rendering) data(ctx context.Context, t templating, where, kind, namespace, name string, optional bool) (map[string][]byte, error) {
	name, err := t.expand(where, name)
	if err != nil {
		return nil, err
	}
	if namespace, err = t.expand(where, namespace); err != nil {
		return nil, err
	}
	u, err := r.read(ctx, "v1", kind, namespace, name)
	var missing *awaited
	if errors.As(err, &missing) && optional {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if kind == secrets.Kind {
		return secretData(u), nil
	}
	out := map[string][]byte{}
	for k, v := range textData(u) {
		out[k] = []byte(v)
	}
	return out, nil
}

const annotationTemplate = "projectsveltos.io/template"

// policy reads the manifests in a ConfigMap or Secret.
func (r *rendering) policy(ctx context.Context, t templating, ref policyRef) ([]*unstructured.Unstructured, error) {
	where := fmt.Sprintf("policyRefs %s %s", ref.Kind, ref.Name)
	data, err := r.data(ctx, t, where, ref.Kind, ref.Namespace, ref.Name, ref.Optional)
	if err != nil {
		return nil, err
	}
	namespace, name := or(ref.Namespace, r.cluster.GetNamespace()), ref.Name
	holder, _ := watchedKind("v1", ref.Kind)
	source := r.c.cache.get(holder, namespace, name)
	expand := source != nil && source.GetAnnotations()[annotationTemplate] != ""
	var out []*unstructured.Unstructured
	for _, k := range sortedKeys(data) {
		text := string(data[k])
		if expand {
			if text, err = t.expand(where+", key "+k, text); err != nil {
				return nil, err
			}
		}
		objects, err := readManifests(text)
		if err != nil {
			return nil, fmt.Errorf("%s, key %s: %w", where, k, err)
		}
		out = append(out, objects...)
	}
	return out, nil
}

func readManifests(text string) ([]*unstructured.Unstructured, error) {
	decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	var out []*unstructured.Unstructured
	for n := 1; ; n++ {
		m := map[string]any{}
		err := decoder.Decode(&m)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return out, nil
			}
			return nil, fmt.Errorf("manifest %d: %w", n, err)
		}
		if len(m) == 0 {
			continue
		}
		u := &unstructured.Unstructured{Object: m}
		if u.GetAPIVersion() == "" || u.GetKind() == "" || u.GetName() == "" {
			return nil, fmt.Errorf("manifest %d has no apiVersion, kind or metadata.name", n)
		}
		out = append(out, u)
	}
}

// chartOf loads a chart once for all clusters: nobody changes it.
func (c *Controllers) chartOf(name, version string) (*chart, error) {
	key := name + "@" + version
	if loaded, ok := c.charts.Load(key); ok {
		return loaded.(*chart), nil
	}
	loaded, err := charts.LoadVersion(name, version)
	if err != nil {
		return nil, err
	}
	c.charts.Store(key, loaded)
	return loaded, nil
}

// isMissing reports whether an API server does not know an object, or its kind.
func isMissing(err error) bool { return apierrors.IsNotFound(err) }
