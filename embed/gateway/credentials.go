package gateway

import (
	"crypto/rand"
	"fmt"
	"hash/adler32"
	"math/big"
)

// passwordLength is that of the passwords kof-operator generates.
const passwordLength = 16

const passwordAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// NewPassword returns a random password of 16 letters and digits.
func NewPassword() (string, error) {
	out := make([]byte, passwordLength)
	size := big.NewInt(int64(len(passwordAlphabet)))
	for i := range out {
		n, err := rand.Int(rand.Reader, size)
		if err != nil {
			return "", fmt.Errorf("random password: %w", err)
		}
		out[i] = passwordAlphabet[n.Int64()]
	}
	return string(out), nil
}

// AdminUser is the name of the unrestricted user of a region, which promxy and
// the multilevel selects of the management cluster use: admin-HASH, where HASH
// is the decimal Adler-32 of the region's ConfigMap "kof-REGION/NAMESPACE".
func AdminUser(region, namespace string) string {
	return "admin-" + adlerName("kof-"+region, namespace)
}

// ChildUser is the name of a child cluster's user: the decimal Adler-32 of its
// ConfigMap "kof-cluster-config-CHILD/NAMESPACE".
func ChildUser(child, namespace string) string {
	return adlerName("kof-cluster-config-"+child, namespace)
}

// SecretName is the name of the Secret that holds a user's credentials.
func SecretName(user string) string { return "kof-vmuser-creds-" + user }

// VMUserName is the name of the VMUser object of a user.
func VMUserName(user string) string { return "kof-vmuser-" + user }

func adlerName(configMap, namespace string) string {
	return fmt.Sprint(adler32.Checksum([]byte(configMap + "/" + namespace)))
}
