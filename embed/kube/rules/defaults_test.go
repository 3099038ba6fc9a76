package rules_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefaults(t *testing.T) {
	num := func(i int64) any { return i }
	for _, c := range []struct {
		base string
		edit edits
		want edits
	}{
		{"pod", nil, edits{
			"spec.restartPolicy": "Always", "spec.dnsPolicy": "ClusterFirst", "spec.schedulerName": "default-scheduler",
			"spec.terminationGracePeriodSeconds": num(30), "spec.serviceAccountName": "default", "spec.priority": num(0),
			"spec.preemptionPolicy": "PreemptLowerPriority", "spec.enableServiceLinks": true,
			"spec.tolerations.0.key": "node.kubernetes.io/not-ready", "spec.tolerations.1.key": "node.kubernetes.io/unreachable",
			cc + "imagePullPolicy": "Always", cc + "terminationMessagePath": "/dev/termination-log",
			cc + "terminationMessagePolicy": "File", cc + "resources.requests.cpu": "100m",
			"status.phase": "Pending", "status.qosClass": "Burstable",
		}},
		{"pod", edits{cc + "image": "nginx:1.29", cc + "readinessProbe": m{"httpGet": m{"port": 80}}, "spec.volumes": list(m{"name": "a"}, m{"name": "s", "secret": m{"secretName": "s"}})}, edits{
			cc + "imagePullPolicy": "IfNotPresent", cc + "readinessProbe.httpGet.path": "/", cc + "readinessProbe.httpGet.scheme": "HTTP",
			cc + "readinessProbe.timeoutSeconds": num(1), cc + "readinessProbe.periodSeconds": num(10), cc + "readinessProbe.failureThreshold": num(3),
			"spec.volumes.0.emptyDir": m{}, "spec.volumes.1.secret.defaultMode": num(420),
		}},
		{"pod", edits{"spec.hostNetwork": true, "spec.priorityClassName": "system-node-critical", cc + "ports": list(m{"containerPort": 9100})}, edits{
			cc + "ports.0.hostPort": num(9100), cc + "ports.0.protocol": "TCP", "spec.priority": num(2000001000),
		}},
		{"deployment", nil, edits{
			"spec.replicas": num(1), "spec.strategy.type": "RollingUpdate", "spec.strategy.rollingUpdate.maxSurge": "25%",
			"spec.revisionHistoryLimit": num(10), "spec.progressDeadlineSeconds": num(600), "spec.template.spec.restartPolicy": "Always",
			"spec.template.spec.serviceAccountName": nil, "spec.template.spec.tolerations": nil,
		}},
		{"daemonset", edits{"spec.template.spec.hostNetwork": true, "spec.template." + cc + "ports": list(m{"containerPort": 9100})}, edits{
			"spec.updateStrategy.rollingUpdate.maxUnavailable": num(1), "spec.template." + cc + "ports.0.hostPort": nil,
		}},
		{"statefulset", nil, edits{
			"spec.podManagementPolicy": "OrderedReady", "spec.updateStrategy.rollingUpdate.partition": num(0),
			"spec.volumeClaimTemplates.0.spec.volumeMode": "Filesystem", "spec.volumeClaimTemplates.0.kind": "PersistentVolumeClaim",
			"spec.persistentVolumeClaimRetentionPolicy.whenDeleted": "Retain",
		}},
		{"job", nil, edits{
			"spec.completions": num(1), "spec.parallelism": num(1), "spec.backoffLimit": num(6), "spec.completionMode": "NonIndexed",
			"spec.suspend": false, "spec.template.metadata.labels.job-name": "x", "metadata.labels.batch|kubernetes|io/job-name": "x",
		}},
		{"cronjob", nil, edits{
			"spec.concurrencyPolicy": "Allow", "spec.successfulJobsHistoryLimit": num(3), "spec.failedJobsHistoryLimit": num(1),
			"spec.jobTemplate.spec.backoffLimit": nil,
		}},
		{"autoscaler", edits{"spec.behavior": m{}}, edits{
			"spec.minReplicas": num(1), "spec.metrics.0.resource.target.averageUtilization": num(80),
			"spec.behavior.scaleUp.policies.0.value": num(4), "spec.behavior.scaleDown.policies.0.periodSeconds": num(15),
		}},
		{"service", nil, edits{
			"spec.type": "ClusterIP", "spec.sessionAffinity": "None", "spec.ports.0.protocol": "TCP", "spec.ports.0.targetPort": num(80),
			"spec.internalTrafficPolicy": "Cluster", "spec.ipFamilies.0": "IPv4", "spec.externalTrafficPolicy": nil,
		}},
		{"secret", nil, edits{"type": "Opaque", "data.a": "MQ==", "stringData": nil}},
		{"claim", nil, edits{"spec.volumeMode": "Filesystem", "status.phase": "Pending"}},
		{"volume", nil, edits{"spec.persistentVolumeReclaimPolicy": "Retain", "status.phase": "Pending"}},
		{"storageclass", nil, edits{"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}},
		{"clusterrolebinding", nil, edits{"roleRef.apiGroup": "rbac.authorization.k8s.io", "subjects.0.apiGroup": "rbac.authorization.k8s.io"}},
		{"node", nil, edits{"status.allocatable.cpu": "2"}},
		{"networkpolicy", nil, edits{"spec.policyTypes.1": "Egress", "spec.egress.0.ports.0.protocol": "TCP"}},
		{"webhook", nil, edits{"webhooks.0.failurePolicy": "Fail", "webhooks.0.timeoutSeconds": num(10), "webhooks.0.clientConfig.service.port": num(443)}},
		{"priorityclass", nil, edits{"preemptionPolicy": "PreemptLowerPriority"}},
	} {
		t.Run(c.base, func(t *testing.T) {
			o := created(t, c.base, c.edit)
			for path, want := range c.want {
				require.Equal(t, want, at(t, o, path), path)
			}
		})
	}
}

// Defaults have to be settled after one pass, or an update that changes nothing
// would write.
func TestWritingBackChangesNothing(t *testing.T) {
	for base := range bases {
		s := newServer(t)
		gr, o := object(t, base)
		stored, err := s.Create(gr, encode(t, o))
		require.NoError(t, err, base)
		again, err := s.Update(gr, stored.JSON, "")
		require.NoError(t, err, base)
		require.Equal(t, stored.RV, again.RV, base)
		if base == "job" || base == "node" {
			continue // a job's author does not know its selector; only tests write nodes' status
		}
		again, err = s.Update(gr, encode(t, o), "")
		require.NoError(t, err, base)
		require.Equal(t, stored.RV, again.RV, "%s applied as written\n%s\n%s", base, stored.JSON, again.JSON)
	}
}

func TestStringDataReachesDataOnUpdate(t *testing.T) {
	s := newServer(t)
	gr, o := object(t, "secret")
	_, err := s.Create(gr, encode(t, o))
	require.NoError(t, err)
	stored, err := s.Update(gr, []byte(`{"metadata":{"name":"x","namespace":"default"},"data":{"a":"MQ=="},"stringData":{"b":"2"}}`), "")
	require.NoError(t, err)
	var got struct {
		Data       map[string][]byte
		StringData map[string]string
	}
	require.NoError(t, stored.Into(&got))
	require.Equal(t, map[string][]byte{"a": []byte("1"), "b": []byte("2")}, got.Data)
	require.Empty(t, got.StringData)
}

func TestStatusOfNewObjectsIsTheServers(t *testing.T) {
	o := created(t, "deployment", edits{"status": m{"replicas": 5}})
	require.Equal(t, m{}, at(t, o, "status"))
	o = created(t, "pod", edits{"status": m{"phase": "Running", "podIP": "10.0.0.1"}})
	require.Equal(t, "Pending", at(t, o, "status.phase"))
	require.Nil(t, at(t, o, "status.podIP"))
}
