package kube

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// maxRecreated bounds the counters that tell apart objects of one name.
const maxRecreated = 1 << 16

// digest hashes parts with the seed: the root of everything generated.
func (s *Server) digest(parts ...string) [sha256.Size]byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 128), s.o.Seed)
	for _, p := range parts {
		b = append(append(b, p...), 0)
	}
	return sha256.Sum256(b)
}

// uid returns the UID of an object that is being created. It depends on the
// seed and the object's name alone, so that equal labs have equal objects,
// whatever the order in which their controllers ran.
func (s *Server) uid(r *resource, ns, name string) types.UID {
	d := s.digest(s.o.Name, r.gvr.Group, r.gvr.Resource, ns, name)
	key := binary.BigEndian.Uint64(d[:])
	if n := s.recreated[key]; n > 0 || s.epoch > 0 {
		d = s.digest(string(d[:]), strconv.Itoa(int(n)), strconv.Itoa(int(s.epoch)))
	}
	d[6], d[8] = d[6]&0x0f|0x40, d[8]&0x3f|0x80 // looks like a random UUID, as real ones do
	h := hex.EncodeToString(d[:16])
	return types.UID(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:])
}

// gone makes the next object of this name another one.
func (s *Server) gone(r *resource, ns, name string) {
	d := s.digest(s.o.Name, r.gvr.Group, r.gvr.Resource, ns, name)
	if len(s.recreated) >= maxRecreated {
		clear(s.recreated)
		s.epoch++
	}
	s.recreated[binary.BigEndian.Uint64(d[:])]++
}

const (
	maxGenerateName = 58 // of 63: five characters are appended
	nameAlphabet    = "bcdfghjklmnpqrstvwxz2456789"
)

// generate completes a generateName.
func (s *Server) generate(r *resource, m metav1.Object) string {
	base := m.GetGenerateName()
	if len(base) > maxGenerateName {
		base = base[:maxGenerateName]
	}
	for {
		key := r.gvr.Resource + "." + r.gvr.Group + "/" + m.GetNamespace() + "/" + base
		s.generated[key]++
		d := s.digest("generateName", key, strconv.Itoa(int(s.generated[key])))
		b := []byte(base)
		for _, x := range d[:5] {
			b = append(b, nameAlphabet[int(x)%len(nameAlphabet)])
		}
		if s.st.Get(r.gr(), m.GetNamespace(), string(b)) == nil {
			return string(b)
		}
	}
}

// stamp is the cluster's time as objects carry it.
func (s *Server) stamp() metav1.Time {
	return metav1.Time{Time: s.o.Now().UTC()}.Rfc3339Copy()
}
