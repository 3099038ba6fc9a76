{{- define "demo-shop.ns" -}}
{{ .app.namespace | default .root.Release.Namespace }}
{{- end -}}

{{/* Millicores and MiB of a quantity. */}}
{{- define "demo-shop.milli" -}}
{{- $q := toString . -}}
{{- if hasSuffix "m" $q }}{{ trimSuffix "m" $q }}{{ else }}{{ mulf $q 1000 | int64 }}{{ end -}}
{{- end -}}
{{- define "demo-shop.mebi" -}}
{{- $q := toString . -}}
{{- if hasSuffix "Gi" $q }}{{ mulf (trimSuffix "Gi" $q) 1024 | int64 }}{{ else if hasSuffix "Mi" $q }}{{ trimSuffix "Mi" $q }}{{ else if hasSuffix "Ki" $q }}{{ div (trimSuffix "Ki" $q) 1024 }}{{ else }}{{ div (int64 $q) 1048576 }}{{ end -}}
{{- end -}}

{{- define "demo-shop.labels" -}}
app.kubernetes.io/name: {{ .app.name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: demo-shop
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end -}}

{{- define "demo-shop.selector" -}}
app.kubernetes.io/name: {{ .app.name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- define "demo-shop.pod" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
containers:
  - name: {{ .app.container | default .app.name }}
    image: {{ .app.image | quote }}
    imagePullPolicy: IfNotPresent
    {{- if ne (.app.kind | default "Deployment") "CronJob" }}
    {{- with .app.port }}
    ports:
      - name: main
        containerPort: {{ . }}
        protocol: TCP
    readinessProbe:
      tcpSocket:
        port: main
      periodSeconds: 10
    livenessProbe:
      tcpSocket:
        port: main
      initialDelaySeconds: 10
      periodSeconds: 20
    {{- end }}
    env:
      - name: OTEL_SERVICE_NAME
        value: {{ .app.name }}
      - name: OTEL_EXPORTER_OTLP_ENDPOINT
        value: http://kof-collectors-node-exporter-collector.kof.svc:4318
    {{- end }}
    resources:
      requests:
        cpu: {{ .app.cpu | default "50m" | quote }}
        memory: {{ .app.memory | default "64Mi" | quote }}
      limits:
        cpu: {{ .app.limitCpu | default (printf "%dm" (include "demo-shop.milli" (.app.cpu | default "50m") | int64 | mul 4)) | quote }}
        memory: {{ .app.limitMemory | default (printf "%dMi" (include "demo-shop.mebi" (.app.memory | default "64Mi") | int64 | mul 2)) | quote }}
    securityContext:
      allowPrivilegeEscalation: false
      capabilities:
        drop: [ALL]
      readOnlyRootFilesystem: {{ if .app.volumeGiB }}false{{ else }}true{{ end }}
    {{- if .app.volumeGiB }}
    volumeMounts:
      - name: data
        mountPath: /data
    {{- end }}
{{- end -}}
