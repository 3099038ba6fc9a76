package autoconfig

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"koflab/sim/clock"
)

var errNoConfig = errors.New("autoconfig: no REST configuration of the management cluster given: fill in Options.Config")

// Controllers are the running controllers of one management cluster.
type Controllers struct {
	Options
	api   *api
	cache *cache
	rest  rest.Interface
	// reload says that promxy has not read its latest configuration; only the
	// bookkeeper uses it.
	reload bool
	// control is looked at by one goroutine, so what it does needs no locks;
	// targets by several, one cluster each.
	control, targets *queue
	looks            map[string]func(context.Context, types.NamespacedName) error

	mu     sync.Mutex
	states map[types.NamespacedName]*targetState
	// reads are the objects that a target's templates read, by object.
	reads map[reference]map[types.NamespacedName]bool
	told  map[string]string // last message by object and reason

	charts sync.Map // name@version -> *chart

	stop context.CancelFunc
	done sync.WaitGroup
}

// kinds of keys in the control queue.
const (
	lookDeployment = "deployment"
	lookRegion     = "region"
	lookPromxy     = "promxy"
	lookSelects    = "selects"
	lookAlerts     = "alerts"
	lookService    = "service"
	lookProfile    = "profile"
	lookMatch      = "match"
	lookTemplate   = "template"
	lookCredential = "credential"
	lookCluster    = "clustertemplate"
	lookManagement = "management"
	lookMatched    = "matched"
	lookKCM        = "kcm"
	lookTarget     = "target"
)

// Run starts the controllers. They work until Close is called or the context
// ends. It returns when the objects that are there are known.
func Run(ctx context.Context, o Options) (*Controllers, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	config := rest.CopyConfig(o.Config)
	config.QPS, config.RateLimiter = -1, nil
	config.UserAgent = or(config.UserAgent, "koflab-autoconfig")
	// Refusals come back as errors; warnings about them would be printed.
	config.WarningHandler = rest.NoWarnings{}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("autoconfig: management cluster: %w", err)
	}
	raw, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("autoconfig: management cluster: %w", err)
	}
	return run(ctx, o, client, raw.RESTClient())
}

// run starts the controllers with clients of the management cluster.
func run(ctx context.Context, o Options, client dynamic.Interface, raw rest.Interface) (*Controllers, error) {
	c := &Controllers{
		Options: o, control: newQueue(o.Clock), targets: newQueue(o.Clock), rest: raw,
		states: map[types.NamespacedName]*targetState{}, reads: map[reference]map[types.NamespacedName]bool{},
		told: map[string]string{},
	}
	c.cache = newCache(client, clock.Wall(o.Clock), c.route, func(resource) { c.relook() })
	c.api = &api{client: client, cache: c.cache}
	c.looks = map[string]func(context.Context, types.NamespacedName) error{
		lookDeployment: c.lookDeployment, lookRegion: c.lookRegion,
		lookPromxy: c.lookPromxy, lookSelects: c.lookSelects, lookAlerts: c.lookAlerts,
		lookService: c.lookService, lookProfile: c.lookProfile, lookMatch: c.lookMatch,
		lookTemplate: c.lookTemplate, lookCredential: c.lookCredential, lookCluster: c.lookClusterTemplate,
		lookManagement: c.lookManagement, lookMatched: c.lookMatched, lookKCM: c.lookKCM,
		lookTarget: c.lookTarget,
	}
	ctx, c.stop = context.WithCancel(ctx)
	c.start(ctx)
	for _, r := range watched {
		select {
		case <-c.cache.stores[r].synced:
		case <-ctx.Done():
			c.Close()
			return nil, fmt.Errorf("autoconfig: while reading %s from the management cluster: %w", r.Resource, ctx.Err())
		}
	}
	c.work(ctx, c.control, 1)
	c.work(ctx, c.targets, o.Workers)
	c.once(lookManagement)
	c.once(lookPromxy)
	c.once(lookSelects)
	c.once(lookAlerts)
	return c, nil
}

func (c *Controllers) start(ctx context.Context) {
	for _, r := range watched {
		c.done.Go(func() { c.cache.follow(ctx, r) })
	}
	c.done.Go(func() {
		<-ctx.Done()
		c.control.close()
		c.targets.close()
	})
	if c.Recheck > 0 {
		c.done.Go(func() { c.recheck(ctx) })
	}
}

func (c *Controllers) work(ctx context.Context, q *queue, workers int) {
	for range workers {
		c.done.Go(func() {
			q.work(ctx, func(ctx context.Context, k key) error { return c.looks[k.kind](ctx, k.NamespacedName) }, c.failed)
		})
	}
}

