package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"koflab/embed/gateway"
	"koflab/sim/clock"
	"koflab/sim/event"
	"koflab/topology"
	"koflab/topology/autoconfig"
	"koflab/topology/lab/control"
)

// changePatience bounds, in real time, how long a change may take to reach the
// engines.
const changePatience = 90 * time.Second

// contextOf names a cluster's context in kubeconfigs.
func (l *Lab) contextOf(c *cluster) string { return l.opts.Spec.Name + "-" + contextName(c.ID) }

// contextName is a cluster's ID as kubectl likes it: without a slash.
func contextName(id string) string {
	b := []byte(id)
	for i := range b {
		if b[i] == '/' {
			b[i] = '.'
		}
	}
	return string(b)
}

// Kubeconfig opens the Kubernetes API of a cluster, or of all for "": then
// management is the current context.
func (l *Lab) Kubeconfig(id string) ([]byte, error) {
	clusters := l.all()
	if id != "" {
		c := l.cluster(id)
		if c == nil {
			return nil, l.noCluster(id)
		}
		clusters = []*cluster{c}
	}
	merged := clientcmdapi.NewConfig()
	for _, c := range clusters {
		one, err := c.embedded.Kubeconfig(l.contextOf(c))
		if err != nil {
			return nil, err
		}
		config, err := clientcmd.Load(one)
		if err != nil {
			return nil, err
		}
		for name := range config.Contexts {
			merged.Clusters[name], merged.AuthInfos[name], merged.Contexts[name] = config.Clusters[name], config.AuthInfos[name], config.Contexts[name]
		}
		if merged.CurrentContext == "" {
			merged.CurrentContext = config.CurrentContext
		}
	}
	return clientcmd.Write(*merged)
}

func (l *Lab) noCluster(id string) error {
	return fmt.Errorf("there is no cluster %q; see 'koflab status --name %s'", id, l.opts.Spec.Name)
}

// AddCluster writes the ClusterDeployment of a region or child, as kubectl apply
// would, and waits until the cluster is ready and observed.
func (l *Lab) AddCluster(ctx context.Context, r control.AddRequest) (control.Cluster, error) {
	var regions []topology.Region
	var children []topology.Child
	namespace, name := "", ""
	switch {
	case r.Region != nil && r.Child == nil:
		regions, name = []topology.Region{*r.Region}, r.Region.Name
	case r.Child != nil && r.Region == nil:
		children, name = []topology.Child{*r.Child}, r.Child.Name
	default:
		return control.Cluster{}, errors.New("want a region or a child")
	}
	if err := l.managementPresent(); err != nil {
		return control.Cluster{}, err
	}
	l.changeMu.Lock()
	defer l.changeMu.Unlock()
	extended, err := topology.Extend(l.spec(), regions, children)
	if err != nil {
		return control.Cluster{}, err
	}
	var cd *unstructured.Unstructured
	for _, u := range autoconfig.ClusterDeployments(extended, l.stack) {
		if u.GetKind() == "ClusterDeployment" && u.GetName() == name {
			cd = u // the newest of a name comes last
		}
	}
	namespace = cd.GetNamespace()
	api := l.management().embedded.Server()
	if _, err := api.Create(namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil && !apierrors.IsAlreadyExists(err) {
		return control.Cluster{}, err
	}
	if _, err := api.Create(clusterDeployments, cd); err != nil {
		return control.Cluster{}, err
	}
	l.setSpec(extended)
	var status control.Cluster
	err = l.await(ctx, fmt.Sprintf("cluster %s is observed", name), func() error {
		c := l.named(namespace, name)
		if c == nil {
			return errors.New("it is not there yet")
		}
		status = l.statusOf(c, true)
		v := c.view()
		switch {
		case v.planned.Unresolved != "" && r.Child != nil && r.Child.AllowUnresolved:
			return nil // as it may be; its status says why
		case v.planned.Unresolved != "":
			return errors.New(v.planned.Unresolved)
		case !status.Ready:
			return errors.New(status.Message)
		case v.collector == nil:
			return errors.New("none of its collectors is ready")
		}
		if err := v.collector.Flush(ctx); err != nil {
			return err
		}
		return l.check(ctx, proof{"count", "kube_node_info", map[clusterKey]float64{l.keyOf(c): float64(len(v.inventory.Nodes))}})
	})
	return status, err
}

// RemoveCluster deletes a ClusterDeployment and waits until the cluster is gone.
func (l *Lab) RemoveCluster(ctx context.Context, id string) error {
	c := l.cluster(id)
	if c == nil {
		return l.noCluster(id)
	}
	if c.Role == topology.RoleManagement {
		return fmt.Errorf("%s is the management cluster: it goes with the lab, 'koflab down --name %s'", id, l.opts.Spec.Name)
	}
	if err := l.managementPresent(); err != nil {
		return err
	}
	if c.Role == topology.RoleRegion {
		for _, other := range l.all() {
			if v := other.view(); other != c && v.planned.Region == id {
				return fmt.Errorf("%s stores the telemetry of %s; remove or move that first", id, other.ID)
			}
		}
	}
	l.changeMu.Lock()
	defer l.changeMu.Unlock()
	less, err := topology.Without(l.spec(), c.Namespace, c.Name)
	if err != nil {
		return err
	}
	if err := l.management().embedded.Server().Delete(clusterDeployments, c.Namespace, c.Name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	l.setSpec(less)
	return l.await(ctx, "cluster "+id+" is gone", func() error {
		if l.cluster(id) != nil {
			return errors.New("it is still there")
		}
		return nil
	})
}

func (l *Lab) setSpec(s *topology.Lab) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current = s
}

// await polls until f has no complaint, and returns the last one when that takes
// too long.
func (l *Lab) await(ctx context.Context, what string, f func() error) error {
	ctx, cancel := clock.WithTimeout(ctx, l.wall, changePatience)
	defer cancel()
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-l.wall.NewTimer(wait).C():
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %s: %w", changePatience, what, err)
		}
	}
}

