package collector

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"koflab/sim/clock"
	"koflab/sim/event"
	"koflab/sim/ledger"
)

// Endpoint is where a signal is sent, with the whole path. Without a Username
// requests carry no credentials, as KOF's in-cluster writes do not.
type Endpoint struct {
	URL      string
	Username string
	Password string
}

// RemoteWriteVersion is a version of the Prometheus remote-write protocol.
type RemoteWriteVersion int

// The remote-write versions. KOF's collectors send version 1.
const (
	RemoteWriteV1 RemoteWriteVersion = 1
	RemoteWriteV2 RemoteWriteVersion = 2
)

// Config describes the collectors of one cluster. The zero value of a field
// means KOF's default. Durations are lab time unless said otherwise.
type Config struct {
	// ID is the collector's name in the ledger, its events and its files.
	ID string
	// Cluster and ClusterNamespace are the values of the external labels and of
	// the resource attributes of logs.
	Cluster          string
	ClusterNamespace string
	// ClusterLabel and ClusterNamespaceLabel name the external labels: "cluster"
	// ("clusterName" in KOF 1.0) and "clusterNamespace". With a ClusterLabel and
	// without the other, as in KOF 1.0, metrics do not have the namespace.
	ClusterLabel          string
	ClusterNamespaceLabel string

	// Clock is the lab's; Real if nil.
	Clock clock.Clock

	Targets []Target
	Logs    LogSource
	Traces  TraceSource
	// ScrapeInterval is for targets that name none; 30 s.
	ScrapeInterval time.Duration
	// ScrapeTimeout is bounded by the interval; 10 s. See RequestTimeout.
	ScrapeTimeout time.Duration

	// To is the far side's name in the ledger: the region.
	To string
	// Metrics, LogsOut, AuditOut and TracesOut say where the signals go. A signal
	// without a URL is neither generated nor received; audit records without an
	// endpoint of their own go to LogsOut.
	Metrics   Endpoint
	LogsOut   Endpoint
	AuditOut  Endpoint
	TracesOut Endpoint
	// RemoteWrite is the protocol version for metrics; RemoteWriteV1.
	RemoteWrite RemoteWriteVersion
	// Client sends all requests and scrapes nothing; http.DefaultClient if nil.
	Client *http.Client

	// OTLPGRPCAddr, OTLPHTTPAddr and TelemetryAddr are listen addresses such as
	// "127.0.0.2:4317"; empty means not served. With a TelemetryAddr the
	// collector also scrapes its own otelcol_* metrics into the pipeline.
	OTLPGRPCAddr  string
	OTLPHTTPAddr  string
	TelemetryAddr string
	// TelemetryInstance is the instance label of those metrics; the bound address
	// if empty, which is another in every run.
	TelemetryInstance string

	// StorageDir holds the queues of logs and traces, like file_storage; with
	// none they are in memory. One collector at a time may use a directory.
	StorageDir string
	// QueueSize is the capacity of each sending queue in batches; 1000.
	QueueSize int

	// BatchSize is how many records trigger a batch, BatchMax what one may hold
	// at most, BatchTimeout how long the first may wait; 1000, 1500, 1 s.
	BatchSize    int
	BatchMax     int
	BatchTimeout time.Duration

	// RetryInitial and RetryMax bound the wait between attempts; 5 s and 30 s.
	RetryInitial time.Duration
	RetryMax     time.Duration
	// RetryMaxElapsed is when a batch is given up; 5 min, negative for never.
	RetryMaxElapsed time.Duration
	// RequestTimeout bounds one attempt; 5 s for metrics and 30 s for logs and
	// traces if zero. An accelerated clock shortens it, though never below a
	// second of real time; with a virtual clock it is real time.
	RequestTimeout time.Duration

	Ledger *ledger.Ledger
	Events *event.Log
	// Journal, if not nil, keeps what is offered and what became of it.
	Journal *OfferJournal

	life *life // in the journal
}

// withDefaults returns the configuration with KOF's defaults filled in, or what
// is wrong with it.
func (c Config) withDefaults() (Config, error) {
	if c.ID == "" || c.To == "" {
		return c, errors.New("collector: ID and To are needed: they name the ledger's hop")
	}
	for _, e := range []struct{ name, url string }{
		{"Metrics", c.Metrics.URL}, {"LogsOut", c.LogsOut.URL},
		{"AuditOut", c.AuditOut.URL}, {"TracesOut", c.TracesOut.URL},
	} {
		if e.url == "" {
			continue
		}
		u, err := url.Parse(e.url)
		if err != nil {
			return c, fmt.Errorf("collector %s: %s: %w", c.ID, e.name, err)
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return c, fmt.Errorf("collector %s: %s: %q is not an http or https URL", c.ID, e.name, e.url)
		}
	}
	if c.Clock == nil {
		c.Clock = clock.Real()
	}
	if c.Ledger == nil {
		c.Ledger = ledger.New()
	}
	if c.Client == nil {
		c.Client = http.DefaultClient
	}
	if c.ClusterLabel == "" {
		c.ClusterLabel = "cluster"
		orDefault(&c.ClusterNamespaceLabel, "clusterNamespace")
	}
	orDefault(&c.ScrapeInterval, 30*time.Second)
	orDefault(&c.ScrapeTimeout, 10*time.Second)
	orDefault(&c.RemoteWrite, RemoteWriteV1)
	orDefault(&c.QueueSize, 1000)
	orDefault(&c.BatchSize, 1000)
	orDefault(&c.BatchMax, c.BatchSize*3/2)
	orDefault(&c.BatchTimeout, time.Second)
	orDefault(&c.RetryInitial, 5*time.Second)
	orDefault(&c.RetryMax, 30*time.Second)
	orDefault(&c.RetryMaxElapsed, 5*time.Minute)
	if c.RemoteWrite != RemoteWriteV1 && c.RemoteWrite != RemoteWriteV2 {
		return c, fmt.Errorf("collector %s: remote write version %d is neither 1 nor 2", c.ID, c.RemoteWrite)
	}
	if c.QueueSize < 0 || c.BatchSize < 0 || c.BatchMax < c.BatchSize {
		return c, fmt.Errorf("collector %s: queue of %d batches of %d to %d records: want sizes above zero, largest last", c.ID, c.QueueSize, c.BatchSize, c.BatchMax)
	}
	for _, d := range []time.Duration{c.ScrapeInterval, c.ScrapeTimeout, c.BatchTimeout, c.RetryInitial, c.RetryMax, c.RequestTimeout} {
		if d < 0 {
			return c, fmt.Errorf("collector %s: negative duration %s", c.ID, d)
		}
	}
	return c, nil
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// realTimeout turns a timeout into real time: sockets do not run faster in a
// fast lab, so an accelerated timeout keeps a floor of a second.
func realTimeout(c clock.Clock, d time.Duration) time.Duration {
	speed := c.Speed()
	if speed <= 1 {
		return d
	}
	return max(time.Duration(float64(d)/speed), min(d, time.Second))
}
