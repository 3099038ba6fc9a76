package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	helmtime "helm.sh/helm/v3/pkg/time"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// Labels of ours on release Secrets. Helm carries labels it does not know from
// revision to revision, so what they say must be checked against the revision.
const (
	// labelDigest is what the revision was made of: see digest.
	labelDigest = "koflab.dev/digest"
	// labelHolder and labelTimeout stand only while a revision is pending.
	labelHolder  = "koflab.dev/holder"
	labelTimeout = "koflab.dev/timeout"
)

const secretType = "helm.sh/release.v1"

// writeTimeout bounds the writing of a record after its operation was
// cancelled: what happened must be kept, but not at any price.
const writeTimeout = 30 * time.Second

// store keeps releases in Secrets in Helm's format. It differs from Helm's own
// driver in three ways: it stamps with the client's clock, it compresses
// faster, and it can look at records without unpacking them.
type store struct {
	secrets corev1.SecretInterface
	ctx     context.Context
	now     func() time.Time
	// began is when the operation started by the machine's clock, or zero if
	// that is the client's clock too.
	began   time.Time
	holder  string
	timeout time.Duration
}

var _ driver.Driver = (*store)(nil)

func newStore(c *Client, secrets corev1.SecretInterface, ctx context.Context) *store {
	s := &store{secrets: secrets, ctx: ctx, now: c.now}
	if c.ownClock {
		s.began = time.Now()
	}
	return s
}

// record is a revision as its Secret's metadata show it.
type record struct {
	name, namespace string
	revision        int
	status          release.Status
	labels          map[string]string
	written         time.Time
	// created is by the API server's clock, which is the lab's even for the
	// helm command, whose own is the machine's.
	created time.Time
	data    []byte
}

func (r record) release() (*release.Release, error) {
	rel, err := decode(r.data)
	if err != nil {
		return nil, fmt.Errorf("release %s/%s, revision %d: its Secret cannot be read: %w", r.namespace, r.name, r.revision, err)
	}
	rel.Labels = ownLabels(r.labels)
	if rel.Info == nil {
		rel.Info = &release.Info{Status: r.status}
	}
	return rel, nil
}

// records lists revisions, by namespace, name and revision, without unpacking
// them. An empty name means all releases.
func (s *store) records(name string) ([]record, error) {
	set := labels.Set{"owner": "helm"}
	if name != "" {
		set["name"] = name
	}
	return s.list(set)
}

func (s *store) list(set labels.Set) ([]record, error) {
	list, err := s.secrets.List(s.ctx, metav1.ListOptions{LabelSelector: set.AsSelector().String()})
	if err != nil {
		return nil, fmt.Errorf("reading the stored releases: %w", err)
	}
	var all []record
	for i := range list.Items {
		secret := &list.Items[i]
		revision, err := strconv.Atoi(secret.Labels["version"])
		if err != nil || secret.Type != secretType {
			continue
		}
		all = append(all, record{
			name: secret.Labels["name"], namespace: secret.Namespace, revision: revision,
			status: release.Status(secret.Labels["status"]), labels: secret.Labels,
			written: writtenAt(secret), created: secret.CreationTimestamp.UTC(), data: secret.Data["release"],
		})
	}
	slices.SortFunc(all, func(a, b record) int {
		switch {
		case a.namespace != b.namespace:
			return strings.Compare(a.namespace, b.namespace)
		case a.name != b.name:
			return strings.Compare(a.name, b.name)
		}
		return a.revision - b.revision
	})
	return all, nil
}

// writtenAt is when the Secret was last written, by the writer's clock.
func writtenAt(secret *v1.Secret) time.Time {
	for _, l := range []string{"modifiedAt", "createdAt"} {
		if n, err := strconv.ParseInt(secret.Labels[l], 10, 64); err == nil {
			return time.Unix(n, 0).UTC()
		}
	}
	return secret.CreationTimestamp.UTC()
}

// Name is the driver's name in Helm.
func (s *store) Name() string { return driver.SecretsDriverName }

// Get reads one revision by its key.
func (s *store) Get(key string) (*release.Release, error) {
	secret, err := s.secrets.Get(s.ctx, key, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, driver.ErrReleaseNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading release record %s: %w", key, err)
	}
	return record{name: secret.Labels["name"], namespace: secret.Namespace, labels: secret.Labels, data: secret.Data["release"]}.release()
}

// List reads all revisions that pass the filter.
func (s *store) List(filter func(*release.Release) bool) ([]*release.Release, error) {
	return s.read(labels.Set{"owner": "helm"}, filter)
}

