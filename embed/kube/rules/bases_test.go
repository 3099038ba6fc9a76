package rules_test

import "strings"

// bases are good objects, as short as may be. The tests break them.
var bases = map[string]string{
	"pod": `
apiVersion: v1
kind: Pod
metadata: {namespace: default}
spec:
  containers: [{name: c, image: nginx, resources: {limits: {cpu: 100m}}}]
`,
	"deployment": workload("apps/v1", "Deployment", ""),
	"replicaset": workload("apps/v1", "ReplicaSet", ""),
	"daemonset":  workload("apps/v1", "DaemonSet", ""),
	"statefulset": workload("apps/v1", "StatefulSet", `
  serviceName: x
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`),
	"job": `
apiVersion: batch/v1
kind: Job
metadata: {namespace: default}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: c, image: nginx}]}
`,
	"cronjob": `
apiVersion: batch/v1
kind: CronJob
metadata: {namespace: default}
spec:
  schedule: "*/5 * * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: OnFailure, containers: [{name: c, image: nginx}]}}}}
`,
	"autoscaler": `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {namespace: default}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: x}
  maxReplicas: 3
`,
	"budget": `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {namespace: default}
spec: {minAvailable: 1, selector: {matchLabels: {app: a}}}
`,
	"service": `
apiVersion: v1
kind: Service
metadata: {namespace: default}
spec: {selector: {app: a}, ports: [{port: 80}]}
`,
	"configmap": `
apiVersion: v1
kind: ConfigMap
metadata: {namespace: default}
data: {a: "1"}
`,
	"secret": `
apiVersion: v1
kind: Secret
metadata: {namespace: default}
stringData: {a: "1"}
`,
	"claim": `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {namespace: default}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`,
	"volume": `
apiVersion: v1
kind: PersistentVolume
metadata: {}
spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}, hostPath: {path: /data}}
`,
	"storageclass": `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {}
provisioner: koflab.dev/simulated
`,
	"priorityclass": `
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {}
value: 100
`,
	"ingress": `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {namespace: default}
spec:
  rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: x, port: {number: 80}}}}]}}]
`,
	"role": `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {namespace: default}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
`,
	"clusterrole": `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "system:x"}
rules: [{nonResourceURLs: [/metrics], verbs: [get]}]
`,
	"rolebinding": `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: x}
subjects: [{kind: ServiceAccount, name: x}]
`,
	"clusterrolebinding": `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {}
roleRef: {kind: ClusterRole, name: x}
subjects: [{kind: Group, name: "system:masters"}]
`,
	"serviceaccount": `
apiVersion: v1
kind: ServiceAccount
metadata: {namespace: default}
`,
	"lease": `
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {namespace: default}
spec: {leaseDurationSeconds: 15, holderIdentity: me}
`,
	"endpointslice": `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {namespace: default}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1]}]
ports: [{port: 80}]
`,
	"quota": `
apiVersion: v1
kind: ResourceQuota
metadata: {namespace: default}
spec: {hard: {requests.cpu: "1", pods: "10", count/deployments.apps: "3"}}
`,
	"node": `
apiVersion: v1
kind: Node
metadata: {}
spec: {providerID: koflab://x}
status: {capacity: {cpu: "2", memory: 4Gi}}
`,
	"webhook": `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {}
webhooks:
- name: a.example.com
  sideEffects: None
  admissionReviewVersions: [v1]
  clientConfig: {service: {namespace: kof, name: x}}
`,
	"mutatingwebhook": `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {}
webhooks: [{name: a.example.com, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {url: "https://a.example.com/"}}]
`,
	"ingressclass": `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {}
spec: {controller: k8s.io/ingress-nginx}
`,
	"event": `
apiVersion: v1
kind: Event
metadata: {namespace: default}
involvedObject: {kind: Pod, name: x, namespace: default}
`,
	"controller": `
apiVersion: v1
kind: ReplicationController
metadata: {namespace: default}
spec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: nginx}]}}}
`,
	"networkpolicy": `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: default}
spec: {podSelector: {}, egress: [{to: [{podSelector: {}}], ports: [{port: 53}]}]}
`,
}

func workload(version, kind, more string) string {
	return `
apiVersion: ` + version + `
kind: ` + kind + `
metadata: {namespace: default}
spec:
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec: {containers: [{name: c, image: nginx}]}
` + strings.TrimPrefix(more, "\n")
}
