package gateway

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewPassword(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		p, err := NewPassword()
		require.NoError(t, err)
		require.Regexp(t, regexp.MustCompile(`^[A-Za-z0-9]{16}$`), p)
		require.False(t, seen[p])
		seen[p] = true
	}
}

// The hashes are those that zlib.adler32 and Helm's adler32sum give.
func TestNames(t *testing.T) {
	require.Equal(t, "admin-1693452428", AdminUser("region-1", "kcm-system"))
	require.Equal(t, "153751006", ChildUser("child-1", "kcm-system"))
	require.Equal(t, "kof-vmuser-creds-admin-1", SecretName("admin-1"))
	require.Equal(t, "kof-vmuser-admin-1", VMUserName("admin-1"))
}
