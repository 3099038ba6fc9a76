package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/release"

	"koflab/sim/clock"
)

// Apply makes the release what it should be: it installs or upgrades it, or
// does nothing when the revision deployed now was made of the same chart and
// values. What an earlier operation left unfinished is put right first.
func (c *Client) Apply(ctx context.Context, r Release) (Result, error) {
	began := c.wall.Now()
	res := Result{Name: r.Name, Namespace: r.Namespace}
	o, err := c.operation(ctx, r.Namespace, r.Name, Install)
	if err != nil {
		return res, err
	}
	o.timeout = r.timeout()
	if err := check(r); err != nil {
		return res, o.fault(r, err)
	}
	res.Chart, res.Version = r.Chart.Metadata.Name, r.Chart.Metadata.Version
	unlock, err := c.lock(ctx, r.key())
	if err != nil {
		return res, o.fault(r, err)
	}
	defer unlock()
	bounded, cancel := clock.WithTimeout(o.ctx, c.wall, o.timeout)
	defer cancel()
	o.ctx, o.store.ctx = bounded, bounded
	holder, done := holdRelease()
	defer done()
	o.store.holder, o.store.timeout = holder, o.timeout

	err = o.apply(r, &res)
	res.Created, res.Updated, res.Deleted = o.created, o.updated, o.deleted
	res.Warnings = o.warnings.list
	res.Took = o.since(began)
	if err != nil {
		err = o.fault(r, plainer(o.overdue(err, began)))
		o.emit(Failed, "", "%s", err)
		return res, err
	}
	if res.Action != Unchanged {
		o.emit(Done, "", "%s of %s %s done as revision %d in %s: %d created, %d updated, %d deleted",
			res.Action, res.Chart, res.Version, res.Revision, res.Took.Round(time.Millisecond), o.created, o.updated, o.deleted)
	}
	return res, nil
}

func check(r Release) error {
	if r.Chart == nil || r.Chart.Metadata == nil {
		return errors.New("no chart given")
	}
	if r.Namespace == "" {
		return errors.New("no namespace given")
	}
	if err := chartutil.ValidateReleaseName(r.Name); err != nil {
		return fmt.Errorf("release name %q: %w", r.Name, err)
	}
	switch t := r.Chart.Metadata.Type; t {
	case "", "application":
	default:
		return fmt.Errorf("chart %s is of type %s and cannot be installed", r.Chart.Name(), t)
	}
	if err := action.CheckDependencies(r.Chart, r.Chart.Metadata.Dependencies); err != nil {
		return fmt.Errorf("chart %s: dependencies: %w", r.Chart.Name(), err)
	}
	return nil
}

// overdue tells a deadline that passed outside of a wait from other errors.
func (o *operation) overdue(err error, began time.Time) error {
	var told *TimeoutError
	if errors.As(err, &told) || !errors.Is(err, context.DeadlineExceeded) && o.ctx.Err() == nil {
		return err
	}
	if errors.Is(o.ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("timed out after %s: %w", o.since(began).Round(time.Millisecond), err)
	}
	return err
}

func (o *operation) apply(r Release, res *Result) error {
	history, err := o.store.records(r.Name)
	if err != nil {
		return err
	}
	if history, err = o.recover(r, history, res); err != nil {
		return err
	}
	revision, replace := 1, false
	if n := len(history); n > 0 {
		last := history[n-1]
		revision = last.revision + 1
		if last.status == release.StatusDeployed {
			same, err := o.same(r, last)
			if err != nil {
				return err
			}
			if same {
				res.Action, res.Revision = Unchanged, last.revision
				o.action = Unchanged
				o.emit(Done, "", "%s %s is deployed as it should be, as revision %d", res.Chart, res.Version, last.revision)
				return nil
			}
		}
		replace = last.status == release.StatusUninstalled
		if !replace {
			o.action = Upgrade
		}
	}
	sum, err := digest(r.Chart, r.Values, revision)
	if err != nil {
		return err
	}
	o.emit(Rendering, "", "rendering %s %s", res.Chart, res.Version)
	var rel *release.Release
	if o.action == Upgrade {
		rel, err = o.upgrade(r, sum)
	} else {
		rel, err = o.install(r, sum, replace)
	}
	res.Action = o.action
	if rel != nil {
		res.Revision = rel.Version
		if rel.Info != nil {
			res.Notes = rel.Info.Notes
		}
	}
	if err != nil && r.Atomic && rel != nil {
		err = o.takeBack(r, rel.Version, err)
	}
	return err
}

