// Package embeddedcluster makes clusters without Docker: a Kubernetes API in this
// process, the controllers that turn workloads into pods on simulated nodes, and
// the operators of KOF's charts. To everybody else such a cluster is a kubeconfig.
package embeddedcluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/gateway"
	"koflab/embed/kube"
	"koflab/embed/kube/controllers"
	"koflab/embed/kube/store"
	"koflab/embed/operators"
	"koflab/sim/clock"
	"koflab/sim/inventory"
)

// APIPort is where an embedded API server listens on its cluster's address.
const APIPort = 6443

// certificateTTL is that of an API server's and its administrator's certificates,
// as kubeadm and k0s issue them.
const certificateTTL = 365 * 24 * time.Hour

// Options say what cluster to make.
type Options struct {
	// Name is the cluster's name in messages and certificates.
	Name string
	// Seed makes the names and UIDs of its objects.
	Seed uint64
	// Nodes are there from the start.
	Nodes []*corev1.Node
	// Clock is the lab's. Founded, if not zero, is where the cluster's time stands
	// until Live: a lab's first objects are as old as its inventory.
	Clock   clock.Clock
	Founded time.Time
	// CA signs the API server's certificate and the administrator's; Address is
	// the IP:port to listen on, with port 0 for any.
	CA      *gateway.CA
	Address string
	// Logs answers for the logs of pods, Proxy says where a pod or Service of this
	// cluster really listens.
	Logs  func(ctx context.Context, namespace, pod, container string, o kube.LogOptions) (io.ReadCloser, error)
	Proxy func(namespace, kind, name, port string) (string, error)
}

// Cluster is a running embedded cluster.
type Cluster struct {
	opts        Options
	founding    atomic.Bool
	away        atomic.Bool // off the network
	server      *kube.Server
	controllers *controllers.Controllers
	operators   *operators.Operators
	stop        context.CancelFunc
}

// New starts a cluster. It listens when New returns.
func New(o Options) (*Cluster, error) {
	c := &Cluster{opts: o}
	c.founding.Store(!o.Founded.IsZero())
	c.server = kube.New(kube.Options{
		Name: o.Name, Seed: o.Seed, Now: c.now, GitVersion: inventory.KubernetesVersion, Logs: o.Logs, Proxy: o.Proxy,
	})
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("cluster %s: %w", o.Name, err), c.Close(context.Background()))
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	for _, n := range c.opts.Nodes {
		if _, err := c.server.Create(schema.GroupResource{Resource: "nodes"}, n); err != nil {
			return fmt.Errorf("node %s: %w", n.Name, err)
		}
	}
	delays := controllers.Fast
	if c.founding.Load() {
		delays = controllers.Immediate
	}
	c.controllers = controllers.Run(ctx, c.server, controllers.Options{
		Clock: c.opts.Clock, Now: c.now, Seed: c.opts.Seed, Delays: delays, Events: !c.founding.Load(),
		RootCA: string(c.opts.CA.CertificatePEM()),
	})
	c.operators = operators.Run(ctx, c.server, operators.Options{
		Clock: c.opts.Clock, Now: c.now, Seed: c.opts.Seed, CA: c.issue, Root: c.opts.CA.CertificatePEM(), Events: !c.founding.Load(),
	})
	return c.listen()
}

func (c *Cluster) listen() error {
	host, _, err := net.SplitHostPort(c.opts.Address)
	if err != nil {
		return err
	}
	names := []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	cert, err := c.opts.CA.ServerCertificate(names, []net.IP{net.ParseIP(host)}, certificateTTL)
	if err != nil {
		return err
	}
	return c.server.Listen(c.opts.Address, c.opts.CA.APIServerTLS(cert))
}

// issue lets the lab's CA sign what cert-manager asks for.
func (c *Cluster) issue(_ string, dns []string, ttl time.Duration) (cert, key []byte, err error) {
	pair, err := c.opts.CA.ServerCertificate(dns, nil, ttl)
	if err != nil {
		return nil, nil, err
	}
	return gateway.EncodePair(pair)
}

// now is the cluster's time.
func (c *Cluster) now() time.Time {
	if c.founding.Load() {
		return c.opts.Founded
	}
	return c.opts.Clock.Now()
}

// Live ends the founding: from here on the cluster's time is the lab's, pods take
// their time to start, and what happens to them is told in events.
func (c *Cluster) Live() {
	if c.founding.CompareAndSwap(true, false) {
		c.controllers.SetDelays(controllers.Fast)
		c.controllers.SetEvents(true)
		c.operators.SetEvents(true)
		c.server.Compact() // nobody has seen the founding
	}
}

// Settle waits until the cluster has nothing left to do at this instant.
func (c *Cluster) Settle(ctx context.Context) error {
	// What one of them does may give the other work.
	for {
		before := c.server.ResourceVersion()
		if err := c.operators.Settle(ctx); err != nil {
			return err
		}
		if err := c.controllers.Settle(ctx); err != nil {
			return err
		}
		if c.server.ResourceVersion() == before {
			return nil
		}
	}
}

// Server is the cluster's API, for those in this process.
func (c *Cluster) Server() *kube.Server { return c.server }

// Subscribe calls f for every change of an object, in order; f must return
// quickly and not call the cluster.
func (c *Cluster) Subscribe(f func(store.Change)) (cancel func()) { return c.server.Subscribe(f) }

// URL is where the API listens.
func (c *Cluster) URL() string { return "https://" + c.server.Addr() }

// Close ends the cluster; nothing of it is kept.
func (c *Cluster) Close(ctx context.Context) error {
	c.stop()
	if c.operators != nil {
		c.operators.Close()
	}
	if c.controllers != nil {
		c.controllers.Close()
	}
	return c.server.Close(ctx)
}

// administrator issues the certificate that a kubeconfig carries.
func (c *Cluster) administrator() (tls.Certificate, error) {
	return c.opts.CA.UserCertificate("kubernetes-admin", []string{"system:masters"}, certificateTTL)
}
