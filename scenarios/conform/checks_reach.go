package conform

import "context"

const reachSource = "promxy's server groups as kof-operator writes them: ignore_error true, dial_timeout 5s, basic_auth, tls_config"

const hidden = "promxy leaves out a region that does not answer (ignore_error), without an error: sums are smaller, and no default alert fires. "

// reachChecks say of every region whether management reads it, and if not, why. The
// causes look alike from promxy, so each has a check of its own.
var reachChecks = []check{
	reach("region-name", troubleName, "The names of the regions' gateways are in DNS", "has a name that is not in DNS",
		hidden+"Collectors and promxy dial https://vmauth.D by name; external-dns, or a hand-made A record, has to have it.",
		"Make vmauth.D resolve to the address of the region's gateway: see that external-dns of kof-storage runs and may write the zone, or add the A record; on kind, patch CoreDNS of every cluster (scripts/patch-coredns.bash)."),
	reach("region-reachable", troubleAway, "The regions' gateways answer", "does not answer",
		hidden+"Collectors of the region's clusters queue and retry for 5 minutes, and drop what is older.",
		"Bring the region back: its nodes, the gateway with its address (on kind cloud-provider-kind has to run), vmauth-cluster in namespace kof, and the firewall between management and the region."),
	reach("region-certificate", troubleCertificate, "The regions' certificates are trusted", "has a certificate that is not trusted",
		hidden+"promxy checks the certificate of vmauth.D unless kof-http-config says insecure_skip_verify.",
		"Have cert-manager issue the certificate of vmauth.D (Secret eg-https or the ingress' TLS Secret) from an issuer that management trusts: see its Certificate and ClusterIssuer in the region; for a self-signed one set annotation k0rdent.mirantis.com/kof-http-config: '{\"tls_config\":{\"insecure_skip_verify\":true}}' on the regional ClusterDeployment."),
	reach("region-credentials", troubleCredentials, "The regions accept management's credentials", "refuses management's credentials",
		hidden+"Management reads a region as user admin-HASH of Secret kof-vmuser-creds-admin-HASH, which MultiClusterService kof-vmuser-propagation puts into the region as a VMUser.",
		"See that VMUser kof-vmuser-admin-HASH in the region has the password of Secret kof-vmuser-creds-admin-HASH on management: ClusterSummary of kof-vmuser-propagation should be Provisioned."),
	reach("region-coverage", troubleOther, "Every region is in federated answers", "is not in federated answers",
		hidden+"Every region has a PromxyServerGroup, from which kof-operator writes promxy's configuration and reloads all replicas.",
		"See that PromxyServerGroup of the region exists and its target is right, that Secret kof-mothership-promxy-config has it, and that every promxy pod was reloaded (prometheus_config_last_reload_successful)."),
}

func reach(id string, is trouble, title, because, does, fix string) check {
	return check{
		id: id, title: title, area: "reach", severity: Error, because: because, does: does, source: reachSource, fix: fix,
		hides: []aspect{everything},
		run: func(_ context.Context, s *survey, v *verdict) {
			if len(s.regions) == 0 {
				v.skipf("no region is known: give promxy as the target, --kubeconfig or --region")
				return
			}
			for _, name := range s.regionNames() {
				if r := s.regions[name]; v.judge(name) && r.trouble == is {
					v.wrong(name, "%s", r.detail)
				}
			}
		},
	}
}
