package operators

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// kofUser is a VMUser as KOF writes it: every route of the gateway, bound to a
// tenant unless that is empty.
func kofUser(name, tenant string) *vmUser {
	arg := func(key, format string) []vmUserArg {
		if tenant == "" {
			return nil
		}
		return []vmUserArg{{Name: key, Values: []string{fmt.Sprintf(format, tenant)}}}
	}
	cr := &vmUser{}
	cr.Namespace, cr.Name = "kof", "kof-vmuser-"+name
	for _, r := range []struct {
		path, url string
		drop      int
		args      []vmUserArg
	}{
		{"/vm/insert/.*", "http://vminsert-cluster:8480", 1, arg("extra_label", "tenant=%s")},
		{"/vm/select/.*", "http://vmselect-cluster:8481", 1, arg("extra_filters[]", `{tenant=%q}`)},
		{"/vli/.*", "http://kof-storage-victoria-logs-single-server:9428", 1, arg("extra_fields", "tenant=%s")},
		{"/vls/.*", "http://kof-storage-victoria-logs-single-server:9428", 1, arg("extra_filters", `"tenant":=%q`)},
		{"/vti/insert/opentelemetry/.*", "http://kof-storage-jaeger-collector:4318", 3, arg("extra_fields", "resource_attr:tenant=%s")},
		{"/vts/select/jaeger/.*", "http://kof-storage-jaeger-query:16686", 3, arg("extra_filters", `"resource_attr:tenant":=%q`)},
	} {
		var target vmUserTarget
		target.Paths, target.DropPrefixParts, target.QueryArgs = []string{r.path}, &r.drop, r.args
		text := fmt.Sprintf(`{"static":{"url":%q}}`, r.url)
		if err := json.Unmarshal([]byte(text), &target); err != nil {
			panic(err)
		}
		cr.Spec.TargetRefs = append(cr.Spec.TargetRefs, target)
	}
	return cr
}

func TestVMAuthConfigOfKOF(t *testing.T) {
	var c VMAuthConfig
	for _, u := range []struct{ name, tenant string }{{"admin-1", ""}, {"42", `te"am & co`}} {
		user, err := configUser(kofUser(u.name, u.tenant), credentials{username: u.name, password: "pw-" + u.name})
		require.NoError(t, err)
		c.Users = append(c.Users, user)
	}
	text, err := c.Marshal()
	require.NoError(t, err)
	golden(t, "vmauth-config.golden.yaml", text)

	parsed, err := ParseVMAuthConfig(text)
	require.NoError(t, err)
	require.Equal(t, &c, parsed)

	access, problems := parsed.Access()
	require.Empty(t, problems)
	require.False(t, access.Open)
	prefixes := []string{"/vm/insert", "/vm/select", "/vli", "/vls", "/vti/insert/opentelemetry", "/vts/select/jaeger"}
	require.Equal(t, []AccessUser{
		{Name: "admin-1", Password: "pw-admin-1", Prefixes: prefixes},
		{Name: "42", Password: "pw-42", Tenant: `te"am & co`, Prefixes: prefixes},
	}, access.Users)
	require.Equal(t, []AccessRoute{
		{Prefix: "/vli", Host: "kof-storage-victoria-logs-single-server:9428", Drop: 1},
		{Prefix: "/vls", Host: "kof-storage-victoria-logs-single-server:9428", Drop: 1},
		{Prefix: "/vm/insert", Host: "vminsert-cluster:8480", Drop: 1},
		{Prefix: "/vm/select", Host: "vmselect-cluster:8481", Drop: 1},
		{Prefix: "/vti/insert/opentelemetry", Host: "kof-storage-jaeger-collector:4318", Drop: 3},
		{Prefix: "/vts/select/jaeger", Host: "kof-storage-jaeger-query:16686", Drop: 3},
	}, access.Routes)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", access.Users, parsed.Users[0], parsed.Users), "pw-")
}