// Query reads the revisions whose labels match.
func (s *store) Query(set map[string]string) ([]*release.Release, error) {
	found, err := s.read(set, func(*release.Release) bool { return true })
	if err == nil && len(found) == 0 {
		return nil, driver.ErrReleaseNotFound
	}
	return found, err
}

func (s *store) read(set labels.Set, filter func(*release.Release) bool) ([]*release.Release, error) {
	all, err := s.list(set)
	if err != nil {
		return nil, err
	}
	var found []*release.Release
	for _, r := range all {
		rel, err := r.release()
		if err != nil {
			return nil, err
		}
		if filter(rel) {
			found = append(found, rel)
		}
	}
	return found, nil
}

// Create writes a new revision.
func (s *store) Create(key string, rel *release.Release) error {
	first := rel.Info.FirstDeployed.Equal(rel.Info.LastDeployed)
	s.stamp(rel)
	if first {
		rel.Info.FirstDeployed = rel.Info.LastDeployed
	}
	secret, err := s.secret(key, rel, "createdAt")
	if err != nil {
		return err
	}
	ctx, cancel := s.writing()
	defer cancel()
	_, err = s.secrets.Create(ctx, secret, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("revision %d of release %s was just written by someone else: %w", rel.Version, rel.Name, driver.ErrReleaseExists)
	}
	if err != nil {
		return fmt.Errorf("writing release record %s: %w", key, explainSize(secret, err))
	}
	return nil
}

// Update rewrites a revision.
func (s *store) Update(key string, rel *release.Release) error {
	s.stamp(rel)
	secret, err := s.secret(key, rel, "modifiedAt")
	if err != nil {
		return err
	}
	ctx, cancel := s.writing()
	defer cancel()
	if _, err := s.secrets.Update(ctx, secret, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("writing release record %s: %w", key, explainSize(secret, err))
	}
	return nil
}

// Delete removes a revision and returns it.
func (s *store) Delete(key string) (*release.Release, error) {
	rel, err := s.Get(key)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.writing()
	defer cancel()
	if err := s.secrets.Delete(ctx, key, metav1.DeleteOptions{}); err != nil {
		return nil, fmt.Errorf("deleting release record %s: %w", key, err)
	}
	return rel, nil
}

func (s *store) writing() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(s.ctx), writeTimeout)
}

// stamp puts the client's time where Helm just put the machine's.
func (s *store) stamp(rel *release.Release) {
	if s.began.IsZero() {
		return
	}
	end, now := time.Now(), helmtime.Time{Time: s.now().UTC()}
	fix := func(t *helmtime.Time) {
		if !t.Before(helmtime.Time{Time: s.began}) && !t.After(helmtime.Time{Time: end}) {
			*t = now
		}
	}
	fix(&rel.Info.FirstDeployed)
	fix(&rel.Info.LastDeployed)
	fix(&rel.Info.Deleted)
	for _, h := range rel.Hooks {
		fix(&h.LastRun.StartedAt)
		fix(&h.LastRun.CompletedAt)
	}
}

func (s *store) secret(key string, rel *release.Release, stamp string) (*v1.Secret, error) {
	data, err := encode(rel)
	if err != nil {
		return nil, fmt.Errorf("packing release %s: %w", rel.Name, err)
	}
	set := ownLabels(rel.Labels)
	delete(set, labelHolder)
	delete(set, labelTimeout)
	if rel.Info.Status.IsPending() && s.holder != "" {
		set[labelHolder], set[labelTimeout] = s.holder, s.timeout.String()
	}
	set["name"], set["owner"] = rel.Name, "helm"
	set["status"], set["version"] = rel.Info.Status.String(), strconv.Itoa(rel.Version)
	set[stamp] = strconv.FormatInt(s.now().Unix(), 10)
	return &v1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: key, Labels: set},
		Type:       secretType,
		Data:       map[string][]byte{"release": data},
	}, nil
}

// ownLabels are a release's labels without those Helm's storage sets.
func ownLabels(all map[string]string) map[string]string {
	set := maps.Clone(all)
	if set == nil {
		set = map[string]string{}
	}
	for _, l := range driver.GetSystemLabels() {
		delete(set, l)
	}
	return set
}

func explainSize(secret *v1.Secret, err error) error {
	size := len(secret.Data["release"])
	if size > 900<<10 && (apierrors.IsInvalid(err) || apierrors.IsRequestEntityTooLargeError(err)) {
		return fmt.Errorf("%w: the packed release is %d KiB and a Secret holds 1 MiB: take files out of the chart", err, size>>10)
	}
	return err
}

// notFound tells a missing release from other errors.
func notFound(err error) bool { return errors.Is(err, driver.ErrReleaseNotFound) }
