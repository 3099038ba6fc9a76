{{- define "kof-regional.nothing" -}}
{{`{{- $computed := dict -}}`}}
{{- end -}}

{{- define "kof-regional.storage" -}}
{{`{{- $domain := index $annotations "k0rdent.mirantis.com/kof-regional-domain" -}}
{{- if not $domain }}{{ fail (printf "cluster %s/%s has no annotation k0rdent.mirantis.com/kof-regional-domain: add it to spec.config.clusterAnnotations of its ClusterDeployment" .Cluster.metadata.namespace .Cluster.metadata.name) }}{{ end -}}
{{- $email := index $annotations "k0rdent.mirantis.com/kof-cert-email" | default "" -}}
{{- $issuer := ternary "letsencrypt" "selfsigned" (ne $email "") -}}
{{- $computed := dict "kof" (dict "domain" $domain "certEmail" $email) "cert-manager" (dict "cluster-issuer" (dict "provider" $issuer)) "external-dns" (dict "txtOwnerId" .Cluster.metadata.name) -}}
{{- with index $annotations "k0rdent.mirantis.com/kof-storage-class" }}{{ $_ := set $computed "global" (dict "storageClass" .) }}{{ end -}}`}}
{{- end -}}

{{- define "kof-regional.collectors" -}}
{{`{{- $computed := dict "kof" (dict "clusterName" .Cluster.metadata.name "clusterNamespace" .Cluster.metadata.namespace) "opencost" (dict "opencost" (dict "exporter" (dict "defaultClusterId" .Cluster.metadata.name))) -}}`}}
{{- end -}}
