package operators

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Access is what a vmauth configuration grants, in the terms of embed/gateway:
// users with a tenant, and path prefixes that lead to backends.
type Access struct {
	Users []AccessUser
	// Open lets requests without credentials pass, as in the mesh.
	Open   bool
	Routes []AccessRoute
}

// AccessUser is one set of credentials.
type AccessUser struct {
	Name, Password string
	// Tenant is the one that the args of the user's routes enforce.
	Tenant string
	// Prefixes are those of the routes that the user may take.
	Prefixes []string
}

// String tells a user without the password.
func (u AccessUser) String() string { return fmt.Sprintf("{%s tenant=%q}", u.Name, u.Tenant) }

// GoString is String, for %#v.
func (u AccessUser) GoString() string { return u.String() }

// AccessRoute leads a path prefix to a backend.
type AccessRoute struct {
	Prefix string // such as /vm/insert
	Host   string // such as vminsert-cluster.kof.svc:8480
	Path   string // of the backend, "" for its root
	Drop   int    // segments of the path that are dropped before it goes there
}

// Access returns what the configuration grants. The problems are what no
// gateway of koflab can express; what they concern is left out, never widened.
func (c *VMAuthConfig) Access() (Access, []error) {
	var a Access
	var problems []error
	byPrefix := map[string]AccessRoute{}
	grant := func(u VMAuthUser) (AccessUser, bool) {
		user, routes, err := u.access()
		if err != nil {
			problems = append(problems, fmt.Errorf("user %s: %w", orDefault(u.Username, "(unauthorized)"), err))
			return user, false
		}
		for _, r := range routes {
			if have, ok := byPrefix[r.Prefix]; ok && have != r {
				problems = append(problems, fmt.Errorf("user %s: %s leads to %s%s, but for another user to %s%s: one gateway has one backend for a prefix",
					orDefault(u.Username, "(unauthorized)"), r.Prefix, r.Host, r.Path, have.Host, have.Path))
				return user, false
			}
		}
		for _, r := range routes {
			byPrefix[r.Prefix] = r
		}
		return user, true
	}
	for _, u := range c.Users {
		if user, ok := grant(u); ok {
			a.Users = append(a.Users, user)
		}
	}
	if c.UnauthorizedUser != nil {
		if user, ok := grant(*c.UnauthorizedUser); ok {
			if user.Tenant != "" {
				problems = append(problems, fmt.Errorf("unauthorized_user: a tenant without credentials is not supported"))
			} else {
				a.Open = true
			}
		}
	}
	for _, r := range byPrefix {
		a.Routes = append(a.Routes, r)
	}
	slices.SortFunc(a.Routes, func(x, y AccessRoute) int { return strings.Compare(x.Prefix, y.Prefix) })
	return a, problems
}

func (u VMAuthUser) access() (AccessUser, []AccessRoute, error) {
	out := AccessUser{Name: u.Username, Password: u.Password}
	if u.BearerToken != "" {
		return out, nil, fmt.Errorf("bearer tokens are not supported: give username and password")
	}
	if len(u.URLPrefix) > 0 {
		return out, nil, fmt.Errorf("url_prefix without url_map is not supported: give targets with paths such as /vm/insert/.*")
	}
	var routes []AccessRoute
	for i, m := range u.URLMap {
		if len(m.SrcHosts)+len(m.SrcQueryArgs) > 0 {
			return out, nil, fmt.Errorf("url_map[%d]: src_hosts and src_query_args are not supported", i)
		}
		drop := deref(m.DropPrefixParts, deref(u.DropPrefixParts, 0))
		if len(m.URLPrefix) != 1 {
			return out, nil, fmt.Errorf("url_map[%d]: %d backends: want one", i, len(m.URLPrefix))
		}
		target, err := url.Parse(m.URLPrefix[0])
		if err != nil {
			return out, nil, fmt.Errorf("url_map[%d]: %w", i, err)
		}
		tenant, err := tenantOf(target.RawQuery)
		if err != nil {
			return out, nil, fmt.Errorf("url_map[%d]: %w", i, err)
		}
		// A tenant must hold on every route, or the others would show all tenants.
		if i > 0 && tenant != out.Tenant {
			return out, nil, fmt.Errorf("url_map[%d]: tenant %q, but %q on the routes before it", i, tenant, out.Tenant)
		}
		out.Tenant = tenant
		for _, p := range m.SrcPaths {
			prefix, err := prefixOf(p)
			if err != nil {
				return out, nil, fmt.Errorf("url_map[%d]: %w", i, err)
			}
			out.Prefixes = append(out.Prefixes, prefix)
			routes = append(routes, AccessRoute{Prefix: prefix, Host: target.Host, Path: strings.TrimSuffix(target.Path, "/"), Drop: drop})
		}
	}
	return out, routes, nil
}

// prefixOf returns the path prefix that a pattern such as /vm/insert/.* is for.
func prefixOf(pattern string) (string, error) {
	p := pattern
	for _, tail := range []string{"/.*", "/.+", ".*", "/"} {
		if rest, ok := strings.CutSuffix(p, tail); ok {
			p = rest
			break
		}
	}
	if !strings.HasPrefix(p, "/") || p == "/" || regexp.QuoteMeta(p) != p {
		return "", fmt.Errorf("src_paths %q: want a prefix such as /vm/insert/.*", pattern)
	}
	return p, nil
}

// tenantOf returns the tenant that the args of a backend's URL enforce, in any
// of the ways that the stores of metrics, logs and traces have.
func tenantOf(rawQuery string) (string, error) {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return "", err
	}
	found := ""
	for name, given := range values {
		for _, v := range given {
			t, ok := "", false
			switch name {
			case "extra_label", "extra_fields":
				t, ok = strings.CutPrefix(strings.TrimPrefix(v, "resource_attr:"), "tenant=")
			case "extra_filters", "extra_filters[]":
				t, ok = tenantFilter(v)
			}
			if !ok || t == "" {
				return "", fmt.Errorf("query arg %s=%s: only a tenant can be enforced", name, v)
			}
			if found != "" && t != found {
				return "", fmt.Errorf("query args name two tenants, %q and %q", found, t)
			}
			found = t
		}
	}
	return found, nil
}

var plainWord = regexp.MustCompile(`^[\w-]+$`)

// tenantFilter reads {tenant="T"}, "tenant":="T" and their likes.
func tenantFilter(v string) (string, bool) {
	v = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(v), "{"), "}"))
	for _, key := range []string{`"resource_attr:tenant"`, "resource_attr:tenant", `"tenant"`, "tenant"} {
		rest, ok := strings.CutPrefix(v, key)
		if !ok {
			continue
		}
		rest = strings.TrimPrefix(rest, ":")
		if rest, ok = strings.CutPrefix(rest, "="); !ok {
			return "", false
		}
		t, err := strconv.Unquote(rest)
		if err != nil {
			return rest, plainWord.MatchString(rest)
		}
		return t, true
	}
	return "", false
}
