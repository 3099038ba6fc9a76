package operators

import (
	"bytes"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"koflab/embed/kube/store"
)

func (r *Operators) reconcileVMAuth(k key, o *store.Object) (outcome, error) {
	cr := &vmAuth{}
	if err := o.Into(cr); err != nil {
		return outcome{err: err}, nil
	}
	text, refs, err := r.vmAuthConfig(cr)
	r.depend(k, refs...)
	var wrong invalid
	switch {
	case errors.As(err, &wrong):
		return outcome{err: err}, nil
	case err != nil:
		return outcome{}, err
	}
	return r.workloads(k, o, digest(text), func() ([]child, error) { return buildVMAuth(cr, text) })
}

// vmAuthConfig renders the file of a vmauth with the users that it selects. One
// that is wrong is left out and told so; the others must not suffer for it.
func (r *Operators) vmAuthConfig(cr *vmAuth) ([]byte, []ref, error) {
	var rest VMAuthConfig
	var err error
	if rest.UnauthorizedUser, err = cr.Spec.unauthorized(cr.Namespace); err != nil {
		return nil, nil, invalid{err}
	}
	var refs []ref
	var users bytes.Buffer
	taken := map[credentials]string{}
	for _, o := range r.api.List(vmUsers, "", labels.Everything()) {
		s := cr.Spec
		in, err := r.selected(o, cr.Namespace, s.SelectAllByDefault, s.UserSelector, s.UserNamespaceSelector)
		if err != nil {
			return nil, refs, invalid{fmt.Errorf("userSelector: %w", err)}
		}
		if !in || o.Deleting {
			continue
		}
		k := key{victoriaOperator, vmUsers, o.Namespace, o.Name}
		user, err := r.vmUserText(k, o)
		if user.secret.name != "" {
			refs = append(refs, user.secret)
		}
		if other, double := taken[user.credentials]; err == nil && double {
			err = fmt.Errorf("has the same credentials as VMUser %s", other)
		}
		if err := r.victoriaStatus(k, o, outcome{ready: true, err: err}); err != nil {
			return nil, refs, err
		}
		if err == nil {
			taken[user.credentials] = o.Namespace + "/" + o.Name
			users.Write(user.text)
		}
	}
	text := []byte(usersKey)
	if users.Len() == 0 {
		text = nil
	}
	text = append(text, users.Bytes()...)
	if rest.UnauthorizedUser != nil || len(text) == 0 {
		more, err := rest.Marshal()
		if err != nil {
			return nil, refs, err
		}
		text = append(text, more...)
	}
	return text, refs, nil
}

// usersKey is what the list of users stands under. The texts of users are kept
// and only put together, since every new one of hundreds changes the file.
const usersKey = "users:\n"

// userMemo is a user as it stands in a file, and what that came from.
type userMemo struct {
	credentials
	text       []byte
	secret     ref
	generation int64
	secretRV   uint64
	object     string // its UID
}

// vmUserText renders a user. The Secret of its credentials is returned even when
// they are not there, to wait for it.
func (r *Operators) vmUserText(k key, o *store.Object) (userMemo, error) {
	m := r.memo(k)
	if u := m.user; u != nil && u.object == string(o.UID) && u.generation == o.Generation && o.Generation > 0 {
		if u.secret.name == "" {
			return *u, nil
		}
		if s, err := r.find(secrets, u.secret.namespace, u.secret.name); err == nil && s != nil && s.RV == u.secretRV {
			return *u, nil
		}
	}
	m.user = nil
	u := userMemo{object: string(o.UID), generation: o.Generation}
	cr := &vmUser{}
	if err := o.Into(cr); err != nil {
		return u, err
	}
	if cr.Spec.GeneratePassword {
		// Its Secret may not be there yet: which of both is looked at first is chance.
		if err := r.reconcileVMUser(k); err != nil {
			return u, err
		}
	}
	var err error
	if u.credentials, u.secret, err = r.credentialsOf(cr); err != nil {
		return u, err
	}
	user, err := configUser(cr, u.credentials)
	if err != nil {
		return u, err
	}
	if u.text, err = (&VMAuthConfig{Users: []VMAuthUser{user}}).Marshal(); err != nil {
		return u, err
	}
	u.text = bytes.TrimPrefix(u.text, []byte(usersKey))
	if u.secret.name != "" {
		s, err := r.find(secrets, u.secret.namespace, u.secret.name)
		if err != nil || s == nil {
			return u, err
		}
		u.secretRV = s.RV
	}
	m.user = &u
	return u, nil
}

func (r *Operators) credentialsOf(cr *vmUser) (credentials, ref, error) {
	s := cr.Spec
	c := credentials{username: s.Username, password: s.Password, token: s.BearerToken}
	if c.username == "" && s.TokenRef == nil && c.token == "" {
		// Upstream's default: the object's own name.
		c.username = cr.Name
	}
	selector, into := s.PasswordRef, &c.password
	if s.TokenRef != nil {
		selector, into = s.TokenRef, &c.token
	}
	if selector == nil && s.GeneratePassword && c.password == "" {
		selector = &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: vmUserSecret(cr.Name)}, Key: "password"}
	}
	if selector == nil {
		if c.password == "" && c.token == "" {
			return c, ref{}, fmt.Errorf("no password: give password, passwordRef or generatePassword")
		}
		return c, ref{}, nil
	}
	at := ref{secrets, cr.Namespace, selector.Name}
	value, err := r.secretValue(at, selector.Key)
	*into = value
	return c, at, err
}

func vmUserSecret(user string) string { return "vmuser-" + user }

// reconcileVMUser makes the Secret of a user whose password is to be generated.
func (r *Operators) reconcileVMUser(k key) error {
	o, err := r.get(k)
	if o == nil {
		return err
	}
	cr := &vmUser{}
	if err := o.Into(cr); err != nil {
		return r.victoriaStatus(k, o, outcome{err: err})
	}
	if !cr.Spec.GeneratePassword || cr.Spec.Password != "" || cr.Spec.PasswordRef != nil {
		return nil
	}
	at := ref{secrets, k.namespace, vmUserSecret(k.name)}
	have, _ := r.secretData(at)
	password := string(have["password"])
	if password == "" {
		if password, err = newPassword(); err != nil {
			return err
		}
	}
	user := orDefault(cr.Spec.Username, cr.Name)
	return r.ensure(k, o, []child{&corev1.Secret{
		ObjectMeta: meta(k.namespace, at.name, map[string]string{
			labelName: "vmuser", labelInstance: k.name, labelComponent: "monitoring", "managed-by": "vm-operator",
		}),
		Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{"username": []byte(user), "password": []byte(password)},
	}})
}
