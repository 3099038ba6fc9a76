{{/*
Values of one service, as text that is evaluated once per cluster. Weakest first:
defaults, what the caller's "computed" makes of the cluster (a template that sets
$computed), values of this chart, annotation of the cluster.
Takes (dict "name" "defaults" "computed" "values").
*/}}
{{- define "kof-child.serviceValues" -}}
{{`{{- $annotations := dig "metadata" "annotations" (dict) .Cluster -}}`}}
{{`{{- $defaults := `}}{{ .defaults | toJson | quote }}{{` | fromJson -}}`}}
{{ .computed }}
{{`{{- $values := `}}{{ .values | toJson | quote }}{{` | fromJson -}}`}}
{{`{{- $annotation := index $annotations "k0rdent.mirantis.com/kof-`}}{{ .name }}{{`-values" | default "{}" | fromYaml -}}`}}
{{`{{ mergeOverwrite $defaults $computed $values $annotation | toYaml }}`}}
{{- end -}}

{{- define "kof-child.version" -}}
{{ .Values.kof.version | default .Chart.Version }}
{{- end -}}

{{- define "kof-child.template" -}}
{{ printf "%s-%s" .name .version | replace "." "-" }}
{{- end -}}
