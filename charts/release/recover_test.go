package release

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	helmrelease "helm.sh/helm/v3/pkg/release"
	helmdriver "helm.sh/helm/v3/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// rewrite changes a stored revision as somebody else would leave it behind.
func rewrite(t *testing.T, f *fakeAPI, key string, change func(*helmrelease.Release), labels map[string]string) {
	t.Helper()
	core, err := corev1.NewForConfig(f.jsonConfig())
	require.NoError(t, err)
	stock := helmdriver.NewSecrets(core.Secrets("shop"))
	rel, err := stock.Get(key)
	require.NoError(t, err)
	change(rel)
	require.NoError(t, stock.Update(key, rel))
	u := f.object("secrets", "shop/"+key)
	all := u.GetLabels()
	for k, v := range labels {
		all[k] = v
	}
	u.SetLabels(all)
}

func status(s helmrelease.Status) func(*helmrelease.Release) {
	return func(r *helmrelease.Release) { r.Info.Status = s }
}

func TestRecoverFromAbandonedOperations(t *testing.T) {
	const deadHolder = "ffffffff.1.x.1" // another machine's, so only time tells
	own := thisProcess() + ".0"         // ours, but no longer live
	cases := []struct {
		name   string
		last   helmrelease.Status
		labels map[string]string
		age    time.Duration
		second bool // there is a good revision before
		busy   bool
		action Action
		says   string
	}{
		{"install by a process that is gone", helmrelease.StatusPendingInstall, map[string]string{labelHolder: own}, 0, false, false, Install, "revision 1 was pending-install"},
		{"install by stock helm, young", helmrelease.StatusPendingInstall, nil, time.Minute, false, true, "", ""},
		{"install by stock helm, older than its timeout", helmrelease.StatusPendingInstall, nil, 6 * time.Minute, false, false, Install, "revision 1 was pending-install"},
		{"install elsewhere within its long timeout", helmrelease.StatusPendingInstall, map[string]string{labelHolder: deadHolder, labelTimeout: "1h0m0s"}, 6 * time.Minute, false, true, "", ""},
		{"upgrade by a process that is gone", helmrelease.StatusPendingUpgrade, map[string]string{labelHolder: own}, 0, true, false, Upgrade, "revision 2 was pending-upgrade"},
		{"rollback elsewhere, overdue", helmrelease.StatusPendingRollback, map[string]string{labelHolder: deadHolder, labelTimeout: "1m0s"}, 2 * time.Minute, true, false, Upgrade, "revision 2 was pending-rollback"},
		{"uninstallation that broke off", helmrelease.StatusUninstalling, nil, 0, false, false, Install, "revision 1 was uninstalling"},
		{"uninstalled with its history kept", helmrelease.StatusUninstalled, nil, 0, false, false, Install, ""},
		{"failed", helmrelease.StatusFailed, nil, 0, false, false, Upgrade, ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			f := newFakeAPI()
			f.stored = running
			now := time.Now()
			c, events := f.client(t, func(o *Options) { o.Now = func() time.Time { return now } })
			_, err := c.Apply(context.Background(), web(t, nil))
			require.NoError(t, err)
			key := "sh.helm.release.v1.web.v1"
			if tc.second {
				_, err := c.Apply(context.Background(), web(t, map[string]any{"extra": true}))
				require.NoError(t, err)
				rewrite(t, f, key, status(helmrelease.StatusDeployed), nil)
				key = "sh.helm.release.v1.web.v2"
			}
			rewrite(t, f, key, status(tc.last), tc.labels)
			now = now.Add(tc.age)

			res, err := c.Apply(context.Background(), web(t, map[string]any{"replicas": 2}))
			if tc.busy {
				var busy *BusyError
				require.ErrorAs(t, err, &busy)
				require.ErrorContains(t, err, "another operation is under way: its state is "+tc.last.String())
				require.NotEmpty(t, busy.Until)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.action, res.Action)
			require.Equal(t, tc.says, res.Recovered)
			require.EqualValues(t, 2, number(f.object("deployments", "shop/web"), 0, "spec", "replicas"))
			require.Nil(t, f.object("configmaps", "shop/web-extra"), "what only the abandoned revision had is gone")
			said := false
			for _, e := range *events {
				said = said || e.Action == Recover
			}
			require.Equal(t, tc.says != "", said)
			state, err := c.Status(context.Background(), "shop", "web")
			require.NoError(t, err)
			require.True(t, state.Ready())
			require.NotContains(t, f.object("secrets", "shop/sh.helm.release.v1.web.v"+itoa(res.Revision)).GetLabels(), labelHolder)
		})
	}
}

func TestLiveOperationIsLeftAlone(t *testing.T) {
	f := newFakeAPI()
	first, _ := f.client(t)
	second, _ := f.client(t)
	waiting := make(chan struct{})
	var once bool
	f.stored = func(u *unstructured.Unstructured) {
		if u.GetKind() == "Deployment" && !once {
			once = true
			close(waiting)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := first.Apply(ctx, web(t, nil))
		done <- err
	}()
	<-waiting
	_, err := second.Apply(context.Background(), web(t, nil))
	var busy *BusyError
	require.ErrorAs(t, err, &busy)
	_, err = second.Uninstall(context.Background(), "shop", "web", UninstallOptions{})
	require.ErrorAs(t, err, &busy)
	_, err = second.Rollback(context.Background(), "shop", "web", RollbackOptions{})
	require.ErrorAs(t, err, &busy)

	// Operations of one client take turns instead.
	short, stop := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer stop()
	_, err = first.Apply(short, web(t, nil))
	require.ErrorContains(t, err, "another operation on release shop/web was under way")
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Empty(t, first.locks, "locks are given back")
}

func TestHolderState(t *testing.T) {
	holder, done := holdRelease()
	require.Equal(t, alive, holderState(holder))
	done()
	require.Equal(t, dead, holderState(holder))
	require.Equal(t, unknown, holderState(""))
	require.Equal(t, unknown, holderState("ffffffff.1.abc.1"))
	require.Equal(t, unknown, holderState("nonsense"))
	host := thisProcess()[:8]
	require.Equal(t, alive, holderState(host+".1.abc.1"), "process 1 is always there")
	require.Equal(t, dead, holderState(host+".2147483646.abc.1"))
}
