//go:build cgo && !kustomize_disable_go_plugin_support

package main

// Helm brings kustomize's loader of Go plugins, for which the linker exports
// every symbol, and VictoriaMetrics' zstd archive for cgo cannot be linked that
// way. The linker says so in a page of its own; the compiler says it in a line:
// build with CGO_ENABLED=0, or with the tag in the constraint above.
const _ = set_CGO_ENABLED_0_or_use_tags_kustomize_disable_go_plugin_support
