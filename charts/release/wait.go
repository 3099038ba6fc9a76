package release

import (
	"context"
	"errors"
	"fmt"
	"time"

	"helm.sh/helm/v3/pkg/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/resource"

	"koflab/sim/clock"
)

// The pause between two looks grows from the one to the other: an API server
// in this process answers in microseconds, a cloud's in tens of milliseconds.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
)

// explainAfter is when waiting starts to be explained by pods and events,
// which costs more requests than looking at one object.
const explainAfter = 2 * time.Second

// TimeoutError says what an operation was waiting for when its time ran out.
type TimeoutError struct {
	// Object is the blocking object as "Kind namespace/name".
	Object string
	// State says what its status, pods and events tell.
	State string
	// Advice is what to run next.
	Advice string
	// Waited is how long the operation waited.
	Waited time.Duration
	// Others are further objects that were not ready.
	Others []string
	// Cause is the context's error.
	Cause error
}

func (e *TimeoutError) Error() string {
	verb := "timed out after"
	if errors.Is(e.Cause, context.Canceled) {
		verb = "cancelled after"
	}
	s := fmt.Sprintf("%s %s waiting for %s: %s", verb, e.Waited.Round(time.Millisecond), e.Object, e.State)
	if n := len(e.Others); n > 0 {
		s += fmt.Sprintf("; not ready either: %s", enumerate(e.Others, 3))
	}
	if e.Advice != "" {
		s += "; see " + e.Advice
	}
	return s
}

func (e *TimeoutError) Unwrap() error { return e.Cause }

func enumerate(list []string, most int) string {
	s := ""
	for i, item := range list {
		if i == most {
			return fmt.Sprintf("%s and %d more", s, len(list)-most)
		}
		if i > 0 {
			s += ", "
		}
		s += item
	}
	return s
}

// Wait waits until the objects are ready.
func (o *operation) Wait(list kube.ResourceList, timeout time.Duration) error {
	return o.await(list, timeout, nil)
}

// WaitWithJobs waits for jobs too, as Wait does anyway.
func (o *operation) WaitWithJobs(list kube.ResourceList, timeout time.Duration) error {
	return o.await(list, timeout, nil)
}

// WatchUntilReady waits for what a hook runs: jobs and pods until their end.
func (o *operation) WatchUntilReady(list kube.ResourceList, timeout time.Duration) error {
	hooks := list.Filter(func(info *resource.Info) bool {
		kind := info.Mapping.GroupVersionKind.Kind
		return kind == "Job" || kind == "Pod"
	})
	return o.await(hooks, timeout, completed)
}

// await looks at one object after the other, since all must be ready in the
// end; how overrides how readiness is read.
func (o *operation) await(list kube.ResourceList, timeout time.Duration, how judgement) error {
	if timeout <= 0 {
		timeout = o.timeout
	}
	ctx, cancel := clock.WithTimeout(o.ctx, o.client.wall, timeout)
	defer cancel()
	began := o.client.wall.Now()
	for i, info := range list {
		j := how
		if j == nil {
			u, ok := info.Object.(*unstructured.Unstructured)
			if !ok {
				continue
			}
			if j = judgementFor(u); j == nil {
				continue
			}
		}
		if err := o.awaitOne(ctx, info, j, began); err != nil {
			var timeout *TimeoutError
			if errors.As(err, &timeout) && how == nil {
				timeout.Others = o.unready(list[i+1:])
			}
			return err
		}
	}
	return nil
}

func (o *operation) awaitOne(ctx context.Context, info *resource.Info, j judgement, began time.Time) error {
	pause, said := shortestPause, ""
	// detail is last's reason with what pods and events say, asked for at
	// explained.
	detail, detailOf, explained := "", "", time.Time{}
	last := notYet("its state is not known yet")
	var live *unstructured.Unstructured
	for {
		u, err := o.get(ctx, info)
		switch {
		case err == nil:
			live, last = u, j(u)
		case apierrors.IsNotFound(err):
			live, last = nil, notYet("it does not exist (any more)")
		case ctx.Err() != nil:
		default:
			last = notYet("it cannot be read: %s", err)
		}
		if last.ready {
			return nil
		}
		if last.failed {
			state, advice := o.explain(info, live, last.why)
			return fmt.Errorf("%s: %s; see %s", objectName(info), state, advice)
		}
		if o.since(began) > explainAfter && o.since(explained) > explainAfter && ctx.Err() == nil {
			explained, detailOf = o.client.wall.Now(), last.why
			detail, _ = o.explain(info, live, last.why)
			if waitsForConsumer(info, detail) {
				return nil
			}
		}
		why := last.why
		if why == detailOf {
			why = detail
		}
		if why != said {
			said = why
			o.emit(Waiting, objectName(info), "waiting for %s (%s so far): %s", objectName(info), o.since(began).Round(10*time.Millisecond), why)
		}
		timer := o.client.wall.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			state, advice := o.explain(info, live, last.why)
			return &TimeoutError{Object: objectName(info), State: state, Advice: advice, Waited: o.since(began), Cause: ctx.Err()}
		case <-timer.C():
		}
		pause = min(pause*8/5, longestPause)
	}
}

// since is how long ago something was, by the clock that paces waits.
func (o *operation) since(t time.Time) time.Duration { return o.client.wall.Now().Sub(t) }

// unready names the objects of a list that are not ready now.
func (o *operation) unready(list kube.ResourceList) []string {
	ctx, cancel := clock.WithTimeout(context.WithoutCancel(o.ctx), o.client.wall, explainTimeout)
	defer cancel()
	var names []string
	for _, info := range list {
		u, ok := info.Object.(*unstructured.Unstructured)
		if !ok {
			continue
		}
		j := judgementFor(u)
		if j == nil {
			continue
		}
		if live, err := o.get(ctx, info); err != nil || !j(live).ready {
			names = append(names, objectName(info))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return names
}

// WaitForDelete waits until the objects are gone.
func (o *operation) WaitForDelete(list kube.ResourceList, timeout time.Duration) error {
	if timeout <= 0 {
		timeout = o.timeout
	}
	ctx, cancel := clock.WithTimeout(o.ctx, o.client.wall, timeout)
	defer cancel()
	began := o.client.wall.Now()
	for _, info := range list {
		pause, said := shortestPause, false
		for {
			live, err := o.get(ctx, info)
			if apierrors.IsNotFound(err) {
				break
			}
			if !said {
				said = true
				o.emit(Waiting, objectName(info), "waiting for %s to be gone", objectName(info))
			}
			timer := o.client.wall.NewTimer(pause)
			select {
			case <-ctx.Done():
				timer.Stop()
				state := "it is still there"
				if live != nil && live.GetDeletionTimestamp() != nil {
					state = "it is being deleted"
					if f := live.GetFinalizers(); len(f) > 0 {
						state += ", held by finalizers " + enumerate(f, 5)
					}
				}
				return &TimeoutError{Object: objectName(info), State: state, Advice: "`" + kubectl("describe", info) + "`", Waited: o.since(began), Cause: ctx.Err()}
			case <-timer.C():
			}
			pause = min(pause*8/5, longestPause)
		}
	}
	return nil
}
