package runner

import (
	"context"
	"net/http"
	"time"

	"k8s.io/client-go/rest"

	"koflab/scenarios/check"
	"koflab/sim/clock"
	"koflab/topology/lab"
	"koflab/topology/lab/control"
)

// env is the lab as checks see it.
type env struct {
	*lab.Lab
	player *player
}

var _ check.Env = (*env)(nil)

func newEnv(p *player) *env { return &env{p.lab, p} }

func (e *env) Now() time.Time   { return e.player.clock.Now() }
func (e *env) Start() time.Time { return e.player.began }

// EventsSince leaves out what happened before the first step.
func (e *env) EventsSince(seq int64) []control.Event {
	return e.Lab.EventsSince(max(seq, e.player.since))
}

func (e *env) RESTConfig(cluster string) (*rest.Config, error) { return e.Lab.RESTConfig(cluster) }

func (e *env) Client(from string) (*http.Client, error) { return e.Lab.Client(from) }

// Oracle looks at this instant: time stands still meanwhile.
func (e *env) Oracle(ctx context.Context, clusters, signals []string) (control.OracleVerdict, error) {
	defer clock.Hold(e.player.clock)()
	return e.Lab.Oracle(ctx, clusters, signals)
}
