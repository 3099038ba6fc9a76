package topology

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProfileNames(t *testing.T) {
	require.Equal(t, []string{"seed", "current", "v1.0"}, ProfileNames())
	_, err := Profile("1.11")
	require.EqualError(t, err, `there is no stack profile "1.11", choose one of seed, current, v1.0`)
}

func eachStack(t *testing.T, f func(t *testing.T, s *Stack)) {
	for _, name := range ProfileNames() {
		t.Run(name, func(t *testing.T) {
			s, err := Profile(name)
			require.NoError(t, err)
			f(t, s)
		})
	}
}

// The parts of a profile refer to each other by name.
func TestProfilesAreConsistent(t *testing.T) {
	eachStack(t, func(t *testing.T, s *Stack) {
		require.Equal(t, "TestProfilesAreConsistent/"+s.Name, t.Name(), "a profile has the name of its file")
		listeners := map[string]Listener{}
		ports := map[Trait]map[int]string{}
		for _, l := range s.Listeners {
			require.NotContains(t, listeners, l.Name)
			listeners[l.Name] = l
			if ports[l.On] == nil {
				ports[l.On] = map[int]string{}
			}
			require.NotContains(t, ports[l.On], l.Port, "%s has the port of %s", l.Name, ports[l.On][l.Port])
			ports[l.On][l.Port] = l.Name
		}
		for i, r := range s.Routes {
			require.Contains(t, listeners, r.To, r.Prefix)
			require.Equal(t, TraitStorage, listeners[r.To].On, r.Prefix)
			for _, later := range s.Routes[i+1:] {
				require.False(t, later.Host == r.Host && strings.HasPrefix(later.Prefix, r.Prefix), "%s is hidden by %s", later.Prefix, r.Prefix)
			}
		}
		components := map[Trait][]string{}
		for _, c := range s.Charts {
			require.NotEmpty(t, c.Components, c.Name)
			for _, part := range c.Components {
				components[c.On] = append(components[c.On], part.Name)
			}
		}
		require.Contains(t, components[s.Alerts.On], s.Alerts.By)
		require.Contains(t, components[s.Recording.On], s.Recording.By)
		require.NotEmpty(t, s.Installed(), "the charts of profile %q", s.Installs)
		require.Equal(t, s.Credentials == CredentialsShared, s.Secret != "")
		require.Equal(t, s.Tenants.Enabled, s.Labels.Tenant != "" && s.Tenants.Default != "")
	})
}

// A public URL arrives at a route of its own signal and access, and what the
// gateway makes of it is the local URL.
func TestURLsMeetRoutes(t *testing.T) {
	store := Cluster{Name: "r1", Domain: "r1.example.com"}
	eachStack(t, func(t *testing.T, s *Stack) {
		for name, signal := range s.Signals.byName() {
			if signal == (Signal{}) {
				continue
			}
			public, local := signal.For(NetworkIngress).At(store, ""), signal.Local.At(store, "127.1.2.3")
			for access, urls := range map[string][2]string{"write": {public.Write, local.Write}, "read": {public.Read, local.Read}} {
				from, err := url.Parse(urls[0])
				require.NoError(t, err)
				host, domain, _ := strings.Cut(from.Host, ".")
				require.Equal(t, store.Domain, domain)
				i := slices.IndexFunc(s.Routes, func(r Route) bool {
					on := r.Host
					fill(&on, "vmauth")
					return on == host && strings.HasPrefix(from.Path+"/", r.Prefix)
				})
				require.GreaterOrEqual(t, i, 0, "no route for %s", urls[0])
				route := s.Routes[i]
				require.Equal(t, name+" "+access, route.Signal+" "+route.Access, urls[0])

				path := from.Path
				if route.Prefix != "/" {
					first, _, _ := strings.Cut(route.Prefix[1:], "/")
					path = strings.TrimPrefix(path, "/"+first)
				}
				to := slices.IndexFunc(s.Listeners, func(l Listener) bool { return l.Name == route.To })
				want, err := url.Parse(urls[1])
				require.NoError(t, err)
				require.Equal(t, want.Path, route.Path+path, urls[0])
				require.Equal(t, "127.1.2.3:"+strconv.Itoa(s.Listeners[to].Port), want.Host, urls[0])
			}
		}
	})
}

func TestPublicURLs(t *testing.T) {
	store := Cluster{Name: "r1", Domain: "r1.example.com"}
	seed, err := Profile("seed")
	require.NoError(t, err)
	require.Equal(t, Endpoint{
		Write: "https://vmauth.r1.example.com/vm/insert/0/prometheus/api/v1/write",
		Read:  "https://vmauth.r1.example.com/vm/select/0/prometheus",
	}, seed.Signals.Metrics.For(NetworkIngress).At(store, ""))
	require.Equal(t, "http://r1-vmauth:8427/vlai/insert/opentelemetry/v1/logs", seed.Signals.Audit.For(NetworkIstio).At(store, "").Write)
	old, err := Profile("v1.0")
	require.NoError(t, err)
	require.Equal(t, "https://jaeger.r1.example.com/collector/v1/traces", old.Signals.Traces.For(NetworkIngress).At(store, "").Write)
	require.Equal(t, "clusterName", old.Labels.Cluster)
	require.Zero(t, old.Signals.Audit)
}

// seed and current are one contract with different components behind it.
func TestSeedHasTheAccessContractOfCurrent(t *testing.T) {
	seed, err := Profile("seed")
	require.NoError(t, err)
	current, err := Profile("current")
	require.NoError(t, err)
	a, b := *seed, *current
	a.Name, a.Title, a.Charts, a.Installs = b.Name, b.Title, b.Charts, b.Installs
	require.Equal(t, b, a)
	require.NotEqual(t, seed.Charts, current.Charts)
}

func TestProfilesAreDecodedStrictly(t *testing.T) {
	data, err := profileFiles.ReadFile("profiles/seed.yaml")
	require.NoError(t, err)
	_, err = decodeStack("seed.yaml", []byte(strings.Replace(string(data), "objects: [", "objekts: [", 1)))
	require.ErrorContains(t, err, `unknown field "objekts"`)
	_, err = decodeStack("seed.yaml", []byte(strings.Replace(string(data), "on: management", "on: managment", 1)))
	require.ErrorContains(t, err, `did you mean "management"?`)
	_, err = decodeStack("seed.yaml", nil)
	require.ErrorContains(t, err, "empty")
}

func BenchmarkDecodeProfile(b *testing.B) {
	data, err := profileFiles.ReadFile("profiles/seed.yaml")
	require.NoError(b, err)
	for b.Loop() {
		if _, err := decodeStack("seed.yaml", data); err != nil {
			b.Fatal(err)
		}
	}
}
