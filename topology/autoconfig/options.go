package autoconfig

import (
	"context"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"koflab/charts/release"
	"koflab/sim/clock"
	"koflab/topology"
)

// DefaultRecheck is how often, on the lab's clock, clusters are searched for
// objects of releases that were changed or deleted by hand.
const DefaultRecheck = 10 * time.Minute

// Levels of events.
const (
	Normal  = "Normal"
	Warning = "Warning"
)

// Options say for which management cluster the controllers work, and how.
type Options struct {
	// Config reaches the management cluster.
	Config *rest.Config
	// Management is what its telemetry is called and, as ManagementData asks for
	// them, its domain, retention and region.
	Management     topology.Management
	ManagementData topology.ManagementData
	Stack          *topology.Stack
	Network        topology.NetworkMode
	CrossNamespace bool
	// Clock is the lab's; nil means the machine's. Now stamps conditions and
	// releases; nil means the clock's time.
	Clock clock.Clock
	Now   func() time.Time
	// PasswordSeed makes passwords repeatable; without one they are random.
	PasswordSeed string
	// Connect reaches a target cluster; nil means as its kubeconfig says.
	Connect func(ctx context.Context, namespace, name string, kubeconfig []byte) (*rest.Config, error)
	// Event is told what happens, from several goroutines; nil means nobody asks.
	Event func(level, reason, object, message string)
	// Progress is told each step of each installation; nil means nobody asks.
	Progress func(release.Event)
	// Workers is how many target clusters are worked on at once, 2 by default.
	Workers int
	// Recheck is how often releases are checked for drift; zero means
	// DefaultRecheck, less than zero never.
	Recheck time.Duration
	// ReleaseTimeout bounds one release's installation; zero means Helm's default.
	ReleaseTimeout time.Duration
}

func (o *Options) fill() error {
	if o.Config == nil {
		return errNoConfig
	}
	if o.Stack == nil {
		s, err := topology.Profile(topology.DefaultStack)
		if err != nil {
			return err
		}
		o.Stack = s
	}
	o.Management.Name = or(o.Management.Name, topology.DefaultManagement)
	o.Management.Namespace = or(o.Management.Namespace, topology.DefaultNamespace)
	if o.Network == "" {
		o.Network = topology.NetworkIngress
	}
	if o.ManagementData == "" {
		o.ManagementData = topology.ManagementDataNone
	}
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	if o.Now == nil {
		o.Now = o.Clock.Now
	}
	if o.Connect == nil {
		o.Connect = func(_ context.Context, _, _ string, kubeconfig []byte) (*rest.Config, error) {
			return clientcmd.RESTConfigFromKubeConfig(kubeconfig)
		}
	}
	if o.Event == nil {
		o.Event = func(string, string, string, string) {}
	}
	if o.Workers <= 0 {
		o.Workers = 2
	}
	if o.Recheck == 0 {
		o.Recheck = DefaultRecheck
	}
	return nil
}

func (o *Options) placing() placing {
	return placing{
		Management: o.Management.Name, ManagementNamespace: o.Management.Namespace,
		Data: o.ManagementData, CrossNamespace: o.CrossNamespace,
	}
}
