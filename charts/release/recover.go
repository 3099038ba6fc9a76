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

// recover puts right what an operation left behind that never came to its end,
// and returns the history as it is then.
func (o *operation) recover(r Release, history []record, res *Result) ([]record, error) {
	if len(history) == 0 {
		return history, nil
	}
	last := history[len(history)-1]
	switch {
	case last.status == release.StatusUninstalling:
	case last.status.IsPending():
		if err := o.abandoned(last); err != nil {
			return nil, err
		}
	default:
		return history, nil
	}
	res.Recovered = fmt.Sprintf("revision %d was %s", last.revision, last.status)
	wanted := o.action
	o.action = Recover
	defer func() { o.action = wanted }()

	good := lastGood(history)
	if last.status == release.StatusUninstalling || good == 0 {
		o.emit(Deleting, "", "revision %d is %s since %s and nobody works on it: uninstalling what is there of it",
			last.revision, last.status, last.written.Format(time.RFC3339))
		if err := o.uninstall(action.Uninstall{Timeout: o.timeout, Wait: true, DisableHooks: true}); err != nil {
			return nil, fmt.Errorf("clearing away revision %d, which is %s: %w", last.revision, last.status, err)
		}
	} else {
		o.emit(Updating, "", "revision %d is %s since %s and nobody works on it: going back to revision %d",
			last.revision, last.status, last.written.Format(time.RFC3339), good)
		if err := o.markFailed(last); err != nil {
			return nil, err
		}
		if err := o.rollBack(good, false); err != nil {
			return nil, fmt.Errorf("going back from revision %d, which is %s, to revision %d: %w", last.revision, last.status, good, err)
		}
	}
	return o.store.records(r.Name)
}

// abandoned returns nil when nobody works on a pending revision any more, and
// otherwise who may.
func (o *operation) abandoned(last record) error {
	limit, err := time.ParseDuration(last.labels[labelTimeout])
	if err != nil || limit <= 0 {
		limit = DefaultTimeout
	}
	state := holderState(last.labels[labelHolder])
	since := last.created
	if since.IsZero() {
		since = last.written
	}
	until := since.Add(limit)
	if state == dead || state == unknown && o.client.now().After(until) {
		return nil
	}
	busy := &BusyError{Status: last.status.String(), Since: since.Format(time.RFC3339)}
	if state == unknown {
		busy.Until = until.Format(time.RFC3339)
	}
	return busy
}

// lastGood is the newest revision that once was deployed, or 0.
func lastGood(history []record) int {
	for i := len(history) - 1; i >= 0; i-- {
		if s := history[i].status; s == release.StatusDeployed || s == release.StatusSuperseded {
			return history[i].revision
		}
	}
	return 0
}

func (o *operation) markFailed(last record) error {
	rel, err := last.release()
	if err != nil {
		return err
	}
	rel.SetStatus(release.StatusFailed, fmt.Sprintf("abandoned while %s", last.status))
	return o.store.Update(fmt.Sprintf("sh.helm.release.v1.%s.v%d", rel.Name, rel.Version), rel)
}

// takeBack undoes a failed operation. It has its own time, since the reason is
// often that the operation's is over, and it does not wait for readiness after
// a rollback: the error at hand is the one to report.
func (o *operation) takeBack(r Release, failed int, cause error) error {
	ctx, cancel := clock.WithTimeout(context.WithoutCancel(o.ctx), o.client.wall, o.timeout)
	defer cancel()
	before, wanted := o.ctx, o.action
	o.ctx, o.store.ctx = ctx, ctx
	defer func() { o.ctx, o.store.ctx, o.action = before, before, wanted }()

	history, err := o.store.records(r.Name)
	if err != nil {
		return fmt.Errorf("%w (and it could not be taken back: %w)", cause, err)
	}
	if len(history) == 0 || history[len(history)-1].revision != failed || history[len(history)-1].status == release.StatusDeployed {
		return cause
	}
	good := lastGood(history)
	if good == 0 {
		o.action = Uninstall
		o.emit(Deleting, "", "the installation failed: uninstalling it")
		if err := o.uninstall(action.Uninstall{Timeout: o.timeout}); err != nil {
			return fmt.Errorf("%w (and it could not be uninstalled: %w)", cause, err)
		}
		return &takenBack{cause, "the release was uninstalled again"}
	}
	o.action = Rollback
	o.emit(Updating, "", "the upgrade failed: going back to revision %d", good)
	if err := o.rollBack(good, false); err != nil {
		return fmt.Errorf("%w (and it could not be rolled back to revision %d: %w)", cause, good, err)
	}
	return &takenBack{cause, fmt.Sprintf("the release was rolled back to revision %d", good)}
}

// takenBack is a failure that left no traces.
type takenBack struct {
	cause error
	how   string
}

func (e *takenBack) Error() string { return plainer(e.cause).Error() + "; " + e.how }
func (e *takenBack) Unwrap() error { return e.cause }

// TakenBack tells whether a failed operation was undone.
func TakenBack(err error) bool {
	var t *takenBack
	return errors.As(err, &t)
}
