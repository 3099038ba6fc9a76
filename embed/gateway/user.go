package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// User is one set of credentials, as a VMUser with its Secret is in KOF.
type User struct {
	Name string
	// Password is not used, and may be empty, when clients have certificates.
	Password string
	// Tenant is enforced on everything the user writes and reads; a user with an
	// empty tenant is an administrator who sees all.
	Tenant string
}

// String tells a user without the password, so that no log has it by accident.
func (u User) String() string { return fmt.Sprintf("{%s tenant=%q}", u.Name, u.Tenant) }

// GoString is String, for %#v.
func (u User) GoString() string { return u.String() }

// user is a User ready for requests.
type user struct {
	digest   [sha256.Size]byte
	tenant   *tenantArgs // nil for an administrator
	counters *userCounters
	slots    limit
}

// userTable is an immutable set of users.
type userTable struct {
	byName map[string]*user
	// anyPeer serves every verified peer of a mesh that knows no users.
	anyPeer *user
}

// SetUsers replaces all users at once: from its return on, an old password is
// refused. Requests in work finish as they began.
func (g *Gateway) SetUsers(users []User) error {
	table := &userTable{byName: make(map[string]*user, len(users))}
	for i, u := range users {
		if err := u.validate(g.config.MutualTLS); err != nil {
			return fmt.Errorf("user %d: %w", i+1, err)
		}
		if table.byName[u.Name] != nil {
			return fmt.Errorf("user %d: name %q is used twice", i+1, u.Name)
		}
		table.byName[u.Name] = &user{
			digest:   sha256.Sum256([]byte(u.Password)),
			tenant:   newTenantArgs(u.Tenant),
			counters: g.counters.user(u.Name),
			slots:    newLimit(g.config.MaxConcurrentRequestsPerUser),
		}
	}
	if g.config.MutualTLS && len(users) == 0 {
		table.anyPeer = &user{
			counters: &g.counters.anyPeer,
			slots:    newLimit(g.config.MaxConcurrentRequests),
		}
	}
	g.users.Store(table)
	return nil
}

func (u User) validate(mutualTLS bool) error {
	switch {
	case u.Name == "":
		return fmt.Errorf("the name is empty")
	case strings.Contains(u.Name, ":"):
		return fmt.Errorf("name %q: basic auth cannot carry a colon", u.Name)
	case u.Password == "" && !mutualTLS:
		return fmt.Errorf("%s: the password is empty", u.Name)
	}
	return validTenant(u.Tenant)
}

// validTenant refuses what the query args of the stores cannot carry:
// extra_fields separates its fields by commas, and label values are text.
func validTenant(t string) error {
	switch {
	case strings.ContainsRune(t, utf8.RuneError): // also what U+FFFD stood for
		return fmt.Errorf("tenant %q is not valid UTF-8", t)
	case strings.Contains(t, ","):
		return fmt.Errorf("tenant %q: extra_fields cannot carry a comma", t)
	case strings.ContainsFunc(t, unicode.IsControl):
		return fmt.Errorf("tenant %q has control characters", t)
	}
	return nil
}

// authenticate returns the request's user, or why there is none.
func (g *Gateway) authenticate(r *http.Request) (*user, string) {
	table := g.users.Load()
	if g.config.MutualTLS {
		return table.peer(r)
	}
	if r.Header.Get("Authorization") == "" {
		return nil, "missing 'Authorization' request header"
	}
	name, password, ok := r.BasicAuth()
	if !ok {
		return nil, "Unauthorized"
	}
	u := table.byName[name]
	// An unknown name costs the same comparison as a wrong password.
	var want [sha256.Size]byte
	if u != nil {
		want = u.digest
	}
	got := sha256.Sum256([]byte(password))
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 || u == nil {
		return nil, "Unauthorized"
	}
	return u, ""
}

// peer returns the user of a verified client certificate.
func (t *userTable) peer(r *http.Request) (*user, string) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil, "a client certificate of the lab's CA is required"
	}
	if t.anyPeer != nil {
		return t.anyPeer, ""
	}
	for _, id := range r.TLS.VerifiedChains[0][0].URIs {
		if id.Scheme == "spiffe" {
			if u := t.byName[path.Base(id.Path)]; u != nil {
				return u, ""
			}
		}
	}
	return nil, "Unauthorized"
}
