package controllers

import (
	"encoding/json"
	"hash/fnv"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/rand"
)

// podTemplateHash names the ReplicaSet of a template. collisions is 0 but for a
// Deployment whose name-to-be belongs to a different template already.
func podTemplateHash(t *corev1.PodTemplateSpec, collisions *int32) string {
	h := fnv.New32a()
	h.Write(templateJSON(t))
	if collisions != nil {
		h.Write([]byte(strconv.Itoa(int(*collisions))))
	}
	return rand.SafeEncodeString(strconv.FormatUint(uint64(h.Sum32()), 10))
}

// templateJSON returns a template without what controllers add to it, so that a
// template taken back from a ReplicaSet equals the one it was made from.
func templateJSON(t *corev1.PodTemplateSpec) []byte {
	c := *t
	c.Labels = without(t.Labels, podTemplateHashLabel, revisionHashLabel)
	b, err := json.Marshal(&c)
	if err != nil {
		// A decoded template always encodes; an empty one only shares a hash.
		return nil
	}
	return b
}

// The labels by which controllers tell generations of pods apart.
const (
	podTemplateHashLabel = "pod-template-hash"
	revisionHashLabel    = "controller-revision-hash"
)

func without(m map[string]string, keys ...string) map[string]string {
	var found bool
	for _, k := range keys {
		_, ok := m[k]
		found = found || ok
	}
	if !found {
		return m
	}
	return with(m, "", "", keys...)
}

// with returns a copy of m with key set to value (unless key is empty) and drop left out.
func with(m map[string]string, key, value string, drop ...string) map[string]string {
	out := make(map[string]string, len(m)+1)
	for k, v := range m {
		out[k] = v
	}
	for _, k := range drop {
		delete(out, k)
	}
	if key != "" {
		out[key] = value
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// longest name of an object made of an owner's name and a suffix of n characters.
func prefixed(prefix string, n int) string {
	const limit = 63
	if len(prefix) > limit-n {
		return prefix[:limit-n]
	}
	return prefix
}
