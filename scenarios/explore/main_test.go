package explore_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"

	"koflab/scenarios/runner"
	"koflab/topology/lab"
)

// worker in the environment makes the test binary a worker, whose labs have the defect
// of that name.
const worker = "KOFLAB_TEST_WORKER"

// defects are planted in the labs of workers.
var defects = map[string]func(*lab.Options){
	// What a store refuses for the moment is taken for delivered.
	"acknowledges-503": func(o *lab.Options) {
		o.Transport = func(next http.RoundTripper) http.RoundTripper { return hasty{next} }
	},
}

func TestMain(m *testing.M) {
	name := os.Getenv(worker)
	if name == "" {
		os.Exit(m.Run())
	}
	if err := runner.WorkWith(context.Background(), os.Stdin, os.Stdout, runner.Options{Defect: defects[name]}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// hasty is a transport by which "503 Service Unavailable" reads "204 No Content".
type hasty struct{ http.RoundTripper }

func (h hasty) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := h.RoundTripper.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusServiceUnavailable {
		resp.StatusCode, resp.Status = http.StatusNoContent, "204 No Content"
	}
	return resp, err
}

// CloseIdleConnections is what a client asks of its transport.
func (h hasty) CloseIdleConnections() {
	if c, ok := h.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
