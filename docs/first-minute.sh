#!/usr/bin/env bash
# Writes docs/first-minute.md: what the commands of the first minute print, from
# a real run ('make docs').
set -euo pipefail
cd "$(dirname "$0")/.."
home=$(mktemp -d)
export XDG_STATE_HOME=$home/s XDG_RUNTIME_DIR=$home/r PATH=$PWD/bin:$PATH
mkdir "$home/s" "$home/r"
trap 'koflab down >/dev/null 2>&1 || true; rm -rf "$home"' EXIT

show() { printf '\n    $ %s\n' "$1"; eval "$1" 2>&1 | sed 's/^/    /; s/ *$//'; }
{
  echo '# The first minute'
  echo
  echo 'A real run, written by `make docs`.'
  show 'koflab up --detach'
  show "koflab query 'count by (cluster)(kube_node_info)'"
  show "koflab query 'sum by (cluster)(node_total_hourly_cost)' --explain"
  sleep 20
  show "koflab query --logs '_time:5m | stats by (\"k8s.cluster.name\") count() lines'"
  show 'koflab query --traces checkout --limit 3'
  trace=$(koflab query --traces frontend --limit 1 | awk 'NR==2 {print $1}')
  show "koflab query --traces $trace"
  show 'koflab topology show -o tree'
  show 'koflab status | head -20'
  show 'koflab down'
} > "$home/out"
mv "$home/out" docs/first-minute.md
