package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ApplyAll applies several releases, each after those it depends on and
// independent ones side by side. A failure leaves out the releases that depend
// on it and no others. Results come in the order of list, each with its own
// error; the error returned joins those of the releases that failed or were
// left out. Faults in the list itself are reported before anything is done.
func (c *Client) ApplyAll(ctx context.Context, list []Release) ([]Result, error) {
	needs, err := resolve(list)
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(list))
	done := make([]chan struct{}, len(list))
	for i := range done {
		done[i] = make(chan struct{})
	}
	slots := make(chan struct{}, c.parallel)
	for i := range list {
		go func() {
			defer close(done[i])
			for _, n := range needs[i] {
				<-done[n]
				if results[n].Err != nil {
					results[i] = c.skip(list[i], list[n])
					return
				}
			}
			slots <- struct{}{}
			defer func() { <-slots }()
			results[i], results[i].Err = c.Apply(ctx, list[i])
		}()
	}
	var errs []error
	for i := range list {
		<-done[i]
		if results[i].Err != nil {
			errs = append(errs, results[i].Err)
		}
	}
	return results, errors.Join(errs...)
}

func (c *Client) skip(r, cause Release) Result {
	res := Result{Name: r.Name, Namespace: r.Namespace, Action: Skipped}
	o := &operation{client: c, name: r.Name, namespace: r.Namespace, action: Skipped}
	if r.Chart != nil && r.Chart.Metadata != nil {
		res.Chart, res.Version = r.Chart.Metadata.Name, r.Chart.Metadata.Version
	}
	err := &DependencyError{Release: cause.key()}
	o.emit(Failed, "", "%s", err)
	res.Err = o.fault(r, err)
	return res
}

// resolve turns names of dependencies into indexes of the list.
func resolve(list []Release) ([][]int, error) {
	var errs []error
	byName, byKey := map[string][]int{}, map[string]int{}
	for i, r := range list {
		if _, twice := byKey[r.key()]; twice {
			errs = append(errs, fmt.Errorf("release %s is given twice", r.key()))
			continue
		}
		byKey[r.key()] = i
		byName[r.Name] = append(byName[r.Name], i)
	}
	needs := make([][]int, len(list))
	for i, r := range list {
		for _, d := range r.DependsOn {
			n, err := lookUp(d, byName, byKey, list)
			if err != nil {
				errs = append(errs, fmt.Errorf("release %s depends on %q: %w", r.key(), d, err))
				continue
			}
			if !slices.Contains(needs[i], n) {
				needs[i] = append(needs[i], n)
			}
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if cycle := findCycle(needs); cycle != nil {
		var names []string
		for _, i := range cycle {
			names = append(names, list[i].key())
		}
		return nil, fmt.Errorf("releases depend on each other in a circle: %s: take one dependsOn out", strings.Join(names, " -> "))
	}
	return needs, nil
}

func lookUp(name string, byName map[string][]int, byKey map[string]int, list []Release) (int, error) {
	if strings.Contains(name, "/") {
		if i, ok := byKey[name]; ok {
			return i, nil
		}
		return 0, fmt.Errorf("there is no such release among %s", keys(list))
	}
	switch found := byName[name]; len(found) {
	case 0:
		return 0, fmt.Errorf("there is no such release among %s", keys(list))
	case 1:
		return found[0], nil
	default:
		return 0, fmt.Errorf("several namespaces have it: write namespace/%s", name)
	}
}

func keys(list []Release) string {
	var names []string
	for _, r := range list {
		names = append(names, r.key())
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// findCycle returns the indexes along a circle, first and last the same.
func findCycle(needs [][]int) []int {
	const (
		unseen = iota
		open
		closed
	)
	state := make([]int, len(needs))
	var path []int
	var visit func(i int) []int
	visit = func(i int) []int {
		state[i] = open
		path = append(path, i)
		for _, n := range needs[i] {
			switch state[n] {
			case open:
				return append(slices.Clone(path[slices.Index(path, n):]), n)
			case unseen:
				if cycle := visit(n); cycle != nil {
					return cycle
				}
			}
		}
		path = path[:len(path)-1]
		state[i] = closed
		return nil
	}
	for i := range needs {
		if state[i] == unseen {
			if cycle := visit(i); cycle != nil {
				return cycle
			}
		}
	}
	return nil
}
