package controllers

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/kubectl/pkg/cmd/drain"
	"k8s.io/kubectl/pkg/cmd/rollout"
	"k8s.io/kubectl/pkg/cmd/scale"
	"k8s.io/kubectl/pkg/cmd/set"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubectl/pkg/cmd/wait"

	"koflab/embed/kube"
)

// getter hands the cluster to kubectl's commands.
type getter struct {
	s *kube.Server
	d discovery.CachedDiscoveryInterface
}

func (g *getter) ToRESTConfig() (*rest.Config, error) { return g.s.RESTConfig(), nil }

func (g *getter) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	if g.d == nil {
		c, err := discovery.NewDiscoveryClientForConfig(g.s.RESTConfig())
		if err != nil {
			return nil, err
		}
		g.d = memory.NewMemCacheClient(c)
	}
	return g.d, nil
}

func (g *getter) ToRESTMapper() (meta.RESTMapper, error) {
	d, err := g.ToDiscoveryClient()
	if err != nil {
		return nil, err
	}
	return restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(d), d, nil), nil
}

func (g *getter) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	return clientcmd.NewDefaultClientConfig(*clientcmdapi.NewConfig(), &clientcmd.ConfigOverrides{Context: clientcmdapi.Context{Namespace: "default"}})
}

// kubectl runs one command and returns what it printed.
func (k *cluster) kubectl(line string) string {
	k.Helper()
	var out bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &out}
	f := cmdutil.NewFactory(&getter{s: k.Server})
	root := &cobra.Command{Use: "kubectl", SilenceUsage: true}
	root.AddCommand(rollout.NewCmdRollout("kubectl", f, streams), scale.NewCmdScale(f, streams), set.NewCmdSet(f, streams),
		drain.NewCmdDrain(f, streams), drain.NewCmdUncordon(f, streams), wait.NewCmdWait(f, streams))
	root.SetArgs(strings.Fields(line))
	root.SetOut(&out)
	root.SetErr(&out)
	cmdutil.BehaviorOnFatal(func(message string, _ int) { k.Fatalf("kubectl %s: %s\n%s", line, message, out.String()) })
	defer cmdutil.DefaultBehaviorOnFatal()
	require.NoError(k, root.Execute(), out.String())
	return out.String()
}

func TestKubectlDrivesWorkloads(t *testing.T) {
	k := newCluster(t, 3, Options{})
	k.make(deploymentKind, newDeployment("web", 2))
	k.make(statefulSetKind, newStatefulSet("db", 2))
	k.settle()
	image := func() string {
		return must[appsv1.Deployment](k, deploymentKind, "default", "web").Spec.Template.Spec.Containers[0].Image
	}

	k.kubectl("scale deployment/web --replicas=5")
	require.Contains(t, k.kubectl("rollout status deployment/web --timeout=10s"), `deployment "web" successfully rolled out`)
	require.Equal(t, 7, k.running())
	k.kubectl("set image deployment/web main=web:2")
	k.kubectl("rollout status deployment/web --timeout=10s")
	require.Equal(t, "web:2", image())
	require.Contains(t, k.kubectl("rollout history deployment/web"), "2 ")
	k.kubectl("rollout undo deployment/web")
	k.kubectl("rollout status deployment/web --timeout=10s")
	require.Equal(t, "docker.io/library/web:1", image())
	k.kubectl("rollout restart deployment/web statefulset/db")
	k.kubectl("rollout status deployment/web --timeout=10s")
	require.Contains(t, k.kubectl("rollout status statefulset/db --timeout=10s"), "partitioned roll out complete: 2 new pods have been updated")
	k.kubectl("rollout undo statefulset/db")
	k.kubectl("rollout status statefulset/db --timeout=10s")
	require.NotContains(t, must[appsv1.StatefulSet](k, statefulSetKind, "default", "db").Spec.Template.Annotations, "kubectl.kubernetes.io/restartedAt")
	k.kubectl("wait deployment/web --for=condition=Available --timeout=10s")

	// One pod only: kubectl's own printer is not made for several at a time.
	k.kubectl("scale deployment/web statefulset/db --replicas=1")
	k.kubectl("scale deployment/web --replicas=0")
	k.settle()
	node := k.pod("db-0").Spec.NodeName
	out := k.kubectl("drain " + node + " --ignore-daemonsets --timeout=10s")
	require.Contains(t, out, "node/"+node+" drained")
	k.settle()
	require.NotEqual(t, node, k.pod("db-0").Spec.NodeName)
	require.True(t, must[corev1.Node](k, nodeKind, "", node).Spec.Unschedulable)
	k.kubectl("uncordon " + node)
	k.kubectl("wait pod -l app=db --for=condition=Ready --timeout=10s")
}
