package runner

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"koflab/scenarios"
	"koflab/scenarios/check"
	"koflab/topology/lab"
	"koflab/topology/lab/control"
)

const (
	protobuf = "application/x-protobuf"
	// maxAnswer is how much of a refusal is told, in bytes.
	maxAnswer = 512
)

// send delivers the telemetry of a step, once. A refusal fails the step.
func (p *player) send(ctx context.Context, step int, s *scenarios.Send) error {
	bodies, err := s.Requests(p.scenario.Seed, step, p.clock.Now())
	if err != nil {
		return err
	}
	client, err := p.lab.Client(s.To)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	to, err := p.destination(s)
	if err != nil {
		return err
	}
	for _, r := range []struct {
		signal string
		body   []byte
	}{{"logs", bodies.Logs}, {"audit", bodies.Audit}, {"traces", bodies.Traces}, {"metrics", bodies.Metrics}, {"write", bodies.RemoteWrite}} {
		if r.body == nil {
			continue
		}
		if to.urls[r.signal] == "" {
			return fmt.Errorf("%s takes no %s", s.To, r.signal)
		}
		if err := post(ctx, client, to.urls[r.signal], to.user, r.body, r.signal == "write"); err != nil {
			return err
		}
	}
	return nil
}

// destination is where a Send goes, by signal, and with whose credentials.
type destination struct {
	urls map[string]string
	user *control.Credentials
}

func (p *player) destination(s *scenarios.Send) (destination, error) {
	access := p.lab.Access()
	if s.Via != scenarios.ViaGateway {
		for _, c := range access.Clusters {
			base := c.Endpoints[lab.ListenOTLPHTTP]
			if (c.Name == s.To || c.Namespace+"/"+c.Name == s.To) && base != "" {
				return destination{urls: map[string]string{
					"logs": base + "/v1/logs", "traces": base + "/v1/traces", "metrics": base + "/v1/metrics",
				}}, nil
			}
		}
		return destination{}, fmt.Errorf("no collector of %s listens for OTLP", s.To)
	}
	to := destination{urls: map[string]string{}}
	for signal, u := range p.lab.URLs(s.To) {
		if signal == "metrics" {
			signal = "write"
		}
		to.urls[signal] = u.Write
	}
	as := s.As
	switch as {
	case check.AsNone:
		return to, nil
	case "", check.AsAdmin:
		as = "(admin)"
	}
	for _, c := range access.Credentials {
		if c.Region == s.To && c.Cluster == as {
			to.user = &c
			return to, nil
		}
	}
	return to, fmt.Errorf("%s has no credentials of %s", s.To, s.As)
}

func post(ctx context.Context, client *http.Client, url string, user *control.Credentials, body []byte, write bool) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", protobuf)
	if write {
		r.Header.Set("Content-Encoding", "snappy")
		r.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	}
	if user != nil {
		r.SetBasicAuth(user.Username, user.Password)
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %s: %s", r.URL.Path, resp.Status, strings.TrimSpace(string(answer)))
	}
	return nil
}
