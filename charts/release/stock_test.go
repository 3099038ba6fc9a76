package release

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/action"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// stockGetter connects Helm's own client, as the helm command would.
type stockGetter struct {
	config    *rest.Config
	namespace string
}

func (g stockGetter) ToRESTConfig() (*rest.Config, error) { return g.config, nil }

func (g stockGetter) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	d, err := discovery.NewDiscoveryClientForConfig(g.config)
	if err != nil {
		return nil, err
	}
	return memory.NewMemCacheClient(d), nil
}

func (g stockGetter) ToRESTMapper() (meta.RESTMapper, error) {
	d, err := g.ToDiscoveryClient()
	if err != nil {
		return nil, err
	}
	return restmapper.NewDeferredDiscoveryRESTMapper(d), nil
}

func (g stockGetter) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	return clientcmd.NewDefaultClientConfig(*clientcmdapi.NewConfig(), &clientcmd.ConfigOverrides{Context: clientcmdapi.Context{Namespace: g.namespace}})
}

func stockHelm(t *testing.T, config *rest.Config, namespace string) *action.Configuration {
	t.Helper()
	cfg := &action.Configuration{}
	require.NoError(t, cfg.Init(stockGetter{config, namespace}, namespace, "secrets", func(string, ...any) {}))
	return cfg
}

// The helm command and this package work on the same releases in turns.
func TestTakingTurnsWithStockHelm(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	c, _ := f.client(t)
	ctx := context.Background()
	_, err := c.Apply(ctx, web(t, map[string]any{"greeting": "one"}))
	require.NoError(t, err)

	list, err := action.NewList(stockHelm(t, f.jsonConfig(), "shop")).Run()
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "web-1.0.0", list[0].Chart.Metadata.Name+"-"+list[0].Chart.Metadata.Version)

	upgrade := action.NewUpgrade(stockHelm(t, f.jsonConfig(), "shop"))
	upgrade.Namespace, upgrade.DisableOpenAPIValidation = "shop", true
	rel, err := upgrade.Run("web", webChart(t), map[string]any{"greeting": "two", "extra": true})
	require.NoError(t, err)
	require.Equal(t, 2, rel.Version)
	require.NotNil(t, f.object("configmaps", "shop/web-extra"))

	res, err := c.Apply(ctx, web(t, map[string]any{"greeting": "two", "extra": true}))
	require.NoError(t, err)
	require.Equal(t, Unchanged, res.Action, "the helm command did just that")
	res, err = c.Apply(ctx, web(t, map[string]any{"greeting": "one"}))
	require.NoError(t, err)
	require.Equal(t, Upgrade, res.Action, "revision 1's label came along with revision 2 but does not count")
	require.Nil(t, f.object("configmaps", "shop/web-extra"))

	rollback := action.NewRollback(stockHelm(t, f.jsonConfig(), "shop"))
	rollback.Version = 2
	require.NoError(t, rollback.Run("web"))
	require.Equal(t, "two", text(f.object("configmaps", "shop/web-config"), "data", "greeting"))
	history, err := c.History(ctx, "shop", "web")
	require.NoError(t, err)
	require.Equal(t, "Rollback to 2", history[3].Description)

	_, err = action.NewUninstall(stockHelm(t, f.jsonConfig(), "shop")).Run("web")
	require.NoError(t, err)
	all, err := c.List(ctx, "")
	require.NoError(t, err)
	require.Empty(t, all)
}
