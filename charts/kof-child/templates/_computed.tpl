{{- define "kof-child.nothing" -}}
{{`{{- $computed := dict -}}`}}
{{- end -}}

{{/* Where the child's region listens, and as whom the child writes there. */}}
{{- define "kof-child.collectors" -}}
{{`{{- $config := (getResource "ChildConfig").data -}}
{{- $http := index $config "kof_http_config" | default "{}" | fromJson -}}
{{- $kof := dict "clusterName" .Cluster.metadata.name "clusterNamespace" .Cluster.metadata.namespace -}}
{{- $_ := set $kof "metrics" (dict "endpoint" $config.write_metrics_endpoint) -}}
{{- $_ := set $kof "logs" (dict "endpoint" $config.write_logs_endpoint) -}}
{{- with index $config "write_audit_logs_endpoint" }}{{ $_ := set $kof "auditLogs" (dict "endpoint" .) }}{{ end -}}
{{- $_ := set $kof "traces" (dict "endpoint" $config.write_traces_endpoint) -}}
{{- $_ := set $kof "vmuser" (dict "enabled" true "secretName" "storage-vmuser-credentials" "checksum" (index $config "vmuser_checksum" | default "")) -}}
{{- $_ := set $kof "tls" (dict "insecureSkipVerify" (dig "tls_config" "insecure_skip_verify" false $http)) -}}
{{- $prometheus := dict "existingSecretName" "storage-vmuser-credentials" "external" (dict "url" $config.read_metrics_endpoint) -}}
{{- $computed := dict "kof" $kof "opencost" (dict "opencost" (dict "exporter" (dict "defaultClusterId" .Cluster.metadata.name) "prometheus" $prometheus)) -}}
{{- if not (hasKey $kof "auditLogs") }}{{ $_ := set $computed "collectors" (dict "node-exporter" (dict "exporters" (dict "auditLogs" (dict "enabled" false)))) }}{{ end -}}`}}
{{- end -}}
