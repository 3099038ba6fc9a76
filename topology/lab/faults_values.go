package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"koflab/sim/fault"
	"koflab/topology"
	"koflab/topology/autoconfig"
	"koflab/topology/lab/backing"
	"koflab/topology/lab/control"
)

// setting is one value of a chart, by its path.
type setting struct {
	path  []string
	value any // nil takes it out
}

// changeCollectors sets values of a cluster's kof-collectors in its ClusterDeployment,
// as a platform team does, and returns what they were.
func (x *faults) changeCollectors(c *cluster, settings []setting) (before []setting, err error) {
	var bad error
	err = x.lab.edit(c.Namespace, c.Name, func(u *unstructured.Unstructured) bool {
		before = nil
		path := []string{"spec", "config", "clusterAnnotations", autoconfig.AnnotationCollectorsValues}
		values := map[string]any{}
		if text, ok, _ := unstructured.NestedString(u.Object, path...); ok {
			if bad = json.Unmarshal([]byte(text), &values); bad != nil {
				return false
			}
		}
		for _, s := range settings {
			old, _, _ := unstructured.NestedFieldNoCopy(values, s.path...)
			before = append(before, setting{s.path, old})
			if s.value == nil {
				unstructured.RemoveNestedField(values, s.path...)
			} else if bad = unstructured.SetNestedField(values, s.value, s.path...); bad != nil {
				return false
			}
		}
		b, err := json.Marshal(values)
		if err == nil {
			err = unstructured.SetNestedField(u.Object, string(b), path...)
		}
		bad = err
		return bad == nil
	})
	return before, errors.Join(err, bad)
}

// field is a part of a collectors' configuration that a fault changes.
type field struct {
	name string
	of   func(*backing.Collectors) string
}

// is accepts a configuration by the value of the field.
func (f field) is(want string) func(*backing.Collectors) error {
	return func(c *backing.Collectors) error {
		if got := f.of(c); got != want {
			return fmt.Errorf("their %s is %q still, not %q", f.name, got, want)
		}
		return nil
	}
}

var (
	queueSize = field{"queue size", func(c *backing.Collectors) string { return strconv.Itoa(c.QueueSize) }}
	password  = field{"password", func(c *backing.Collectors) string { return c.Metrics.Password }}
)

// collectorValues holds a field of a cluster's collectors for a fault, sets the
// values that make it want, and waits until it is that.
func (x *faults) collectorValues(ctx context.Context, i injection, f field, want string, settings ...setting) (undo, error) {
	c := i.cluster
	if c.Role == topology.RoleManagement {
		return nil, fault.Mistake("target", "%s has no ClusterDeployment: its collectors' values are those of its own release", c)
	}
	config := c.view().config
	if config == nil {
		return nil, fmt.Errorf("no collectors of %s run at present", c)
	}
	if err := x.lab.managementPresent(); err != nil {
		return nil, err
	}
	release, err := x.hold("the "+f.name+" of the collectors of "+c.ID, i)
	if err != nil {
		return nil, err
	}
	old, err := x.changeCollectors(c, settings)
	if err != nil {
		release()
		return nil, err
	}
	before := f.of(config)
	back := releasing(release, func(ctx context.Context) error {
		if x.gone(c) {
			return nil
		}
		if _, err := x.changeCollectors(c, old); err != nil {
			return err
		}
		return x.awaitCollector(ctx, c, f.is(before))
	})
	if err := x.awaitCollector(ctx, c, f.is(want)); err != nil {
		return nil, errors.Join(err, back(context.WithoutCancel(ctx)))
	}
	return x.throughManagement(back), nil
}

// throughManagement is an undo that needs management to be there.
func (x *faults) throughManagement(back undo) undo {
	return func(ctx context.Context) error {
		if err := x.lab.managementPresent(); err != nil {
			return err
		}
		return back(ctx)
	}
}

// queueTooSmall gives a cluster's collectors small queues.
func (x *faults) queueTooSmall(ctx context.Context, i injection) (undo, error) {
	size := int64(i.values.Int("size"))
	return x.collectorValues(ctx, i, queueSize, strconv.FormatInt(size, 10),
		setting{[]string{"collectors", "node-exporter", "queueSize"}, size}, setting{[]string{"collectors", "k8s-cluster", "queueSize"}, size})
}

// duplicateName makes a cluster's collectors say that it is another.
func (x *faults) duplicateName(ctx context.Context, i injection) (undo, error) {
	other, err := x.clusterNamed(i.values["other"])
	if err != nil {
		return nil, fault.Mistake("with.other", "%v", err)
	}
	if other.Name == i.cluster.Name {
		return nil, fault.Mistake("with.other", "%s has that name already", i.cluster)
	}
	label := x.lab.stack.Labels.Cluster
	name := field{"label " + label, func(c *backing.Collectors) string { return c.ExternalLabels[label] }}
	return x.collectorValues(ctx, i, name, other.Name, setting{[]string{"kof", "clusterName"}, other.Name})
}

// credentialsOf checks that a cluster's collectors have credentials of their own.
func (x *faults) credentialsOf(i injection) (*backing.Collectors, error) {
	v := i.cluster.view()
	switch {
	case x.lab.opts.Spec.Network == topology.NetworkIstio:
		return nil, errors.New("clusters of a mesh have certificates and no passwords")
	case v.config == nil:
		return nil, fmt.Errorf("no collectors of %s run at present", i.cluster)
	case v.planned.Region == i.cluster.ID || v.config.Metrics.Username == "":
		return nil, fault.Mistake("target", "%s writes inside its own cluster, without credentials", i.cluster)
	}
	return v.config, nil
}

// wrongCredentials gives a cluster's collectors a password that its region refuses.
func (x *faults) wrongCredentials(ctx context.Context, i injection) (undo, error) {
	config, err := x.credentialsOf(i)
	if err != nil {
		return nil, err
	}
	wrong := i.values["password"]
	if wrong == config.Metrics.Password {
		return nil, fault.Mistake("with.password", "that is the right one")
	}
	return x.collectorValues(ctx, i, password, wrong,
		setting{[]string{"kof", "vmuser", "password"}, wrong}, setting{[]string{"kof", "vmuser", "username"}, config.Metrics.Username})
}

// rotatedCredentials rotates the password of a cluster on both sides.
func (x *faults) rotatedCredentials(ctx context.Context, i injection) (undo, error) {
	config, err := x.credentialsOf(i)
	if err != nil {
		return nil, err
	}
	release, err := x.hold("the "+password.name+" of the collectors of "+i.cluster.ID, i)
	if err != nil {
		return nil, err
	}
	c, old := i.cluster, config.Metrics
	back := releasing(release, func(ctx context.Context) error {
		if x.gone(c) {
			return nil
		}
		if err := x.lab.rotate(c, old.Username, old.Password); err != nil {
			return err
		}
		return x.awaitCollector(ctx, c, password.is(old.Password))
	})
	if err := x.lab.SetCredentials(ctx, c.ID, control.CredentialsRequest{Password: i.values["password"], Region: true}); err != nil {
		return nil, errors.Join(err, back(context.WithoutCancel(ctx)))
	}
	return x.throughManagement(back), nil
}

var _ fault.Actuator = (*faults)(nil)
