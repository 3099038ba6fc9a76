package cmd_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"koflab/topology/lab/control"
)

// TestWrongPassword is scenario 9: a child whose collectors have a wrong password
// loses what it sends, at once and for good, and nobody else notices.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, `
regions: [{name: r1, nodes: 1}]
children:
  - {name: c1, nodes: 1}
  - {name: c2, nodes: 1}
`), "--speed", fast)
	good := l.user("c1", "r1")
	refusedBefore := l.gatewayCounter("r1", "vmauth_http_request_errors_total", `reason="invalid_auth_token"`)
	set := func(c control.CredentialsRequest) {
		require.NoError(t, l.control.SetCredentials(t.Context(), "c1", c))
	}
	wrongFrom := l.now()
	l.silence("r1", "c1")

	t.Run("nothing is retried", func(t *testing.T) {
		s := l.balanced()
		for _, signal := range []string{"metrics", "logs", "traces"} {
			f, err := flow(s, "c1", "r1", signal)
			require.NoError(t, err)
			assert.Positive(t, f.Dropped["http_401"], signal)
			assert.Equal(t, []string{"http_401"}, slices.Collect(maps.Keys(f.Dropped)), signal)
			f, err = flow(s, "c2", "r1", signal)
			require.NoError(t, err)
			assert.Empty(t, f.Dropped, "%s of the other child", signal)
		}
	})
	t.Run("the collector says so", func(t *testing.T) {
		page := l.scrape("c1")
		for _, unit := range []string{"metric_points", "log_records", "spans"} {
			assert.Positive(t, page["otelcol_exporter_send_failed_"+unit+"_total"], unit)
		}
		assert.Zero(t, l.scrape("c2")["otelcol_exporter_send_failed_metric_points_total"])
		assert.Contains(t, l.output("events"), "401")
	})
	t.Run("the gateway counts it", func(t *testing.T) {
		assert.Greater(t, l.gatewayCounter("r1", "vmauth_http_request_errors_total", `reason="invalid_auth_token"`), refusedBefore)
	})
	t.Run("stale after five minutes", func(t *testing.T) {
		l.reachTime(wrongFrom.Add(5*time.Minute + 40*time.Second))
		assert.Empty(t, l.rows(`up{cluster="c1"}`))
		assert.NotEmpty(t, l.rows(`up{cluster="c2"}`))
		assert.NotEmpty(t, l.rows(`last_over_time(up{cluster="c1"}[1h])`), "what came before is kept")
		a := l.query("count by (cluster)(up)")
		assert.EqualValues(t, 1, a.Explain.Coverage, "the region answers: this is no outage")
		assert.Empty(t, a.Warnings)
	})

	fixed := l.now()
	set(control.CredentialsRequest{Password: good.Password})
	l.eventually(30*time.Second, "data come again", func() error {
		if len(l.rows(`up{cluster="c1"}`)) == 0 {
			return errors.New("none yet")
		}
		return nil
	})
	t.Run("only from now on", func(t *testing.T) {
		at := func(when time.Time) map[string]float64 {
			return l.rows(`count_over_time(up{cluster="c1",job="node-exporter"}[3m])`, "--at", epoch(when))
		}
		assert.NotEmpty(t, at(wrongFrom))
		assert.Empty(t, at(fixed.Add(-time.Second)))
		assert.Empty(t, l.logs(fmt.Sprintf(`k8s.cluster.name:="c1" _time:[%s, %s]`,
			wrongFrom.Add(30*time.Second).UTC().Format(time.RFC3339), fixed.Add(-30*time.Second).UTC().Format(time.RFC3339))))
	})

	t.Run("rotation", func(t *testing.T) {
		before := l.flow("c1", "r1", "metrics")
		set(control.CredentialsRequest{Password: "rotated-on-both-sides", Region: true})
		require.Equal(t, "rotated-on-both-sides", l.user("c1", "r1").Password)
		client, base := l.httpClient(), l.url("r1", "vmauth")
		code, _ := l.get(client, base+"/vm/select/0/prometheus/api/v1/query?query=up", &good)
		assert.Equal(t, 401, code, "the old password")
		l.eventually(30*time.Second, "the collectors go on", func() error {
			if f := l.flow("c1", "r1", "metrics"); f.Acknowledged <= before.Acknowledged {
				return fmt.Errorf("%+v", f)
			}
			return nil
		})
	})
	l.balanced()
}

// silence makes children's collectors use a wrong password and waits until
// nothing of them arrives any more.
func (l *testLab) silence(region string, children ...string) {
	l.Helper()
	for _, child := range children {
		require.NoError(l, l.control.SetCredentials(l.Context(), child, control.CredentialsRequest{Password: "wrong"}))
	}
	before := map[string]int64{}
	l.eventually(30*time.Second, "deliveries end", func() error {
		l.passTime(20 * time.Second)
		var err error
		s := l.status()
		for _, child := range children {
			for _, signal := range []string{"metrics", "logs", "traces"} {
				f, missing := flow(s, child, region, signal)
				require.NoError(l, missing)
				if f.Acknowledged != before[child+signal] || f.Dropped["http_401"] == 0 {
					err = fmt.Errorf("%+v", f)
				}
				before[child+signal] = f.Acknowledged
			}
		}
		return err
	})
}

// scrape sums the metrics that a cluster's collectors show of themselves, by name.
func (l *testLab) scrape(cluster string) map[string]float64 {
	l.Helper()
	_, page := l.get(l.httpClient(), l.url(cluster, "otelcol-metrics")+"/metrics", nil)
	return sums(l, page, "")
}

// gatewayCounter is a counter of a region's gateway, summed over the series that
// have a label.
func (l *testLab) gatewayCounter(region, name, label string) float64 {
	l.Helper()
	_, page := l.get(l.httpClient(), l.url(region, "vmauth")+"/metrics", nil)
	return sums(l, page, label)[name]
}

// sums reads a page of metrics: the sums by name of the series that have a label,
// of all for "".
func sums(l *testLab, page, label string) map[string]float64 {
	l.Helper()
	out := map[string]float64{}
	for _, line := range lines(page) {
		if strings.HasPrefix(line, "#") || !strings.Contains(line, label) {
			continue
		}
		name, _, _ := strings.Cut(line, "{")
		name, _, _ = strings.Cut(name, " ")
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		require.NoError(l, err, line)
		out[name] += v
	}
	return out
}
