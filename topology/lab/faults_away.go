package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/topology/lab/backing"
)

var pods = schema.GroupResource{Resource: "pods"}

// takeAway makes a cluster be away: its collectors are killed, its API is closed,
// and nothing follows its objects until it is brought back. Then its collectors run
// again, if they did.
func (x *faults) takeAway(c *cluster, why string) (undo, error) {
	c.syncMu.Lock()
	defer c.syncMu.Unlock()
	if err := c.embedded.SetAway(true); err != nil {
		return nil, fmt.Errorf("API server of %s: %w", c, err)
	}
	c.damage(func(b *brokenCluster) { b.away = why })
	c.setFailure(why)
	observed := c.killCollector()
	return each(func(context.Context) error { return x.bringBack(c) }, func(ctx context.Context) error {
		if !observed {
			return nil
		}
		return x.awaitCollector(ctx, c, func(*backing.Collectors) error { return nil })
	}), nil
}

// bringBack ends takeAway.
func (x *faults) bringBack(c *cluster) error {
	if x.gone(c) {
		return nil
	}
	c.syncMu.Lock()
	defer c.syncMu.Unlock()
	if err := c.embedded.SetAway(false); err != nil {
		return fmt.Errorf("API server of %s: %w", c, err)
	}
	c.damage(func(b *brokenCluster) { b.away = "" })
	c.setFailure("")
	c.follower.mark("*")
	return nil
}

// setFailure notes why a cluster is not what it should be.
func (c *cluster) setFailure(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = why
}

// awaitCollector waits until a cluster's collectors run with a configuration that f
// accepts.
func (x *faults) awaitCollector(ctx context.Context, c *cluster, f func(*backing.Collectors) error) error {
	return x.await(ctx, "the collectors of "+c.ID+" follow", func() error {
		if x.gone(c) || c.away() != "" {
			return nil
		}
		want, err := backing.CollectorsOf(c.embedded.Server())
		if err != nil {
			return err
		}
		if v := c.view(); want != nil && v.config != nil {
			return f(v.config)
		}
		return errors.New("their pods are not ready")
	})
}

// childDown takes a child away.
func (x *faults) childDown(_ context.Context, i injection) (undo, error) {
	return x.takeAway(i.cluster, "away (fault child-down)")
}

// managementDown takes management away: with its read services, and the stores that
// it may have.
func (x *faults) managementDown(ctx context.Context, i injection) (undo, error) {
	c, l := i.cluster, x.lab
	const why = "away (fault management-down)"
	var done []undo
	undone := func(err error) (undo, error) {
		return nil, errors.Join(err, each(done...)(context.WithoutCancel(ctx)))
	}
	if l.store(c.ID) != nil {
		back, err := x.cutOff(c, why)
		if err != nil {
			return undone(err)
		}
		done = append(done, back)
	}
	stopped, err := l.closeServices()
	for _, name := range stopped {
		done = append(done, func(context.Context) error { return l.servers[name].Restart() })
	}
	if err != nil {
		return undone(err)
	}
	back, err := x.takeAway(c, why)
	if err != nil {
		return undone(err)
	}
	l.federation.Suspend("management is " + why)
	done = append(done, func(context.Context) error { l.federation.Resume(); return nil }, back)
	return each(done...), nil
}

// closeServices closes management's read services and returns which were open.
func (l *Lab) closeServices() (stopped []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(l.servers)) {
		if s := l.servers[name]; s.Running() {
			err = errors.Join(err, s.Kill())
			stopped = append(stopped, name)
		}
	}
	return stopped, err
}

// managementPresent reports whether management is there, for what is done through it.
func (l *Lab) managementPresent() error {
	if why := l.management().away(); why != "" {
		return fmt.Errorf("management is %s; heal that first", why)
	}
	return nil
}

// collectorKilled kills a cluster's collectors and deletes their pods.
func (x *faults) collectorKilled(_ context.Context, i injection) (undo, error) {
	c := i.cluster
	c.syncMu.Lock()
	defer c.syncMu.Unlock()
	config := c.view().config
	if config == nil {
		return nil, fmt.Errorf("no collectors of %s run at present", c)
	}
	uids := map[string]bool{}
	for _, uid := range config.Pods {
		uids[uid] = true
	}
	api, atOnce := c.embedded.Server(), int64(0)
	for _, o := range api.List(pods, backing.Namespace, labels.Everything()) {
		if !uids[string(o.UID)] {
			continue
		}
		err := api.Delete(pods, o.Namespace, o.Name, metav1.DeleteOptions{GracePeriodSeconds: &atOnce})
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	c.killCollector()
	return nil, nil
}