// SetCredentials changes the password a cluster's collectors use. For a rotation
// the Secret on management is changed, which kof-operator hands to both sides;
// otherwise the cluster's own kof-collectors get a password that its region does
// not know.
func (l *Lab) SetCredentials(ctx context.Context, id string, r control.CredentialsRequest) error {
	c := l.cluster(id)
	if c == nil || c.view().collector == nil {
		return fmt.Errorf("there is no cluster %q with collectors; see 'koflab status --name %s'", id, l.opts.Spec.Name)
	}
	region := c.view().planned.Region
	s := l.store(region)
	if s == nil || region == c.ID {
		return fmt.Errorf("%s writes inside its own cluster, without credentials", id)
	}
	if err := l.managementPresent(); err != nil {
		return err
	}
	if r.Password == "" {
		return errors.New("password: want at least one character")
	}
	user := c.view().config.Metrics.Username
	var err error
	if r.Region {
		err = l.rotate(c, user, r.Password)
	} else {
		err = l.overridePassword(c, user, r.Password)
	}
	if err != nil {
		return err
	}
	err = l.await(ctx, "the collectors use the other password", func() error {
		v := c.view()
		if v.config == nil || v.config.Metrics.Password != r.Password {
			return errors.New("their pods are being replaced")
		}
		return nil
	})
	if err == nil {
		l.emit(event.Normal, "CredentialsChanged", id, "the collectors use another password")
	}
	return err
}

// rotate changes the Secret that a user's credentials come from.
func (l *Lab) rotate(c *cluster, user, password string) error {
	if err := l.overridePassword(c, user, ""); err != nil {
		return err
	}
	api := l.management().embedded.Server()
	name := gateway.SecretName(user)
	for {
		o, err := api.Get(secrets, c.Namespace, name)
		if err != nil {
			return err
		}
		s := &corev1.Secret{}
		if err := o.Into(s); err != nil {
			return err
		}
		s.Data["password"] = []byte(password)
		if _, err := api.Update(secrets, s, ""); !apierrors.IsConflict(err) {
			return err
		}
	}
}

// overridePassword writes the password into the cluster's kof-collectors values,
// or takes it out for "".
func (l *Lab) overridePassword(c *cluster, user, password string) error {
	var bad error
	err := l.edit(c.Namespace, c.Name, func(u *unstructured.Unstructured) bool {
		path := []string{"spec", "config", "clusterAnnotations", autoconfig.AnnotationCollectorsValues}
		values := map[string]any{}
		if text, ok, _ := unstructured.NestedString(u.Object, path...); ok {
			if bad = json.Unmarshal([]byte(text), &values); bad != nil {
				return false
			}
		}
		unstructured.RemoveNestedField(values, "kof", "vmuser", "username")
		unstructured.RemoveNestedField(values, "kof", "vmuser", "password")
		if password != "" {
			_ = unstructured.SetNestedField(values, user, "kof", "vmuser", "username")
			_ = unstructured.SetNestedField(values, password, "kof", "vmuser", "password")
		}
		b, err := json.Marshal(values)
		if err != nil {
			bad = err
			return false
		}
		bad = unstructured.SetNestedField(u.Object, string(b), path...)
		return bad == nil
	})
	return errors.Join(err, bad)
}
