package conform

import (
	"context"
	"net/url"
	"strings"
)

// knownRegion is a region that management reads, or should.
type knownRegion struct {
	name     string
	group    object // its PromxyServerGroup
	answered bool   // its data are in answers of the target
	told     groupAnswer
	probed   probed
	trouble  trouble
	detail   string
}

// lookRegions finds out about every region whether it is reached, and if not, why.
func (s *survey) lookRegions(ctx context.Context) {
	for _, given := range s.target.Regions {
		r := s.region(given.Name)
		given = s.withCredentials(ctx, given, r)
		r.probed = probe(ctx, given, s.target, s.options.Timeout)
	}
	for _, r := range s.regions {
		if r.answered || r.told.Answered {
			continue
		}
		if !r.probed.asked {
			if given, ok := s.groupRegion(ctx, r); ok {
				r.probed = probe(ctx, given, s.target, s.options.Timeout)
			}
		}
		r.trouble, r.detail = r.judge()
	}
	if !s.federated && len(s.rows) > 0 {
		for _, r := range s.regions {
			if r.told.Name == "" && !r.probed.asked {
				r.trouble = troubleNone // the target is a storage, regions are not its matter
			}
		}
	}
}

// judge says why a region is not in answers. What management was told counts more
// than what is seen from here, unless it only says that nobody answered.
func (r *knownRegion) judge() (trouble, string) {
	told := troubleNone
	if r.told.Error != "" {
		told = classifyText(r.told.Error)
	}
	switch {
	case told != troubleNone && told != troubleAway && told != troubleOther:
		return told, "management says: " + excerpt([]byte(r.told.Error))
	case r.probed.asked && r.probed.trouble != troubleNone:
		return r.probed.trouble, r.probed.at + ": " + r.probed.detail
	case told != troubleNone && r.probed.asked:
		return told, "management says: " + excerpt([]byte(r.told.Error)) + "; asked from here, " + r.probed.at + " answers"
	case told != troubleNone:
		return told, "management says: " + excerpt([]byte(r.told.Error))
	case r.probed.asked:
		return troubleOther, "asked directly, " + r.probed.at + " answers, but its series are not in answers of the target"
	}
	return troubleOther, "its series are not in answers of the target; --region " + r.name + "=URL would tell why"
}

// groupRegion is a region as its PromxyServerGroup says that management reads it.
func (s *survey) groupRegion(ctx context.Context, r *knownRegion) (Region, bool) {
	if r.group == nil {
		return Region{}, false
	}
	targets := r.group.list("spec", "targets")
	if len(targets) == 0 {
		return Region{}, false
	}
	host, _ := targets[0].(string)
	if name, _, _ := strings.Cut(host, ":"); !strings.Contains(name, ".") || strings.HasSuffix(name, ".svc") || strings.HasSuffix(name, ".local") {
		return Region{}, false // a Service's name, which means nothing outside its cluster
	}
	scheme := r.group.text("spec", "scheme")
	if scheme == "" {
		scheme = "http"
	}
	u := url.URL{Scheme: scheme, Host: host, Path: "/" + strings.Trim(r.group.text("spec", "path_prefix"), "/")}
	return s.withCredentials(ctx, Region{Name: r.name, URL: u.String()}, r), true
}

// withCredentials adds what management reads the region with, unless the URL or the
// user brings something else.
func (s *survey) withCredentials(ctx context.Context, given Region, r *knownRegion) Region {
	if r.group == nil {
		return given
	}
	skip, _ := r.group.at("spec", "http_client", "tls_config", "insecure_skip_verify").(bool)
	given.Insecure = given.Insecure || skip
	u, err := url.Parse(given.URL)
	if given.Username != "" || err != nil || u.User != nil || s.kube == nil {
		return given
	}
	auth := object{}
	if m, ok := r.group.at("spec", "http_client", "basic_auth").(map[string]any); ok {
		auth = m
	}
	name := auth.text("credentials_secret_name")
	if name == "" {
		return given
	}
	secret, err := s.kube.one(ctx, secrets, r.group.namespace(), name)
	if err != nil || secret == nil {
		return given
	}
	given.Username, given.Password = secret.data(or(auth.text("username_key"), "username")), secret.data(or(auth.text("password_key"), "password"))
	return given
}
