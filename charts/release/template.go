package release

import (
	"context"
	"fmt"
	"strings"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/release"
)

// TemplateOptions say for which cluster to render.
type TemplateOptions struct {
	// KubeVersion is the version charts see, such as "v1.34.0"; empty means
	// the one this Helm was built for.
	KubeVersion string
	// APIVersions are served besides the built-in ones, as "group/version" or
	// "group/version/Kind".
	APIVersions []string
	// IncludeCRDs puts the CRDs of crds directories first.
	IncludeCRDs bool
	// IsUpgrade renders what an upgrade would.
	IsUpgrade bool
	// SkipHooks leaves hooks out.
	SkipHooks bool
	// SkipSchema renders values that are against the chart's schema.
	SkipSchema bool
}

// Template renders a release without a cluster, to the text the helm template
// command prints.
func Template(r Release, o TemplateOptions) (string, error) {
	if r.Namespace == "" {
		r.Namespace = "default"
	}
	f := &operation{client: &Client{}, name: r.Name, namespace: r.Namespace, action: Render}
	if err := check(r); err != nil {
		return "", f.fault(r, err)
	}
	rel, err := render(r, o, &action.Configuration{Log: func(string, ...any) {}}, false)
	if err != nil {
		return "", f.fault(r, plainer(err))
	}
	var out strings.Builder
	fmt.Fprintln(&out, strings.TrimSpace(rel.Manifest))
	if !o.SkipHooks {
		for _, h := range rel.Hooks {
			fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", h.Path, h.Manifest)
		}
	}
	return out.String(), nil
}

// render runs Helm's client-side rendering. With remote set, templates may
// look objects up in the cluster of cfg.
func render(r Release, o TemplateOptions, cfg *action.Configuration, remote bool) (*release.Release, error) {
	a := action.NewInstall(cfg)
	a.ReleaseName, a.Namespace = r.Name, r.Namespace
	a.ClientOnly, a.DryRun, a.Replace = true, true, true
	a.DryRunOption = "client"
	if remote {
		a.DryRunOption = "server"
	}
	a.IncludeCRDs, a.IsUpgrade, a.SkipSchemaValidation = o.IncludeCRDs, o.IsUpgrade, o.SkipSchema
	a.APIVersions = o.APIVersions
	if o.KubeVersion != "" {
		v, err := chartutil.ParseKubeVersion(o.KubeVersion)
		if err != nil {
			return nil, fmt.Errorf("Kubernetes version %q: %w", o.KubeVersion, err)
		}
		a.KubeVersion = v
	}
	return a.RunWithContext(context.Background(), copyChart(r.Chart), values(r))
}
