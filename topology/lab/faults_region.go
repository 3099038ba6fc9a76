package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"koflab/topology/lab/region"
)

// regionFaults is what faults have done to one region.
type regionFaults struct {
	// cut counts the faults that keep it off the network, and was is why it was off
	// already when the first of them came.
	cut         int
	was, why    string
	readOnly    []string
	certificate region.Certificate
}

// brokenRegion is what a region that is opened must be like, and why it is off the
// network if it is.
func (x *faults) brokenRegion(id string) (region.Broken, string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	r := x.regions[id]
	if r == nil {
		return region.Broken{}, ""
	}
	b, why := r.broken("")
	return b, why
}

// broken is the whole of it; down is why the region is off the network by other means.
func (r *regionFaults) broken(down string) (region.Broken, string) {
	if r.cut > 0 {
		down = r.why
	}
	return region.Broken{Cut: down != "", ReadOnly: slices.Clone(r.readOnly), Certificate: r.certificate}, down
}

// breakRegion changes what is wrong with a region and makes it so. What cannot be
// made so is not changed.
func (x *faults) breakRegion(c *cluster, change func(*regionFaults)) error {
	s := x.lab.store(c.ID)
	x.mu.Lock()
	r := x.regions[c.ID]
	if r == nil {
		r = &regionFaults{}
		x.regions[c.ID] = r
	}
	before := *r
	before.readOnly = slices.Clone(r.readOnly)
	change(r)
	var down string
	if s != nil {
		down = x.lab.downReason(s)
	}
	if before.cut == 0 && r.cut > 0 {
		r.was = down
	}
	if before.cut > 0 {
		down = before.was
	}
	b, why := r.broken(down)
	x.mu.Unlock()
	if s == nil {
		return nil // it will be so when its stores open
	}
	if err := s.region.Break(b); err != nil {
		x.mu.Lock()
		*r = before
		x.mu.Unlock()
		return fmt.Errorf("region %s: %w", c.ID, err)
	}
	x.lab.setDown(s, why)
	return nil
}

// downReason is why a region does not listen.
func (l *Lab) downReason(s *store) string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return s.down
}

// cutOff takes a region off the network; several faults may do so at a time.
func (x *faults) cutOff(c *cluster, why string) (undo, error) {
	err := x.breakRegion(c, func(r *regionFaults) {
		if r.cut == 0 {
			r.why = why
		}
		r.cut++
	})
	return each(func(context.Context) error {
		if x.gone(c) {
			return nil
		}
		return x.breakRegion(c, func(r *regionFaults) { r.cut-- })
	}), err
}

// free reports whether no fault keeps a region off the network.
func (x *faults) free(id string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r := x.regions[id]; r != nil && r.cut > 0 {
		return fmt.Errorf("it is %s; heal that first", r.why)
	}
	return nil
}

// regionDown takes a region off the network.
func (x *faults) regionDown(_ context.Context, i injection) (undo, error) {
	return x.cutOff(i.cluster, "off the network (fault region-down)")
}

// unwritten is how long a record may be in the memory of a store only, in lab time:
// VictoriaMetrics' own bound.
const unwritten = 5 * time.Second

// settle makes the loss of a crash in virtual time one of lab time: stores write to
// disk by the machine's clock, between two of whose seconds hours may pass in the lab. So all is
// written now, and the crash comes when the memory is as full as it gets.
func (x *faults) settle(ctx context.Context, s *store) error {
	local, ok := s.region.(*region.Server)
	if x.lab.opts.Clock == nil || !ok {
		return nil
	}
	if err := local.Settle(); err != nil {
		return fmt.Errorf("stores of %s: %w", s.cluster.ID, err)
	}
	t := x.lab.clock.NewTimer(unwritten)
	defer t.Stop()
	select {
	case <-t.C():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// regionCrash kills a region's stores and keeps the region off the network until it
// is healed.
func (x *faults) regionCrash(ctx context.Context, i injection) (undo, error) {
	s := x.lab.store(i.cluster.ID)
	if err := x.settle(ctx, s); err != nil {
		return nil, err
	}
	back, err := x.cutOff(i.cluster, "killed (fault region-crash)")
	if err != nil {
		return nil, err
	}
	if err := x.lab.startAgain(s); err != nil {
		return nil, errors.Join(err, back(context.WithoutCancel(ctx)))
	}
	return back, nil
}

// diskFull makes stores of a region read-only.
func (x *faults) diskFull(_ context.Context, i injection) (undo, error) {
	names := []string{i.values["store"]}
	if names[0] == "all" {
		names = []string{"metrics", "logs", "audit", "traces"}
	}
	var releases []func()
	release := func() {
		for _, f := range releases {
			f()
		}
	}
	for _, name := range names {
		r, err := x.hold("the disk of "+i.cluster.ID+"/"+name, i)
		if err != nil {
			release()
			return nil, err
		}
		releases = append(releases, r)
	}
	err := x.breakRegion(i.cluster, func(r *regionFaults) { r.readOnly = append(r.readOnly, names...) })
	if err != nil {
		release()
		return nil, err
	}
	return releasing(release, func(context.Context) error {
		if x.gone(i.cluster) {
			return nil
		}
		return x.breakRegion(i.cluster, func(r *regionFaults) {
			r.readOnly = slices.DeleteFunc(r.readOnly, func(s string) bool { return slices.Contains(names, s) })
		})
	}), nil
}

// certificate makes a region's gateway present a bad certificate.
func (x *faults) certificate(_ context.Context, i injection) (undo, error) {
	release, err := x.hold("the certificate of "+i.cluster.ID, i)
	if err != nil {
		return nil, err
	}
	bad := region.CertificateExpired
	if i.Name == "certificate-wrong-ca" {
		bad = region.CertificateForeign
	}
	if err := x.breakRegion(i.cluster, func(r *regionFaults) { r.certificate = bad }); err != nil {
		release()
		return nil, err
	}
	return releasing(release, func(context.Context) error {
		if x.gone(i.cluster) {
			return nil
		}
		return x.breakRegion(i.cluster, func(r *regionFaults) { r.certificate = region.CertificateValid })
	}), nil
}
