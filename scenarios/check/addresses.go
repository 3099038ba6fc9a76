package check

import (
	"net"
	"net/url"
	"regexp"
	"strconv"
)

// addresses name what listens on the lab's loopback addresses, which are others
// in each run.
type addresses struct {
	env       Env
	listeners map[string]string // CLUSTER/LISTENER by IP:port; nil until they are needed
	clusters  map[string]string // by IP, where only one has it
}

func (a *addresses) read() {
	a.listeners, a.clusters = map[string]string{}, map[string]string{}
	for _, c := range a.env.Access().Clusters {
		for listener, raw := range c.Endpoints {
			u, err := url.Parse(raw)
			if err != nil {
				continue
			}
			// One address may have several names, such as those of one port.
			if name := c.Name + "/" + listener; a.listeners[u.Host] == "" || name < a.listeners[u.Host] {
				a.listeners[u.Host] = name
			}
			if other, known := a.clusters[u.Hostname()]; known && other != c.Name {
				a.clusters[u.Hostname()] = ""
			} else {
				a.clusters[u.Hostname()] = c.Name
			}
		}
	}
}

var loopback = regexp.MustCompile(`\b127\.\d+\.\d+\.\d+(:\d+)?\b`)

// replace puts names in the place of loopback addresses. Ports that the system
// picked for a client, and addresses nothing is known of, become "client".
func (a *addresses) replace(text string) string {
	return loopback.ReplaceAllStringFunc(text, func(address string) string {
		if a.listeners == nil {
			a.read()
		}
		if name := a.listeners[address]; name != "" {
			return name
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			host = address
		}
		switch name := a.clusters[host]; {
		case name == "":
			return "client"
		case port == "" || ephemeral(port):
			return name
		default:
			return name + ":" + port
		}
	})
}

// ephemeral reports whether a port is one that systems pick for clients.
func ephemeral(port string) bool {
	n, err := strconv.Atoi(port)
	return err != nil || n >= 32768
}

// Named puts the lab's names in the place of loopback addresses in a text, which are
// others in each run. Without a lab, nil, they become "client".
func Named(env Env, text string) string {
	a := addresses{env: env}
	if env == nil {
		a.listeners, a.clusters = map[string]string{}, map[string]string{}
	}
	return a.replace(text)
}