func (o *operation) install(r Release, sum string, replace bool) (*release.Release, error) {
	cfg, err := o.configuration()
	if err != nil {
		return nil, err
	}
	a := action.NewInstall(cfg)
	a.ReleaseName, a.Namespace = r.Name, r.Namespace
	a.CreateNamespace, a.SkipCRDs, a.Replace = r.CreateNamespace, r.SkipCRDs, replace
	a.TakeOwnership, a.Description = r.TakeOwnership, r.Description
	a.Timeout, a.Wait = r.timeout(), !r.SkipWait
	a.Labels = map[string]string{labelDigest: sum}
	// Helm would leave its work running in the background when the context
	// ends. The operation itself heeds the context instead.
	rel, err := a.RunWithContext(context.Background(), copyChart(r.Chart), values(r))
	if rel != nil && rel.Info != nil && rel.Info.Status == release.StatusUnknown {
		// Nothing was written: Helm only shows what it had so far.
		rel = nil
	}
	return rel, err
}

func (o *operation) upgrade(r Release, sum string) (*release.Release, error) {
	cfg, err := o.configuration()
	if err != nil {
		return nil, err
	}
	if err := o.missingCRDs(r, cfg); err != nil {
		return nil, err
	}
	a := action.NewUpgrade(cfg)
	a.Namespace, a.ResetValues, a.MaxHistory = r.Namespace, true, o.client.maxHistory
	a.TakeOwnership, a.Description = r.TakeOwnership, r.Description
	a.Timeout, a.Wait = r.timeout(), !r.SkipWait
	a.Labels = map[string]string{labelDigest: sum}
	return a.RunWithContext(context.Background(), r.Name, copyChart(r.Chart), values(r))
}

// missingCRDs creates CRDs the cluster does not have. Helm never does on an
// upgrade, so a chart that gained a kind, or whose first installation broke
// off early, could not be upgraded. CRDs that exist are left as they are.
func (o *operation) missingCRDs(r Release, cfg *action.Configuration) error {
	if r.SkipCRDs {
		return nil
	}
	ch := copyChart(r.Chart)
	if len(ch.CRDObjects()) == 0 {
		return nil
	}
	if err := chartutil.ProcessDependenciesWithMerge(ch, values(r)); err != nil {
		return err
	}
	var created []crdFile
	for _, f := range ch.CRDObjects() {
		missing, err := o.missingCRD(f)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Filename, err)
		}
		created = append(created, missing...)
	}
	return o.createCRDs(created)
}

// same tells whether a deployed revision is what r would give. Its digest says
// so at once when Apply wrote it; otherwise what would be rendered is compared.
func (o *operation) same(r Release, last record) (bool, error) {
	sum, err := digest(r.Chart, r.Values, last.revision)
	if err != nil {
		return false, err
	}
	if last.labels[labelDigest] == sum {
		return true, nil
	}
	deployed, err := last.release()
	if err != nil {
		return false, err
	}
	m := deployed.Chart.Metadata
	if m == nil || m.Name != r.Chart.Metadata.Name || m.Version != r.Chart.Metadata.Version ||
		m.AppVersion != r.Chart.Metadata.AppVersion || !sameValues(deployed.Config, r.Values) {
		return false, nil
	}
	cfg, err := o.configuration()
	if err != nil {
		return false, err
	}
	a := action.NewUpgrade(cfg)
	a.Namespace, a.ResetValues = r.Namespace, true
	a.DryRun, a.DryRunOption = true, "server"
	rel, err := a.RunWithContext(context.Background(), r.Name, copyChart(r.Chart), values(r))
	if err != nil {
		return false, err
	}
	return rel.Manifest == deployed.Manifest && sameHooks(rel.Hooks, deployed.Hooks), nil
}

func sameHooks(a, b []*release.Hook) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Path != b[i].Path || a[i].Manifest != b[i].Manifest {
			return false
		}
	}
	return true
}

// sameValues compares values as they are after a round through JSON, which is
// how they come out of storage.
func sameValues(stored, given map[string]any) bool {
	if len(stored) == 0 && len(given) == 0 {
		return true
	}
	return reflect.DeepEqual(normal(stored), normal(given))
}

func normal(values map[string]any) any {
	body, err := json.Marshal(values)
	if err != nil {
		return values
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return values
	}
	return v
}

// values gives Helm a map that is not nil.
func values(r Release) map[string]any {
	if r.Values == nil {
		return map[string]any{}
	}
	return r.Values
}
