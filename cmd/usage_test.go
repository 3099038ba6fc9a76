package cmd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Bad usage exits with 2 and a line that names what was wrong and what is
// wanted. Nothing is started or written.
func TestBadUsage(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir()+"/none")
	for _, c := range []struct{ args, want string }{
		{"nonsense", `unknown command "nonsense" for "koflab"; see 'koflab --help'`},
		{"--nonsense", `unknown flag: --nonsense; see 'koflab --help'`},
		{"help nonsense", `there is no command "nonsense"; see 'koflab --help'`},
		{"help topology nonsense", `there is no command "topology nonsense"; see 'koflab --help'`},
		{"completion", `SHELL is missing; see 'koflab completion --help'`},
		{"completion tcsh", `there is no completion for "tcsh"; choose one of bash, fish, powershell, zsh`},

		{"up extra", `unexpected argument "extra"; see 'koflab up --help'`},
		{"up -x", `unknown shorthand flag: 'x' in -x; see 'koflab up --help'`},
		{"up --file", `flag needs an argument: --file; see 'koflab up --help'`},
		{"up --file a --preset b", `--file and --preset cannot be given together; see 'koflab up --help'`},
		{"up --detach --for 3s", `--detach and --for cannot be given together; see 'koflab up --help'`},
		{"up --preset tow-regions", `--preset: there is no preset "tow-regions", did you mean "two-regions"?`},
		{"up --stack v9", `--stack: there is no stack profile "v9", choose one of seed, current, v1.0`},
		{"up --network mesh", `--network: network is "mesh", choose one of ingress, istio`},
		{"up --management-data some", `--management-data: managementData is "some", choose one of none, regionless, m2m, m2r`},
		{"up --management-data m2m --management-data m2r", `--management-data "m2r": it was given before, as m2m: at most one may be chosen; see 'koflab up --help'`},
		{"up --provider kind", `--provider "kind": want one of embedded`},
		{"up --isolation vm", `--isolation "vm": want one of shared, process`},
		{"up --semantics sql", `--semantics "sql": want one of prometheus, kof`},
		{"up --error-mode stop", `--error-mode "stop": want one of ignore, downgrade, fail`},
		{"up --speed fast", `--speed "fast": want a factor from 0.1x to 1000x, such as 60x`},
		{"up --speed 0", `--speed "0": want a factor from 0.1x to 1000x, such as 60x`},
		{"up --speed NaN", `--speed "NaN": want a factor from 0.1x to 1000x, such as 60x`},
		{"up --speed 1001x", `--speed "1001x": want a factor from 0.1x to 1000x, such as 60x`},
		{"up --history yesterday", `--history "yesterday": want a duration such as 30s, 15m or 6h`},
		{"up --history -1h", `--history "-1h": want a duration such as 30s, 15m or 6h`},
		{"up --for 0s", `--for "0s": want a duration such as 30s, 15m or 6h`},
		{"up --for soon --dry-run", `--for "soon": want a duration such as 30s, 15m or 6h`},
		{"up --memory 1", `--memory "1": want at least 32MiB, such as 256MiB or 1GiB`},
		{"up --memory 31MiB", `--memory "31MiB": want at least 32MiB, such as 256MiB or 1GiB`},
		{"up --memory 99999999999GiB", `--memory "99999999999GiB": want at least 32MiB, such as 256MiB or 1GiB`},
		{"up --children many", `--children "many": want a whole number; see 'koflab up --help'`},
		{"up --children -1", `--children: -1 is out of range, give 0 to 5000`},
		{"up --seed x", `--seed "x": want a whole number; see 'koflab up --help'`},
		{"up --detach=perhaps", `--detach "perhaps": want true or false; see 'koflab up --help'`},
		{"up --name Foo", `--name: name is "Foo", give a DNS label: lower-case letters, digits and '-', at most 63 characters`},
		{"up --name ../x", `--name: name is "../x", give a DNS label: lower-case letters, digits and '-', at most 63 characters`},
		{"up --address-block 10.0.0.0/16", `--address-block "10.0.0.0/16": want a loopback /16 such as 127.42.0.0/16`},
		{"up --address-block 127.42.0.0", `--address-block "127.42.0.0": want a loopback /16 such as 127.42.0.0/16`},
		{"up --scrape foo", `--scrape: "foo" is not CLUSTER=URL, give one such as child-1=http://127.0.0.1:9100/metrics`},
		{"up --scrape child-1=ftp://x", `--scrape: url is "ftp://x", give an http or https URL such as http://127.0.0.1:9100/metrics`},
		{"up --scrape nobody=http://127.0.0.1:1/metrics", `--scrape: there is no cluster "nobody", choose one of mothership, region-1, region-2, child-1, child-2, child-3, child-4`},
		{"up --file testdata/topology/absent.yaml", `open testdata/topology/absent.yaml: no such file or directory`},
		{"up --file testdata", `read testdata: is a directory`},

		{"query", `EXPR is missing; see 'koflab query --help'`},
		{"query a b", `unexpected argument "b"; see 'koflab query --help'`},
		{"query up -o xml", `-o xml: want one of table, json, graph`},
		{"query up -o graph", `-o graph draws a metric over time: add --range 15m`},
		{"query x --logs --traces", `--logs and --traces cannot be given together; see 'koflab query --help'`},
		{"query x --logs --range 5m -o graph", `-o graph draws a metric over time: leave out --logs and --traces`},
		{"query up --at nonsense", `--at "nonsense": want a time such as 2026-01-02T15:04:05Z, Unix seconds, or a duration before now such as 10m`},
		{"query up --range x", `--range "x": want a duration such as 15m or 1h`},
		{"query up --step 1s", `--step needs --range`},
		{"query up --range 5m --step 0s", `--step "0s": want a duration such as 30s`},
		{"query up --error-mode stop", `--error-mode "stop": want one of fail, downgrade, ignore`},
		{"query up --semantics sql", `--semantics "sql": want one of prometheus, kof`},
		{"query up --timeout 0s", `--timeout 0s: want more than 0`},
		{"query up --timeout x", `--timeout "x": want a duration such as 30s; see 'koflab query --help'`},
		{"query x --logs --limit 0", `--limit 0: want at least 1`},
		{"query up --name Foo", `--name "Foo": want a DNS label: lower-case letters, digits and '-', at most 63 characters`},

		{"status -o xml", `-o xml: want one of table, json, yaml`},
		{"status region-1 extra", `unexpected argument "extra"; see 'koflab status --help'`},
		{"endpoints --ca --credentials", `--credentials and --ca cannot be given together; see 'koflab endpoints --help'`},
		{"events -o yaml", `-o yaml: want one of table, json`},
		{"down extra", `unexpected argument "extra"; see 'koflab down --help'`},
		{"down --all --name x", `--all and --name cannot be given together; see 'koflab down --help'`},
		{"version -o xml", `-o xml: want one of text, json, yaml`},
		{"component nonsense", `unknown command "nonsense" for "koflab component"; see 'koflab component --help'`},
	} {
		out, errOut, code := runMain("", strings.Fields(c.args)...)
		require.Equal(t, "koflab: "+c.want+"\n", errOut, c.args)
		require.Equal(t, 2, code, c.args)
		require.Empty(t, out, c.args)
	}
	_, errOut, code := runMain("", "query", "")
	require.Equal(t, 2, code)
	require.Equal(t, "koflab: EXPR is empty; see 'koflab query --help'\n", errOut)
}

// Without a lab there is nothing to ask: a failure, not bad usage.
func TestNoLab(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	for _, args := range []string{"status", "endpoints", "events", "query up", "query --logs *", "query --traces x"} {
		out, errOut, code := runMain("", strings.Fields(args)...)
		require.Equal(t, "koflab: there is no lab named koflab; start it with 'koflab up'\n", errOut, args)
		require.Equal(t, 1, code, args)
		require.Empty(t, out, args)
	}
}
