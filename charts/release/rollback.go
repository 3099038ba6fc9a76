package release

import (
	"context"
	"errors"
	"fmt"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/release"

	"koflab/sim/clock"
)

// RollbackOptions say how to roll back.
type RollbackOptions struct {
	// Revision to go back to; zero means the one before the present.
	Revision int
	Timeout  time.Duration
	SkipWait bool
}

// UninstallOptions say how to uninstall.
type UninstallOptions struct {
	// KeepHistory leaves the revisions, marked as uninstalled.
	KeepHistory bool
	// IgnoreNotFound makes it no error that there is no such release.
	IgnoreNotFound bool
	Timeout        time.Duration
	SkipWait       bool
}

// Rollback makes an earlier revision the deployed one, as a new revision.
func (c *Client) Rollback(ctx context.Context, namespace, name string, opts RollbackOptions) (Result, error) {
	return c.run(ctx, namespace, name, Rollback, opts.Timeout, func(o *operation, res *Result) error {
		history, err := o.store.records(name)
		if err != nil {
			return err
		}
		if len(history) == 0 {
			return ErrNotFound
		}
		last := history[len(history)-1]
		if last.status.IsPending() {
			if err := o.abandoned(last); err != nil {
				return err
			}
			if err := o.markFailed(last); err != nil {
				return err
			}
		}
		to := opts.Revision
		if to == 0 {
			to = last.revision - 1
		}
		if !hasRevision(history, to) {
			return fmt.Errorf("there is no revision %d: it has %s", to, revisions(history))
		}
		if err := o.rollBack(to, !opts.SkipWait); err != nil {
			return err
		}
		res.Revision = last.revision + 1
		return nil
	})
}

func hasRevision(history []record, revision int) bool {
	for _, r := range history {
		if r.revision == revision {
			return true
		}
	}
	return false
}

func revisions(history []record) string {
	var list []string
	for _, r := range history {
		list = append(list, fmt.Sprintf("%d (%s)", r.revision, r.status))
	}
	return enumerate(list, 10)
}

func (o *operation) rollBack(revision int, wait bool) error {
	cfg, err := o.configuration()
	if err != nil {
		return err
	}
	wanted := o.action
	o.action = Rollback
	defer func() { o.action = wanted }()
	a := action.NewRollback(cfg)
	a.Version, a.Timeout, a.Wait, a.MaxHistory = revision, o.timeout, wait, o.client.maxHistory
	return a.Run(o.name)
}

// Uninstall deletes a release's objects and its history. CRDs of charts' crds
// directories stay, as with the helm command, and so do objects whose resource
// policy is to keep them.
func (c *Client) Uninstall(ctx context.Context, namespace, name string, opts UninstallOptions) (Result, error) {
	return c.run(ctx, namespace, name, Uninstall, opts.Timeout, func(o *operation, res *Result) error {
		history, err := o.store.records(name)
		if err != nil {
			return err
		}
		if len(history) == 0 {
			if opts.IgnoreNotFound {
				res.Action = Unchanged
				return nil
			}
			return ErrNotFound
		}
		last := history[len(history)-1]
		res.Revision = last.revision
		if last.status.IsPending() {
			if err := o.abandoned(last); err != nil {
				return err
			}
		}
		if last.status == release.StatusUninstalled && opts.KeepHistory {
			res.Action = Unchanged
			return nil
		}
		return o.uninstall(action.Uninstall{KeepHistory: opts.KeepHistory, Timeout: o.timeout, Wait: !opts.SkipWait})
	})
}

func (o *operation) uninstall(how action.Uninstall) error {
	cfg, err := o.configuration()
	if err != nil {
		return err
	}
	wanted := o.action
	if o.action == Rollback {
		o.action = Uninstall
	}
	defer func() { o.action = wanted }()
	a := action.NewUninstall(cfg)
	a.KeepHistory, a.Timeout, a.Wait, a.DisableHooks = how.KeepHistory, how.Timeout, how.Wait, how.DisableHooks
	o.failures = nil
	if _, err := a.Run(o.name); err != nil {
		if len(o.failures) > 0 {
			// Helm only says that it failed.
			return errors.Join(o.failures...)
		}
		return err
	}
	return nil
}

// run is the frame of all operations but Apply.
func (c *Client) run(ctx context.Context, namespace, name string, a Action, timeout time.Duration, f func(*operation, *Result) error) (Result, error) {
	began := c.wall.Now()
	res := Result{Name: name, Namespace: namespace, Action: a}
	o, err := c.operation(ctx, namespace, name, a)
	if err != nil {
		return res, err
	}
	if namespace == "" || name == "" {
		return res, o.fault(Release{}, errors.New("both namespace and name must be given"))
	}
	if timeout > 0 {
		o.timeout = timeout
	}
	unlock, err := c.lock(ctx, namespace+"/"+name)
	if err != nil {
		return res, o.fault(Release{}, err)
	}
	defer unlock()
	bounded, cancel := clock.WithTimeout(o.ctx, c.wall, o.timeout)
	defer cancel()
	o.ctx, o.store.ctx = bounded, bounded
	holder, done := holdRelease()
	defer done()
	o.store.holder, o.store.timeout = holder, o.timeout

	err = f(o, &res)
	res.Created, res.Updated, res.Deleted = o.created, o.updated, o.deleted
	res.Warnings, res.Took = o.warnings.list, o.since(began)
	if err != nil {
		err = o.fault(Release{}, o.overdue(err, began))
		o.emit(Failed, "", "%s", err)
		return res, err
	}
	o.emit(Done, "", "%s done in %s: %d created, %d updated, %d deleted", a, res.Took.Round(time.Millisecond), o.created, o.updated, o.deleted)
	return res, nil
}
