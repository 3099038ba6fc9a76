{{- define "kof-istio.nothing" -}}
{{`{{- $computed := dict -}}`}}
{{- end -}}

{{- define "kof-istio.storage" -}}
{{`{{- $computed := dict "istio" (dict "enabled" true "clusterName" .Cluster.metadata.name) "cert-manager" (dict "enabled" false) "external-dns" (dict "enabled" false) -}}
{{- with index $annotations "k0rdent.mirantis.com/kof-storage-class" }}{{ $_ := set $computed "global" (dict "storageClass" .) }}{{ end -}}`}}
{{- end -}}

{{- define "kof-istio.regionalCollectors" -}}
{{`{{- $computed := dict "kof" (dict "clusterName" .Cluster.metadata.name "clusterNamespace" .Cluster.metadata.namespace) "opencost" (dict "opencost" (dict "exporter" (dict "defaultClusterId" .Cluster.metadata.name))) -}}`}}
{{- end -}}

{{/* The mesh knows who writes: no user, and no TLS but its own. */}}
{{- define "kof-istio.childCollectors" -}}
{{`{{- $config := (getResource "ChildConfig").data -}}
{{- $kof := dict "clusterName" .Cluster.metadata.name "clusterNamespace" .Cluster.metadata.namespace -}}
{{- $_ := set $kof "metrics" (dict "endpoint" $config.write_metrics_endpoint) -}}
{{- $_ := set $kof "logs" (dict "endpoint" $config.write_logs_endpoint) -}}
{{- with index $config "write_audit_logs_endpoint" }}{{ $_ := set $kof "auditLogs" (dict "endpoint" .) }}{{ end -}}
{{- $_ := set $kof "traces" (dict "endpoint" $config.write_traces_endpoint) -}}
{{- $prometheus := dict "external" (dict "url" $config.read_metrics_endpoint) -}}
{{- $computed := dict "kof" $kof "opencost" (dict "opencost" (dict "exporter" (dict "defaultClusterId" .Cluster.metadata.name) "prometheus" $prometheus)) -}}
{{- if not (hasKey $kof "auditLogs") }}{{ $_ := set $computed "collectors" (dict "node-exporter" (dict "exporters" (dict "auditLogs" (dict "enabled" false)))) }}{{ end -}}`}}
{{- end -}}
