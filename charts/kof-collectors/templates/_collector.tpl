{{/* Pieces that both collectors share. Each takes (dict "root" $ "spec" <values of the collector>). */}}

{{- define "kof-collectors.secret" -}}
{{- if .Values.kof.vmuser.password -}}kof-collectors-vmuser{{- else -}}{{ .Values.kof.vmuser.secretName }}{{- end -}}
{{- end -}}

{{- define "kof-collectors.extensions" -}}
health_check:
  endpoint: 0.0.0.0:13133
file_storage:
  directory: /var/lib/otelcol
  create_directory: true
{{- if .root.Values.kof.vmuser.enabled }}
{{- range list "metrics" "logs" "traces" }}
basicauth/{{ . }}:
  client_auth:
    username: ${env:KOF_VM_USER}
    password: ${env:KOF_VM_PASSWORD}
{{- end }}
{{- end }}
{{- end -}}

{{- define "kof-collectors.extensionNames" -}}
[health_check, file_storage{{ if .Values.kof.vmuser.enabled }}, basicauth/metrics, basicauth/logs, basicauth/traces{{ end }}]
{{- end -}}

{{- define "kof-collectors.remoteWrite" -}}
prometheusremotewrite:
  endpoint: {{ .root.Values.kof.metrics.endpoint | quote }}
  {{- if .root.Values.kof.vmuser.enabled }}
  auth:
    authenticator: basicauth/metrics
  {{- end }}
  {{- if .root.Values.kof.tls.insecureSkipVerify }}
  tls:
    insecure_skip_verify: true
  {{- end }}
  external_labels:
    {{ .root.Values.kof.clusterLabel }}: {{ .root.Values.kof.clusterName | quote }}
    {{ .root.Values.kof.clusterNamespaceLabel }}: {{ .root.Values.kof.clusterNamespace | quote }}
  # In memory only: this exporter has no queue on disk.
  remote_write_queue:
    enabled: true
    queue_size: {{ .spec.queueSize }}
    num_consumers: 5
  retry_on_failure: {{- include "kof-collectors.retry" . | nindent 4 }}
{{- end -}}

{{- define "kof-collectors.retry" -}}
enabled: true
initial_interval: 5s
max_interval: 30s
max_elapsed_time: {{ .spec.retryMaxElapsed }}
{{- end -}}

{{/* Takes also "name", "key" (logs_endpoint or traces_endpoint), "url" and "auth". */}}
{{- define "kof-collectors.otlphttp" -}}
otlphttp/{{ .name }}:
  {{ .key }}: {{ .url | quote }}
  {{- if .root.Values.kof.vmuser.enabled }}
  auth:
    authenticator: basicauth/{{ .auth }}
  {{- end }}
  {{- if .root.Values.kof.tls.insecureSkipVerify }}
  tls:
    insecure_skip_verify: true
  {{- end }}
  sending_queue:
    enabled: true
    queue_size: {{ .spec.queueSize }}
    storage: file_storage
  retry_on_failure: {{- include "kof-collectors.retry" . | nindent 4 }}
{{- end -}}

{{- define "kof-collectors.processors" -}}
k8sattributes:
  auth_type: serviceAccount
  extract:
    metadata: [k8s.namespace.name, k8s.pod.name, k8s.pod.uid, k8s.node.name, k8s.container.name, k8s.deployment.name, k8s.statefulset.name, k8s.daemonset.name, k8s.job.name, k8s.cronjob.name]
    labels:
      - tag_name: service.name
        key: app.kubernetes.io/name
        from: pod
  pod_association:
    - sources:
        - from: resource_attribute
          name: k8s.pod.uid
    - sources:
        - from: resource_attribute
          name: k8s.pod.ip
    - sources:
        - from: connection
resource/k8sclustername:
  attributes:
    - action: insert
      key: k8s.cluster.name
      value: {{ .root.Values.kof.clusterName | quote }}
    - action: insert
      key: k8s.cluster.namespace
      value: {{ .root.Values.kof.clusterNamespace | quote }}
resourcedetection:
  detectors: [env, system]
  timeout: 5s
  override: false
batch:
  send_batch_size: 1000
  send_batch_max_size: 1500
  timeout: 1s
{{- end -}}

{{- define "kof-collectors.telemetry" -}}
metrics:
  readers:
    - pull:
        exporter:
          prometheus:
            host: 0.0.0.0
            port: 8888
{{- end -}}

{{- define "kof-collectors.env" -}}
- name: K8S_NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.node.name=$(K8S_NODE_NAME)
{{- if .Values.kof.vmuser.enabled }}
- name: KOF_VM_USER
  valueFrom:
    secretKeyRef:
      name: {{ include "kof-collectors.secret" . }}
      key: {{ .Values.kof.vmuser.usernameKey }}
- name: KOF_VM_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "kof-collectors.secret" . }}
      key: {{ .Values.kof.vmuser.passwordKey }}
{{- end }}
{{- end -}}