// failed tells a failure that did not go away by itself. Two writers of one
// object are no failure: the later one looks again.
func (c *Controllers) failed(k key, err error, n int) {
	var told *unreachableError
	if apierrors.IsConflict(err) || errors.Is(err, context.Canceled) || errors.As(err, &told) || n != 3 && n != quickRetries {
		return
	}
	c.tell(Warning, "ReconcileFailed", k.String(), err.Error())
}

// once asks for a look at something there is one of.
func (c *Controllers) once(kind string) { c.control.add(key{kind: kind}) }

func (c *Controllers) look(kind, namespace, name string) {
	c.control.add(key{kind, types.NamespacedName{Namespace: namespace, Name: name}})
}

func (c *Controllers) target(cluster types.NamespacedName) { c.targets.add(key{lookTarget, cluster}) }

// targetLater is for what may wait until more of it has come.
func (c *Controllers) targetLater(cluster types.NamespacedName) {
	c.targets.addLater(key{lookTarget, cluster}, gather)
}

// Settle waits until there is nothing left to do now. What waits for time to
// pass, or for somebody else, is not waited for.
func (c *Controllers) Settle(ctx context.Context) error {
	const between = time.Millisecond
	for {
		if c.idle() {
			// The API server may have something that has not arrived here yet.
			current, err := c.cache.current(ctx)
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("autoconfig: reading the management cluster: %w", err)
			}
			if current && c.idle() {
				return nil
			}
		}
		select {
		case <-clock.Wall(c.Clock).NewTimer(between).C():
		case <-ctx.Done():
			return fmt.Errorf("autoconfig has not settled: %s: %w", c.busy(), ctx.Err())
		}
	}
}

// idle reports whether nothing is to be done now. What waits for more of its
// kind is done when all else is.
func (c *Controllers) idle() bool {
	if c.control.working() || c.targets.working() || c.control.working() {
		return false
	}
	c.control.hurry()
	c.targets.hurry()
	return c.control.idle() && c.targets.idle() && c.control.idle()
}

// busy says what is being done.
func (c *Controllers) busy() string {
	if what := c.control.String() + c.targets.String(); what != "" {
		return "at work on" + what
	}
	return "the management cluster's objects change all the time"
}

// Resync looks at everything again, and at the objects of all releases.
func (c *Controllers) Resync() {
	c.relook()
	c.resyncTargets()
}

// relook looks again at all that is known of management.
func (c *Controllers) relook() {
	for _, r := range watched {
		for _, u := range c.cache.list(r, nil) {
			c.route(r, u, u)
		}
	}
	c.once(lookManagement)
	c.once(lookPromxy)
	c.once(lookSelects)
	c.once(lookAlerts)
}

func (c *Controllers) resyncTargets() {
	for _, u := range c.cache.list(sveltosClusters, nil) {
		c.state(keyOf(u)).force.Store(true)
		c.target(keyOf(u))
	}
}

// recheck looks for drift from time to time. However fast the lab's clock runs,
// the checks take no more than a twentieth of the real time.
func (c *Controllers) recheck(ctx context.Context) {
	ticker := c.Clock.NewTicker(c.Recheck)
	defer ticker.Stop()
	wall := clock.Wall(c.Clock)
	var pause time.Duration
	last := wall.Now()
	for {
		select {
		case <-ticker.C():
		case <-ctx.Done():
			return
		}
		if wall.Now().Sub(last) < pause {
			continue
		}
		began := wall.Now()
		c.resyncTargets()
		for !c.targets.idle() && ctx.Err() == nil {
			select {
			case <-wall.NewTimer(10 * time.Millisecond).C():
			case <-ctx.Done():
			}
		}
		last = wall.Now()
		pause = 20 * last.Sub(began)
	}
}

// Close ends the controllers. What is being installed is given up.
func (c *Controllers) Close() {
	c.stop()
	c.done.Wait()
}

// tell reports something about an object, once as long as it stays the same.
func (c *Controllers) tell(level, reason, object, message string) {
	c.mu.Lock()
	same := c.told[object+"\x00"+reason] == message
	c.told[object+"\x00"+reason] = message
	c.mu.Unlock()
	if !same {
		c.Event(level, reason, object, message)
	}
}

// untell forgets what was told of an object, so that it is told when it happens
// again.
func (c *Controllers) untell(reason, object string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.told, object+"\x00"+reason)
}

// warn reports a fault of an object, to whoever listens and, as an Event, to
// kubectl describe.
func (c *Controllers) warn(ctx context.Context, r resource, u *unstructured.Unstructured, reason, message string) {
	name := r.name(u.GetNamespace(), u.GetName())
	c.mu.Lock()
	same := c.told[name+"\x00"+reason] == message
	c.mu.Unlock()
	if same {
		return
	}
	c.tell(Warning, reason, name, message)
	c.recordEvent(ctx, u, reason, message)
}
