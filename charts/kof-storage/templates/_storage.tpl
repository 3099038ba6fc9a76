{{- define "kof-storage.routes" -}}
{{- $logs := printf "http://%s-victoria-logs-single-server.%s.svc:9428" .Release.Name .Release.Namespace -}}
{{- $audit := printf "http://%s-audit-logs-server.%s.svc:9428" .Release.Name .Release.Namespace -}}
{{- $jaeger := printf "http://%s-jaeger" .Release.Name -}}
- src_paths: ["/vm/insert/.*"]
  url_prefix: ["http://vminsert-cluster.{{ .Release.Namespace }}.svc:8480"]
  drop_src_path_prefix_parts: 1
- src_paths: ["/vm/select/.*"]
  url_prefix: ["http://vmselect-cluster.{{ .Release.Namespace }}.svc:8481"]
  drop_src_path_prefix_parts: 1
- src_paths: ["/vlai/.*", "/vlas/.*"]
  url_prefix: [{{ $audit | quote }}]
  drop_src_path_prefix_parts: 1
- src_paths: ["/vli/.*", "/vls/.*"]
  url_prefix: [{{ $logs | quote }}]
  drop_src_path_prefix_parts: 1
# Jaeger serves the same protocols below other paths.
- src_paths: ["/vti/insert/opentelemetry/.*"]
  url_prefix: ["{{ $jaeger }}-collector.{{ .Release.Namespace }}.svc:4318"]
  drop_src_path_prefix_parts: 3
- src_paths: ["/vts/select/jaeger/.*"]
  url_prefix: ["{{ $jaeger }}-query.{{ .Release.Namespace }}.svc:16686"]
  drop_src_path_prefix_parts: 3
{{- end -}}

{{/* Whether the gateway is published under a name of the domain. */}}
{{- define "kof-storage.published" -}}
{{- if and .Values.victoriametrics.enabled .Values.victoriametrics.vmauth.enabled .Values.victoriametrics.vmauth.ingress.enabled .Values.kof.domain (not .Values.istio.enabled) -}}true{{- end -}}
{{- end -}}
