package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mitchellh/copystructure"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/release"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Summary is one revision of a release.
type Summary struct {
	Name        string    `json:"name"`
	Namespace   string    `json:"namespace"`
	Revision    int       `json:"revision"`
	Status      string    `json:"status"`
	Chart       string    `json:"chart"`
	Version     string    `json:"version"`
	AppVersion  string    `json:"appVersion,omitempty"`
	Updated     time.Time `json:"updated"`
	Description string    `json:"description,omitempty"`
}

// Status is a release's newest revision and the state of its objects.
type Status struct {
	Summary
	// Values are what was given on top of the chart's own.
	Values  map[string]any `json:"values,omitempty"`
	Notes   string         `json:"notes,omitempty"`
	Objects []ObjectState  `json:"objects"`
}

// Ready tells whether the release is deployed and all its objects are ready.
func (s Status) Ready() bool {
	for _, o := range s.Objects {
		if !o.Ready {
			return false
		}
	}
	return s.Status == string(release.StatusDeployed)
}

// ObjectState is the state of one object of a release.
type ObjectState struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	Ready      bool   `json:"ready"`
	// Message says what is missing when it is not ready.
	Message string `json:"message,omitempty"`
}

// List returns the newest revision of every release of a namespace, or of all
// namespaces if that is empty, by namespace and name. A release whose record
// cannot be read is listed with the error as its description.
func (c *Client) List(ctx context.Context, namespace string) ([]Summary, error) {
	o, err := c.operation(ctx, namespace, "", Render)
	if err != nil {
		return nil, err
	}
	all, err := o.store.records("")
	if err != nil {
		return nil, c.about(err)
	}
	list := []Summary{}
	for i, r := range all {
		if i+1 < len(all) && all[i+1].name == r.name && all[i+1].namespace == r.namespace {
			continue
		}
		list = append(list, r.summary())
	}
	return list, nil
}

// History returns the revisions of a release, oldest first.
func (c *Client) History(ctx context.Context, namespace, name string) ([]Summary, error) {
	o, err := c.operation(ctx, namespace, name, Render)
	if err != nil {
		return nil, err
	}
	all, err := o.store.records(name)
	if err == nil && len(all) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, o.fault(Release{}, err)
	}
	var list []Summary
	for _, r := range all {
		list = append(list, r.summary())
	}
	return list, nil
}

func (c *Client) about(err error) error {
	if c.cluster == "" {
		return err
	}
	return fmt.Errorf("cluster %s: %w", c.cluster, err)
}

// summary unpacks only what a summary needs.
func (r record) summary() Summary {
	s := Summary{Name: r.name, Namespace: r.namespace, Revision: r.revision, Status: string(r.status), Updated: r.written}
	var slim struct {
		Info  *release.Info `json:"info"`
		Chart struct {
			Metadata *chart.Metadata `json:"metadata"`
		} `json:"chart"`
	}
	body, err := unpack(r.data)
	if err == nil {
		err = json.Unmarshal(body, &slim)
	}
	if err != nil {
		s.Description = fmt.Sprintf("its Secret cannot be read: %s", err)
		return s
	}
	if m := slim.Chart.Metadata; m != nil {
		s.Chart, s.Version, s.AppVersion = m.Name, m.Version, m.AppVersion
	}
	if slim.Info != nil {
		s.Description = slim.Info.Description
		if t := slim.Info.LastDeployed; !t.IsZero() {
			s.Updated = t.Time.UTC()
		}
	}
	return s
}

// Status returns the newest revision and the state of its objects.
func (c *Client) Status(ctx context.Context, namespace, name string) (Status, error) {
	o, err := c.operation(ctx, namespace, name, Render)
	if err != nil {
		return Status{}, err
	}
	s, err := o.status()
	return s, o.fault(Release{}, err)
}

func (o *operation) status() (Status, error) {
	all, err := o.store.records(o.name)
	if err != nil {
		return Status{}, err
	}
	if len(all) == 0 {
		return Status{}, ErrNotFound
	}
	last := all[len(all)-1]
	rel, err := last.release()
	if err != nil {
		return Status{}, err
	}
	s := Status{Summary: last.summary(), Values: rel.Config, Notes: rel.Info.Notes, Objects: []ObjectState{}}
	if last.status == release.StatusUninstalled {
		return s, nil
	}
	docs, err := parseManifest(strings.NewReader(rel.Manifest))
	if err != nil {
		return s, err
	}
	for _, d := range docs {
		s.Objects = append(s.Objects, o.objectState(d))
	}
	return s, nil
}

func (o *operation) objectState(d document) ObjectState {
	u := d.object
	state := ObjectState{APIVersion: u.GetAPIVersion(), Kind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName()}
	info, err := o.info(d)
	if err != nil {
		state.Message = err.Error()
		return state
	}
	state.Namespace = info.Namespace
	live, err := o.get(o.ctx, info)
	if apierrors.IsNotFound(err) {
		state.Message = "missing"
		return state
	}
	if err != nil {
		state.Message = err.Error()
		return state
	}
	v := stateOf(live)
	state.Ready, state.Message = v.ready, v.why
	return state
}

func stateOf(live *unstructured.Unstructured) verdict {
	j := judgementFor(live)
	if j == nil {
		return isReady
	}
	return j(live)
}

// Values returns what was given to the deployed revision on top of the
// chart's own values.
func (c *Client) Values(ctx context.Context, namespace, name string) (map[string]any, error) {
	o, err := c.operation(ctx, namespace, name, Render)
	if err != nil {
		return nil, err
	}
	rel, err := o.deployed()
	if err != nil {
		return nil, o.fault(Release{}, err)
	}
	return rel.Config, nil
}

// Reuse puts the deployed release's values, if there is one, under those that are
// given, as helm upgrade --reuse-values does.
func (c *Client) Reuse(ctx context.Context, r *Release) error {
	old, err := c.Values(ctx, r.Namespace, r.Name)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	values, err := copystructure.Copy(r.Values)
	if err != nil {
		return fmt.Errorf("values of %s: %w", r.Name, err)
	}
	over, _ := values.(map[string]any)
	r.Values = chartutil.MergeTables(over, old)
	return nil
}

// Manifest returns the deployed revision's manifest.
func (c *Client) Manifest(ctx context.Context, namespace, name string) (string, error) {
	o, err := c.operation(ctx, namespace, name, Render)
	if err != nil {
		return "", err
	}
	rel, err := o.deployed()
	if err != nil {
		return "", o.fault(Release{}, err)
	}
	return rel.Manifest, nil
}

// deployed reads the newest deployed revision.
func (o *operation) deployed() (*release.Release, error) {
	all, err := o.store.records(o.name)
	if err != nil {
		return nil, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].status == release.StatusDeployed {
			return all[i].release()
		}
	}
	if len(all) > 0 {
		return nil, fmt.Errorf("no revision is deployed: it has %s: %w", revisions(all), ErrNotFound)
	}
	return nil, ErrNotFound
}
