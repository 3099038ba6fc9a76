package release

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func hookRelease(t *testing.T) Release {
	return Release{Name: "h", Namespace: "default", Chart: makeChart(t, "h", "1.0.0", map[string]string{
		"templates/first.yaml":  "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: first\n  annotations: {helm.sh/hook: pre-install, helm.sh/hook-delete-policy: \"hook-succeeded,before-hook-creation\"}\n",
		"templates/second.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: second}\n",
		"templates/look.yaml":   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: look}\ndata: {found: \"{{ (lookup \"v1\" \"Namespace\" \"\" \"default\").metadata.name }}\"}\n",
	})}
}

func TestHooksRunBeforeAndAreCleared(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	c, _ := f.client(t, func(o *Options) { o.Now = func() time.Time { return epoch } })
	_, err := c.Apply(context.Background(), hookRelease(t))
	require.NoError(t, err)
	writes := strings.Join(f.writes(), "\n")
	require.Less(t, strings.Index(writes, "POST jobs/default/first"), strings.Index(writes, "POST configmaps/default/second"))
	require.Nil(t, f.object("jobs", "default/first"))

	core, err := c.coreV1()
	require.NoError(t, err)
	rel, err := newStore(c, core.Secrets("default"), context.Background()).Get("sh.helm.release.v1.h.v1")
	require.NoError(t, err)
	require.True(t, rel.Hooks[0].LastRun.CompletedAt.Equal(helmTime(epoch)), "the lab's clock stamps hooks too")
}

func TestFailedHookIsNamed(t *testing.T) {
	f := newFakeAPI()
	f.stored = func(u *unstructured.Unstructured) {
		if u.GetKind() == "Job" {
			u.Object["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "gave up"}}}
		}
	}
	c, _ := f.client(t)
	_, err := c.Apply(context.Background(), hookRelease(t))
	require.ErrorContains(t, err, "failed pre-install: Job default/first: the job failed: BackoffLimitExceeded: gave up; see `kubectl describe job first -n default`")
	require.Nil(t, f.object("configmaps", "default/second"))
}
