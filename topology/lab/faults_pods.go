package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"koflab/embed/kube/controllers"
	kubestore "koflab/embed/kube/store"
	"koflab/sim/event"
)

// strike breaks a share of some pods of a cluster, and of those that replace them,
// until it ends.
type strike struct {
	cluster *cluster
	pick    func() ([]*corev1.Pod, error)
	fault   string // of the annotation that the kubelet understands
	share   float64

	mu     sync.Mutex
	struck map[types.UID]bool
	ended  bool

	kick   chan struct{}
	cancel func()
	stop   context.CancelFunc
	done   chan struct{}
}

// strikePods begins to break pods. It refuses if there are none.
func (x *faults) strikePods(c *cluster, pick func() ([]*corev1.Pod, error), fault string, share float64) (undo, error) {
	s := &strike{
		cluster: c, pick: pick, fault: fault, share: share, struck: map[types.UID]bool{}, kick: make(chan struct{}, 1), done: make(chan struct{}),
	}
	found, err := pick()
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%s has no pod of it", c)
	}
	if err == nil {
		err = s.round()
	}
	if err != nil {
		return nil, errors.Join(err, s.mend())
	}
	s.cancel = c.embedded.Subscribe(func(ch kubestore.Change) {
		if ch.Object.GVR.GroupResource() != pods {
			return
		}
		select {
		case s.kick <- struct{}{}:
		default:
		}
	})
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go s.follow(ctx, x.lab)
	return func(context.Context) error {
		s.end()
		if x.gone(c) {
			return nil
		}
		return s.mend()
	}, nil
}

// follow breaks the pods that come.
func (s *strike) follow(ctx context.Context, l *Lab) {
	defer close(s.done)
	for {
		select {
		case <-s.kick:
			if err := s.round(); err != nil && ctx.Err() == nil {
				l.events.Add(event.Warning, "FaultIncomplete", s.cluster.ID, err.Error())
			}
		case <-ctx.Done():
			return
		}
	}
}

// end stops following; what has been broken stays so.
func (s *strike) end() {
	s.mu.Lock()
	ended := s.ended
	s.ended = true
	s.mu.Unlock()
	if !ended {
		s.cancel()
		s.stop()
		<-s.done
	}
}

// round breaks as many pods as the share wants.
func (s *strike) round() error {
	found, err := s.pick()
	if err != nil {
		return err
	}
	slices.SortFunc(found, func(a, b *corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	want := int(math.Ceil(s.share * float64(len(found))))
	for _, p := range found {
		if s.struck[p.UID] {
			want--
		}
	}
	for _, p := range found {
		if want <= 0 {
			return nil
		}
		if s.struck[p.UID] || p.Annotations[controllers.FaultAnnotation] != "" {
			continue // somebody else broke it
		}
		if err := s.annotate(p, s.fault); err != nil {
			return err
		}
		s.struck[p.UID] = true
		want--
	}
	return nil
}

// mend takes the annotation off all pods that have it from here.
func (s *strike) mend() error {
	var errs []error
	for _, o := range s.cluster.embedded.Server().List(pods, "", labels.Everything()) {
		if !s.struck[o.UID] {
			continue
		}
		p := &corev1.Pod{}
		if err := o.Into(p); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, s.annotate(p, ""))
	}
	return errors.Join(errs...)
}

// annotate sets the fault of a pod, or takes it off for "". A pod that is gone is
// none to care about.
func (s *strike) annotate(p *corev1.Pod, fault string) error {
	return modify(s.cluster, pods, p.Namespace, p.Name, func(p *corev1.Pod) bool {
		setAnnotation(&p.ObjectMeta, controllers.FaultAnnotation, fault)
		return true
	})
}

func setAnnotation(m *metav1.ObjectMeta, name, value string) {
	if value == "" {
		delete(m.Annotations, name)
		return
	}
	if m.Annotations == nil {
		m.Annotations = map[string]string{}
	}
	m.Annotations[name] = value
}

// modify changes an object of a cluster until nobody else has changed it meanwhile;
// one that is gone is left alone.
func modify[T any](c *cluster, gr schema.GroupResource, namespace, name string, change func(*T) bool) error {
	api := c.embedded.Server()
	for {
		o, err := api.Get(gr, namespace, name)
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		t := new(T)
		if err := o.Into(t); err != nil {
			return err
		}
		if !change(t) {
			return nil
		}
		if _, err = api.Update(gr, t, ""); apierrors.IsNotFound(err) {
			return nil
		}
		if !apierrors.IsConflict(err) {
			return err
		}
	}
}

// podsOf picks the pods that a workload's selector selects.
func podsOf(c *cluster, namespace string, selector *metav1.LabelSelector) func() ([]*corev1.Pod, error) {
	return func() ([]*corev1.Pod, error) {
		s, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			return nil, err
		}
		return listPods(c, namespace, s, func(*corev1.Pod) bool { return true })
	}
}

// listPods are the pods of a namespace that are not going, as far as f wants them.
func listPods(c *cluster, namespace string, s labels.Selector, f func(*corev1.Pod) bool) ([]*corev1.Pod, error) {
	var out []*corev1.Pod
	for _, o := range c.embedded.Server().List(pods, namespace, s) {
		p := &corev1.Pod{}
		if err := o.Into(p); err != nil {
			return nil, err
		}
		if p.DeletionTimestamp == nil && f(p) {
			out = append(out, p)
		}
	}
	return out, nil
}
