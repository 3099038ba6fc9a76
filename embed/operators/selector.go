package operators

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// matches tells whether a selector matches labels; one that is absent gives
// otherwise.
func matches(s *metav1.LabelSelector, set map[string]string, otherwise bool) (bool, error) {
	if s == nil {
		return otherwise, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return false, fmt.Errorf("selector: %w", err)
	}
	return selector.Matches(labels.Set(set)), nil
}

// checksum is a short fingerprint for annotations that make pods roll.
func checksum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
