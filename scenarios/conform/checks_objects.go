package conform

import (
	"context"
	"fmt"
)

const verification = "KOF, verification and troubleshooting guides (kof-facts 6.3)"

// objectChecks are the steps of KOF's verification guide, over the management
// cluster's API.
var objectChecks = []check{
	{
		id: "server-groups", title: "Every region has a PromxyServerGroup", area: "objects", severity: Error,
		does:   "kof-operator makes a PromxyServerGroup of every regional ClusterDeployment, by ConfigMap kof-REGION.",
		source: "kof-operator, RegionalClusterConfigMap controller",
		fix:    "See the log of kof-mothership-kof-operator and ConfigMap kof-REGION: annotation k0rdent.mirantis.com/kof-regional-domain is needed in spec.config.clusterAnnotations.",
		needs:  []aspect{objects},
		run: func(_ context.Context, s *survey, v *verdict) {
			if v.noObjects() {
				return
			}
			for _, d := range s.deployments {
				if d.label(labelRole) == roleRegional && v.judge(d.name()) && s.regions[d.name()].group == nil {
					v.wrong(d.name(), "there is no PromxyServerGroup for regional ClusterDeployment %s", d.id())
				}
			}
		},
	},
	objectCheck("helm-releases", "HelmReleases are ready", helmReleases, "Ready", "",
		"The umbrella chart kof installs management's charts as Flux HelmReleases, in order.",
		"kubectl -n kcm-system describe helmrelease NAME, or flux reconcile helmrelease NAME --reset; a commonest cause is a CRD of an operator that is not there yet."),
	objectCheck("service-templates", "ServiceTemplates are valid", serviceTemplates, "", "valid",
		"MultiClusterServices name ServiceTemplates; one that is not valid is not installed anywhere.",
		"kubectl describe servicetemplate: the chart's repository or version is not found, or the registry is http and is asked over https."),
	objectCheck("cluster-deployments", "ClusterDeployments are ready", clusterDeployments, "Ready", "",
		"KCM brings up each cluster and reports in conditions what is missing.",
		"kubectl describe clusterdeployment: Credential, template, cloud quota, or services that are not ready (ServicesInReadyState N/M)."),
	{
		id: "cluster-summaries", title: "ClusterSummaries are provisioned", area: "objects", severity: Error,
		does: "Sveltos makes a ClusterSummary for every profile on every cluster that it selects, and installs its charts in order.", source: verification,
		fix:   "kubectl describe clustersummary: failureMessage has Helm's error.",
		needs: []aspect{objects},
		run:   checkSummaries,
	},
	objectCheck("certificates", "Certificates are issued", certificates, "Ready", "",
		"cert-manager issues the certificates of gateways and, in a mesh, of clusters.",
		"kubectl describe certificate and its Order or CertificateRequest: DNS, the issuer, or rate limits of Let's Encrypt."),
}

// objectCheck wants a condition, or a field of the status, of all objects of a kind.
func objectCheck(id, title string, k kind, condition, field, does, fix string) check {
	return check{
		id: id, title: title, area: "objects", severity: Error, does: does, source: verification, fix: fix, needs: []aspect{objects},
		run: func(ctx context.Context, s *survey, v *verdict) {
			if v.noObjects() {
				return
			}
			all, err := s.kube.list(ctx, k, "")
			if err != nil {
				v.cannot("the management cluster's API", err)
				return
			}
			if len(all) == 0 {
				v.skipf("the management cluster has no %ss", k.name)
				return
			}
			for _, o := range all {
				subject := o.id()
				if k == clusterDeployments {
					subject = o.name()
				}
				if !v.judge(subject) {
					continue
				}
				if condition != "" {
					if status, message := o.condition(condition); status != "True" {
						v.wrong(subject, "condition %s is %s: %s", condition, or(status, "not there"), or(message, "no message"))
					}
				} else if ok, _ := o.at("status", field).(bool); !ok {
					v.wrong(subject, "status.%s is not true: %s", field, or(o.text("status", "validationError"), "no message"))
				}
			}
			v.note("%d %ss", len(all), k.name)
		},
	}
}

func checkSummaries(ctx context.Context, s *survey, v *verdict) {
	if v.noObjects() {
		return
	}
	all, err := s.kube.list(ctx, clusterSummaries, "")
	if err != nil {
		v.cannot("the management cluster's API", err)
		return
	}
	if len(all) == 0 {
		v.skipf("the management cluster has no ClusterSummaries")
		return
	}
	for _, o := range all {
		subject := or(o.text("spec", "clusterName"), o.id())
		if !v.judge(subject) {
			continue
		}
		for _, item := range o.list("status", "featureSummaries") {
			m, _ := item.(map[string]any)
			f := object(m)
			if f.text("status") != "Provisioned" {
				v.wrong(subject, "%s", fmt.Sprintf("ClusterSummary %s: %s %s: %s", o.id(), f.text("featureID"), f.text("status"), or(f.text("failureMessage"), "no message")))
			}
		}
	}
	v.note("%d ClusterSummaries", len(all))
}
