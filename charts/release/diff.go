package release

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/release"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Difference is what applying a release would change.
type Difference struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// Revision is the deployed one that was compared with; 0 if there is none.
	Revision int            `json:"revision"`
	Objects  []ObjectChange `json:"objects"`
}

// ObjectChange is the change of one object.
type ObjectChange struct {
	// Object is "Kind namespace/name".
	Object string `json:"object"`
	// Change is added, changed or removed.
	Change string `json:"change"`
	// Diff is a unified diff of the two manifests.
	Diff string `json:"diff"`
}

// Empty tells that nothing would change.
func (d Difference) Empty() bool { return len(d.Objects) == 0 }

// String is the whole difference as one unified diff.
func (d Difference) String() string {
	var s strings.Builder
	for _, o := range d.Objects {
		s.WriteString(o.Diff)
	}
	return s.String()
}

// Diff compares the manifest of the deployed revision with the one Apply would
// make. Values in Secrets are hidden; only that they changed shows. Nothing is changed in the cluster.
func (c *Client) Diff(ctx context.Context, r Release) (Difference, error) {
	d := Difference{Name: r.Name, Namespace: r.Namespace}
	o, err := c.operation(ctx, r.Namespace, r.Name, Render)
	if err != nil {
		return d, err
	}
	d.Revision, d.Objects, err = o.diff(r)
	return d, o.fault(r, plainer(err))
}

func (o *operation) diff(r Release) (int, []ObjectChange, error) {
	if err := check(r); err != nil {
		return 0, nil, err
	}
	history, err := o.store.records(r.Name)
	if err != nil {
		return 0, nil, err
	}
	revision, deployed := 0, ""
	for _, rec := range slices.Backward(history) {
		if rec.status != release.StatusDeployed {
			continue
		}
		rel, err := rec.release()
		if err != nil {
			return 0, nil, err
		}
		revision, deployed = rel.Version, withHooks(rel)
		break
	}
	cfg, err := o.configuration()
	if err != nil {
		return 0, nil, err
	}
	rel, err := render(r, TemplateOptions{
		KubeVersion: cfg.Capabilities.KubeVersion.Version, APIVersions: cfg.Capabilities.APIVersions,
		IsUpgrade: revision > 0,
	}, cfg, true)
	if err != nil {
		return revision, nil, err
	}
	changes, err := DiffManifests(deployed, withHooks(rel), r.Namespace)
	return revision, changes, err
}

func withHooks(rel *release.Release) string {
	var s strings.Builder
	s.WriteString(rel.Manifest)
	for _, h := range rel.Hooks {
		fmt.Fprintf(&s, "\n---\n# Source: %s\n%s\n", h.Path, h.Manifest)
	}
	return s.String()
}

// DiffManifests compares two manifests object by object, in the order of the
// objects' names. Objects without a namespace are taken to be in namespace.
func DiffManifests(from, to, namespace string) ([]ObjectChange, error) {
	before, err := objectsOf(from, namespace)
	if err != nil {
		return nil, fmt.Errorf("the deployed manifest: %w", err)
	}
	after, err := objectsOf(to, namespace)
	if err != nil {
		return nil, fmt.Errorf("the new manifest: %w", err)
	}
	var names []string
	for n := range before {
		names = append(names, n)
	}
	for n := range after {
		if _, ok := before[n]; !ok {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	var changes []ObjectChange
	for _, n := range names {
		was, had := before[n]
		is, has := after[n]
		mask(was, is)
		a, err := textOf(was)
		if err != nil {
			return nil, err
		}
		b, err := textOf(is)
		if err != nil {
			return nil, err
		}
		if a == b {
			continue
		}
		change, left, right := "changed", n+" (deployed)", n+" (new)"
		switch {
		case !had:
			change, left = "added", "/dev/null"
		case !has:
			change, right = "removed", "/dev/null"
		}
		changes = append(changes, ObjectChange{n, change, unified(left, right, a, b)})
	}
	return changes, nil
}

// objectsOf reads a manifest's objects by their names in messages.
func objectsOf(manifest, namespace string) (map[string]*unstructured.Unstructured, error) {
	docs, err := parseManifest(strings.NewReader(manifest))
	if err != nil {
		return nil, err
	}
	objects := map[string]*unstructured.Unstructured{}
	for _, d := range docs {
		u := d.object
		// Without the cluster's help nobody knows whether a kind has
		// namespaces; for telling objects apart that does not matter.
		name := u.GetKind() + " " + orElse(u.GetNamespace(), namespace) + "/" + u.GetName()
		if g := u.GroupVersionKind().Group; g != "" && !strings.HasSuffix(g, ".k8s.io") && g != "apps" && g != "batch" {
			name = u.GetKind() + "." + g + strings.TrimPrefix(name, u.GetKind())
		}
		objects[name] = u
	}
	return objects, nil
}

func textOf(u *unstructured.Unstructured) (string, error) {
	if u == nil {
		return "", nil
	}
	body, err := yaml.Marshal(u.Object)
	return string(body), err
}

// mask hides the values of two forms of a Secret, and lets only show which of
// them differ. Not even a hash is shown: a weak password is found from it.
func mask(was, is *unstructured.Unstructured) {
	for _, field := range []string{"data", "stringData"} {
		old, fresh := secretValues(was, field), secretValues(is, field)
		for k, v := range old {
			other, both := fresh[k]
			if both && reflect.DeepEqual(v, other) {
				old[k], fresh[k] = hidden(v, ""), hidden(v, "")
				continue
			}
			old[k] = hidden(v, ", before")
			if both {
				fresh[k] = hidden(other, ", after")
			}
		}
		for k, v := range fresh {
			if _, both := old[k]; !both {
				fresh[k] = hidden(v, "")
			}
		}
	}
}

func hidden(v any, note string) string {
	return fmt.Sprintf("(secret, %d bytes%s)", len(fmt.Sprint(v)), note)
}

// secretValues returns a Secret's map for changing it in place.
func secretValues(u *unstructured.Unstructured, field string) map[string]any {
	if u == nil || u.GetKind() != "Secret" || u.GetAPIVersion() != "v1" {
		return nil
	}
	v, _ := u.Object[field].(map[string]any)
	return v
}
