package embeddedcluster

import (
	"fmt"
	"net/http"
	"syscall"

	"k8s.io/client-go/rest"
)

// SetAway takes the cluster's API off the network, or brings it back on its address:
// the listener is closed, and clients by RESTConfig are refused as by a closed port.
// What runs in the cluster goes on, as does Server.
func (c *Cluster) SetAway(away bool) error {
	if c.away.Swap(away) == away {
		return nil
	}
	if away {
		return c.server.Unlisten()
	}
	if addr := c.server.Addr(); addr != "" {
		c.opts.Address = addr // which the system may have picked
	}
	return c.listen()
}

// RESTConfig reaches the API without a socket.
func (c *Cluster) RESTConfig() *rest.Config {
	config := c.server.RESTConfig()
	config.WrapTransport = func(next http.RoundTripper) http.RoundTripper { return &refusing{c, next} }
	return config
}

// refusing is the way to a cluster that may be away.
type refusing struct {
	cluster *Cluster
	next    http.RoundTripper
}

func (r *refusing) RoundTrip(q *http.Request) (*http.Response, error) {
	if !r.cluster.away.Load() {
		return r.next.RoundTrip(q)
	}
	if q.Body != nil {
		_ = q.Body.Close()
	}
	return nil, fmt.Errorf("dial tcp %s: %w", r.cluster.opts.Address, syscall.ECONNREFUSED)
}
