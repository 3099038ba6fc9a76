package conform

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func deployed(name, role string, labels map[string]string, more map[string]any) map[string]any {
	all := map[string]string{labelRole: role, labelVersion: "1.2.3"}
	for k, v := range labels {
		if all[k] = v; v == "" {
			delete(all, k)
		}
	}
	if more == nil {
		more = map[string]any{}
	}
	if more["spec"] == nil {
		more["spec"] = map[string]any{"template": "aws-standalone-cp-1-0-0"}
	}
	if more["status"] == nil {
		more["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "True"}}}
	}
	return obj(name, all, more)
}

func config(name, region string) map[string]any {
	return obj(name, map[string]string{labelRole: "x"}, map[string]any{"data": map[string]any{keyRegion: region}})
}

func service(name, role string) map[string]any {
	return obj(name, nil, map[string]any{"spec": map[string]any{"clusterSelector": map[string]any{"matchLabels": map[string]any{labelRole: role, labelVersion: "1.2.3"}}}})
}

// objectsOf is the API of the healthy installation.
func objectsOf() map[string][]any {
	const k0rdent, sveltos, kof = "/apis/k0rdent.mirantis.com/v1beta1/", "/apis/config.projectsveltos.io/v1beta1/", "/apis/kof.k0rdent.mirantis.com/v1beta1/"
	return map[string][]any{
		k0rdent + "clusterdeployments":   {deployed("r1", roleRegional, nil, nil), deployed("c1", roleChild, map[string]string{labelRegion: "r1"}, nil)},
		k0rdent + "multiclusterservices": {service("kof-regional-cluster", roleRegional), service("kof-child-cluster", roleChild)},
		k0rdent + "servicetemplates":     {obj("kof-collectors-1-2-3", nil, map[string]any{"status": map[string]any{"valid": true}})},
		sveltos + "clustersummaries": {obj("s", nil, map[string]any{
			"spec": map[string]any{"clusterName": "c1"}, "status": map[string]any{"featureSummaries": []any{map[string]any{"featureID": "Helm", "status": "Provisioned"}}},
		})},
		kof + "promxyservergroups": {obj("g", nil, map[string]any{"spec": map[string]any{"cluster_name": "r1", "targets": []any{"vmauth:8427"}}})},
		"/api/v1/configmaps":       {config("kof-r1", "r1"), config("kof-cluster-config-c1", "r1")},
	}
}

const deploymentsPath = "/apis/k0rdent.mirantis.com/v1beta1/clusterdeployments"

func TestObjects(t *testing.T) {
	add := func(lists map[string][]any, path string, o any) { lists[path] = append(lists[path], o) }
	for _, c := range []struct {
		name     string
		change   func(lists map[string][]any)
		want     []string
		evidence string
	}{
		{"healthy", func(map[string][]any) {}, nil, ""},
		{"no version", func(l map[string][]any) {
			add(l, deploymentsPath, deployed("c2", roleChild, map[string]string{labelRegion: "r1", labelVersion: ""}, nil))
			add(l, "/api/v1/configmaps", config("kof-cluster-config-c2", "r1"))
		}, []string{"kof-version"}, "c2: ClusterDeployment kcm-system/c2 has no label k0rdent.mirantis.com/kof-version; kof-child-cluster selects 1.2.3"},
		{"other version", func(l map[string][]any) {
			add(l, deploymentsPath, deployed("c2", roleChild, map[string]string{labelRegion: "r1", labelVersion: "0.9"}, nil))
			add(l, "/api/v1/configmaps", config("kof-cluster-config-c2", "r1"))
		}, []string{"kof-version"}, "kof-version=0.9; kof-child-cluster selects 1.2.3"},
		{"absent region", func(l map[string][]any) {
			add(l, deploymentsPath, deployed("c2", roleChild, map[string]string{labelRegion: "r9"}, nil))
		}, []string{"child-region"}, "there is no region of that name"},
		{"no region fits", func(l map[string][]any) {
			add(l, deploymentsPath, deployed("c2", roleChild, nil, nil))
		}, []string{"child-region"}, "no region fits"},
		{"adopted", func(l map[string][]any) {
			add(l, deploymentsPath, deployed("c2", roleChild, nil, map[string]any{"spec": map[string]any{"template": "adopted-cluster-1-0-0"}}))
		}, []string{"adopted-region"}, "has no label k0rdent.mirantis.com/kof-regional-cluster-name"},
		{"never sent anything", func(l map[string][]any) {
			add(l, deploymentsPath, deployed("c2", roleChild, map[string]string{labelRegion: "r1"}, nil))
			add(l, "/api/v1/configmaps", config("kof-cluster-config-c2", "r1"))
		}, []string{"cluster-silent"}, "no current sample"},
		{"not ready", func(l map[string][]any) {
			l[deploymentsPath][1] = deployed("c1", roleChild, map[string]string{labelRegion: "r1"}, map[string]any{"status": map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "False", "message": "1/3 services"}}}})
		}, []string{"cluster-deployments"}, "c1: condition Ready is False: 1/3 services"},
		{"summary failed", func(l map[string][]any) {
			l["/apis/config.projectsveltos.io/v1beta1/clustersummaries"][0].(map[string]any)["status"] = map[string]any{"featureSummaries": []any{map[string]any{"featureID": "Helm", "status": "Failed", "failureMessage": "no such chart"}}}
		}, []string{"cluster-summaries"}, "no such chart"},
		{"template invalid", func(l map[string][]any) {
			add(l, "/apis/k0rdent.mirantis.com/v1beta1/servicetemplates", obj("bad", nil, map[string]any{"status": map[string]any{"validationError": "no chart"}}))
		}, []string{"service-templates"}, "no chart"},
		{"no server group", func(l map[string][]any) { delete(l, "/apis/kof.k0rdent.mirantis.com/v1beta1/promxyservergroups") }, []string{"server-groups"}, "there is no PromxyServerGroup"},
		{"a name of another", func(l map[string][]any) {
			add(l, deploymentsPath, deployed("c2", roleChild, map[string]string{labelRegion: "r1"}, map[string]any{"spec": map[string]any{"config": map[string]any{"clusterAnnotations": map[string]any{annotationCollectors: `{"kof":{"clusterName":"c1"}}`}}}}))
			add(l, "/api/v1/configmaps", config("kof-cluster-config-c2", "r1"))
		}, []string{"cluster-names"}, "c2: its kof-collectors-values call it c1"},
		{"tenant of another", func(l map[string][]any) {
			l[deploymentsPath][1] = deployed("c1", roleChild, map[string]string{labelRegion: "r1", labelTenant: "a"}, nil)
		}, []string{"tenant"}, `have tenant "PLATFORM", ClusterDeployment kcm-system/c1 says "a"`},
		{"objects that are none", func(l map[string][]any) {
			add(l, "/api/v1/configmaps", map[string]any{"metadata": "x", "data": 7})
			add(l, "/apis/k0rdent.mirantis.com/v1beta1/multiclusterservices", map[string]any{"spec": []any{1}})
		}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := healthy(t)
			lists := objectsOf()
			c.change(lists)
			r, err := f.run(t, func(target *Target) { f.kubernetes(target, lists) })
			require.NoError(t, err)
			require.Equal(t, c.want, failed(r), "%+v", r.Failures())
			if len(c.want) > 0 {
				x := result(r, c.want[0])
				found := ""
				for _, e := range x.Evidence {
					found += e + "\n"
				}
				assert.Contains(t, found, c.evidence)
			}
		})
	}
}

// An API that does not answer skips its checks, and nothing else.
func TestObjectsUnreachable(t *testing.T) {
	f := healthy(t)
	r, err := f.run(t, func(target *Target) { f.kubernetes(target, nil); delete(f.objects, "/apis") })
	require.NoError(t, err)
	assert.Empty(t, failed(r))
	assert.Equal(t, Skip, result(r, "kof-version").Outcome)
	assert.Contains(t, result(r, "kof-version").Reason, "the management cluster's API")
	assert.Equal(t, Pass, result(r, "cluster-silent").Outcome)
}
