package release

import (
	"time"

	"helm.sh/helm/v3/pkg/chart"
)

// DefaultTimeout is how long an operation may take when its release does not
// say. It is the helm command's default too.
const DefaultTimeout = 5 * time.Minute

// Release is one chart as it should stand on a cluster.
type Release struct {
	Name      string
	Namespace string
	// Chart is not changed, so one chart may serve many clusters at once.
	Chart *chart.Chart
	// Values override the chart's own. They are not changed.
	Values map[string]any
	// DependsOn names releases of the same ApplyAll that must be there first:
	// "name", or "namespace/name" where the name alone is ambiguous.
	DependsOn []string
	// Timeout bounds the operation; zero means DefaultTimeout.
	Timeout time.Duration
	// SkipWait returns as soon as the objects are accepted by the API.
	SkipWait bool
	// CreateNamespace makes the release's namespace if it does not exist.
	CreateNamespace bool
	// Atomic takes a failure back: a first revision is uninstalled, a later one
	// rolled back.
	Atomic bool
	// SkipCRDs leaves the chart's crds directories alone.
	SkipCRDs bool
	// TakeOwnership adopts existing objects that belong to no release.
	TakeOwnership bool
	// Description is kept with the revision; empty means Helm's own words.
	Description string
}

// key is how a release is named in messages and dependencies.
func (r Release) key() string { return r.Namespace + "/" + r.Name }

func (r Release) timeout() time.Duration {
	if r.Timeout > 0 {
		return r.Timeout
	}
	return DefaultTimeout
}

// Action is what was done to a release.
type Action string

// The actions of results and events.
const (
	Install   Action = "install"
	Upgrade   Action = "upgrade"
	Unchanged Action = "unchanged"
	Rollback  Action = "rollback"
	Uninstall Action = "uninstall"
	Repair    Action = "repair"
	Recover   Action = "recover"
	Render    Action = "render"
	// Skipped marks a release whose dependency failed.
	Skipped Action = "skipped"
)

// Result is what an operation did.
type Result struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Action    Action `json:"action"`
	Revision  int    `json:"revision"`
	Chart     string `json:"chart"`
	Version   string `json:"version"`
	// Recovered says which broken state of the release was repaired first.
	Recovered string        `json:"recovered,omitempty"`
	Created   int           `json:"created"`
	Updated   int           `json:"updated"`
	Deleted   int           `json:"deleted"`
	Took      time.Duration `json:"took"`
	// Warnings are the API server's, each once.
	Warnings []string `json:"warnings,omitempty"`
	// Notes are the chart's rendered NOTES.txt.
	Notes string `json:"notes,omitempty"`
	// Err is the release's own error in the results of ApplyAll.
	Err error `json:"-"`
}
