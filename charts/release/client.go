package release

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/resource"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"koflab/sim/clock"
)

// Options are what a Client needs.
type Options struct {
	// Config reaches the cluster. It is copied; its rate limits are lifted.
	Config *rest.Config
	// Cluster names the cluster in events and errors; it may be empty.
	Cluster string
	// Now stamps releases and events; nil means the machine's clock.
	Now func() time.Time
	// Clock paces waits and bounds operations if it is virtual; else the machine's does.
	Clock clock.Clock
	// Progress receives every step, one call at a time; nil means nobody asks.
	// It must return soon and not call the Client.
	Progress func(Event)
	// Parallel bounds the releases ApplyAll works on at once; zero means 4.
	Parallel int
	// MaxHistory bounds the revisions kept of a release; zero means 10.
	MaxHistory int
}

// Client works on the releases of one cluster. It holds connections and what
// it learned about the API, and nothing else: drop it when done. It is safe
// for concurrent use, except that two operations on one release take turns.
type Client struct {
	config     *rest.Config
	http       *http.Client
	cluster    string
	now        func() time.Time
	wall       clock.Clock
	ownClock   bool
	parallel   int
	maxHistory int

	progressMu sync.Mutex
	progress   func(Event)

	mu    sync.Mutex
	rest  map[schema.GroupVersion]rest.Interface
	core  corev1.CoreV1Interface
	api   *api
	locks map[string]*releaseLock
}

// New makes a Client. It does not talk to the cluster yet.
func New(o Options) (*Client, error) {
	if o.Config == nil {
		return nil, errors.New("release: no REST configuration given: fill in Options.Config")
	}
	config := rest.CopyConfig(o.Config)
	config.QPS, config.RateLimiter = -1, nil
	if config.UserAgent == "" {
		config.UserAgent = "koflab"
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("release: cluster %q: REST configuration: %w", o.Cluster, err)
	}
	c := &Client{
		config: config, http: client, cluster: o.Cluster, now: o.Now, wall: clock.Wall(o.Clock), ownClock: o.Now != nil,
		progress: o.Progress, parallel: o.Parallel, maxHistory: o.MaxHistory,
		rest: map[schema.GroupVersion]rest.Interface{}, locks: map[string]*releaseLock{},
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.parallel <= 0 {
		c.parallel = 4
	}
	if c.maxHistory <= 0 {
		c.maxHistory = 10
	}
	return c, nil
}

// Close gives up idle connections. A Client whose configuration has its own
// transport, as clusters in this process have, need not be closed.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// restFor returns the client of one group version. Answers become unstructured
// objects whatever their kind.
func (c *Client) restFor(gv schema.GroupVersion) (rest.Interface, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.rest[gv]; ok {
		return r, nil
	}
	config := rest.CopyConfig(c.config)
	config.ContentConfig = resource.UnstructuredPlusDefaultContentConfig()
	config.GroupVersion = &gv
	config.APIPath = "/apis"
	if gv.Group == "" {
		config.APIPath = "/api"
	}
	// Warnings come back in the answer's headers and are collected per
	// operation; the default handler would print them.
	config.WarningHandlerWithContext = warningCollector{}
	r, err := rest.RESTClientForConfigAndClient(config, c.http)
	if err != nil {
		return nil, err
	}
	c.rest[gv] = r
	return r, nil
}

// coreV1 is the typed client for Secrets, Pods and Events.
func (c *Client) coreV1() (corev1.CoreV1Interface, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.core != nil {
		return c.core, nil
	}
	config := rest.CopyConfig(c.config)
	config.WarningHandlerWithContext = warningCollector{}
	config.ContentType, config.AcceptContentTypes = "application/json", "application/json"
	core, err := corev1.NewForConfigAndClient(config, c.http)
	if err != nil {
		return nil, err
	}
	c.core = core
	return core, nil
}

type warningsKey struct{}

// warnings gathers the API server's warnings of one operation.
type warnings struct {
	mu   sync.Mutex
	seen map[string]bool
	list []string
	tell func(string)
}

func (w *warnings) add(text string) {
	w.mu.Lock()
	fresh := !w.seen[text]
	if fresh {
		w.seen[text] = true
		w.list = append(w.list, text)
	}
	w.mu.Unlock()
	if fresh && w.tell != nil {
		w.tell(text)
	}
}

// warningCollector hands a warning to the operation whose request caused it.
type warningCollector struct{}

func (warningCollector) HandleWarningHeaderWithContext(ctx context.Context, code int, _, text string) {
	if w, ok := ctx.Value(warningsKey{}).(*warnings); ok && code == 299 && text != "" {
		w.add(text)
	}
}

// releaseLock lets operations on one release take turns.
type releaseLock struct {
	ch    chan struct{}
	users int
}

func (c *Client) lock(ctx context.Context, key string) (unlock func(), err error) {
	c.mu.Lock()
	l := c.locks[key]
	if l == nil {
		l = &releaseLock{ch: make(chan struct{}, 1)}
		c.locks[key] = l
	}
	l.users++
	c.mu.Unlock()
	leave := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(c.locks, key)
		}
	}
	select {
	case l.ch <- struct{}{}:
		return func() { <-l.ch; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, fmt.Errorf("gave up while another operation on release %s was under way: %w", key, ctx.Err())
	}
}