func TestAccessProblems(t *testing.T) {
	user := func(routes ...VMAuthRoute) VMAuthConfig {
		return VMAuthConfig{Users: []VMAuthUser{{Username: "u", Password: "p", URLMap: routes}}}
	}
	route := func(path, url string) VMAuthRoute {
		return VMAuthRoute{SrcPaths: []string{path}, URLPrefix: []string{url}, DropPrefixParts: ptr(1)}
	}
	for want, c := range map[string]VMAuthConfig{
		`user u: url_map[0]: src_paths "/v[ml]/.*": want a prefix such as /vm/insert/.*`:   user(route("/v[ml]/.*", "http://a")),
		`user u: url_map[0]: src_paths "/.*": want a prefix such as /vm/insert/.*`:         user(route("/.*", "http://a")),
		`user u: url_map[0]: query arg extra_label=env=dev: only a tenant can be enforced`: user(route("/vm/.*", "http://a/?extra_label=env=dev")),
		`user u: url_map[1]: tenant "", but "T" on the routes before it`: user(
			route("/vm/.*", "http://a/?extra_label=tenant=T"), route("/vls/.*", "http://a")),
		`user u: url_map[0]: 2 backends: want one`:                            user(VMAuthRoute{SrcPaths: []string{"/vm/.*"}, URLPrefix: []string{"http://a", "http://b"}}),
		`user u: bearer tokens are not supported: give username and password`: {Users: []VMAuthUser{{Username: "u", BearerToken: "t"}}},
		`user w: /vm leads to b, but for another user to a: one gateway has one backend for a prefix`: {Users: []VMAuthUser{
			{Username: "u", Password: "p", URLMap: []VMAuthRoute{route("/vm/.*", "http://a")}},
			{Username: "w", Password: "p", URLMap: []VMAuthRoute{route("/vm/.*", "http://b")}},
		}},
	} {
		t.Run(want, func(t *testing.T) {
			_, problems := c.Access()
			require.Len(t, problems, 1)
			require.EqualError(t, problems[0], want)
		})
	}
	open := VMAuthConfig{UnauthorizedUser: &VMAuthUser{URLMap: []VMAuthRoute{route("/vm/insert/.+", "http://a:1/base/")}}}
	access, problems := open.Access()
	require.Empty(t, problems)
	require.True(t, access.Open)
	require.Equal(t, []AccessRoute{{Prefix: "/vm/insert", Host: "a:1", Path: "/base", Drop: 1}}, access.Routes)
}

func TestTenantOf(t *testing.T) {
	f := func(query, want string, ok bool) {
		t.Helper()
		got, err := tenantOf(query)
		require.Equal(t, ok, err == nil, "%s: %v", query, err)
		if ok {
			require.Equal(t, want, got)
		}
	}
	f("", "", true)
	f("extra_label=tenant=T", "T", true)
	f("extra_fields=tenant%3DT", "T", true)
	f("extra_fields=resource_attr:tenant=T", "T", true)
	f(`extra_filters={tenant="T"}`, "T", true)
	f(`extra_filters[]={tenant="a b"}`, "a b", true)
	f(`extra_filters="tenant":="T"`, "T", true)
	f(`extra_filters=tenant:=T`, "T", true)
	f(`extra_filters={tenant=~"T"}`, "", false)
	f(`extra_filters={tenant="T",env="x"}`, "", false)
	f(`extra_filters={tenant="T"} or {}`, "", false)
	f("extra_label=tenant=", "", false)
	f("extra_label=tenant=A&extra_fields=tenant=B", "", false)
	f("nocache=1", "", false)
}

func TestVMUserTargets(t *testing.T) {
	f := func(target, want string) {
		t.Helper()
		var tr vmUserTarget
		require.NoError(t, json.Unmarshal([]byte(target), &tr))
		urls, err := tr.urls("kof")
		if err != nil {
			require.Equal(t, want, err.Error())
			return
		}
		require.Equal(t, want, fmt.Sprint(urls))
	}
	f(`{"crd":{"kind":"VMCluster/vminsert","name":"cluster","namespace":"m"}}`, "[http://vminsert-cluster.m.svc:8480]")
	f(`{"crd":{"kind":"VMCluster/vmselect","name":"cluster"},"target_path_suffix":"/select/0"}`, "[http://vmselect-cluster.kof.svc:8481/select/0]")
	f(`{"static":{"url":"http://a:1"},"target_path_suffix":"?extra_label=tenant=T"}`, "[http://a:1/?extra_label=tenant%3DT]")
	f(`{"static":{"urls":["http://a/x?n=1","https://b"]},"query_args":[{"name":"q","values":["1 2","3"]}]}`, "[http://a/x?n=1&q=1+2&q=3 https://b/?q=1+2&q=3]")
	f(`{"static":{"url":"a:1"}}`, `URL "a:1": want http://host or https://host`)
	f(`{"static":{"url":"http://a"},"target_path_suffix":"http://evil/"}`, `target_path_suffix "http://evil/": want a path, a query or both`)
	f(`{"crd":{"kind":"VMCluster","name":"cluster"}}`, `crd.kind "VMCluster" is unknown: want one of VMAgent, VMAlert, VMAlertManager, VMAlertmanager, VMCluster/vminsert, VMCluster/vmselect, VMCluster/vmstorage, VMSingle`)
	f(`{}`, "no target: give crd or static.url")
}

func TestParseVMAuthConfigRefusesUnknownFields(t *testing.T) {
	_, err := ParseVMAuthConfig([]byte("users:\n- username: u\n  ip_filters: {deny_list: [1.2.3.4]}\n"))
	require.ErrorContains(t, err, "ip_filters")
	c, err := ParseVMAuthConfig(nil)
	require.NoError(t, err)
	require.Equal(t, &VMAuthConfig{}, c)
}
