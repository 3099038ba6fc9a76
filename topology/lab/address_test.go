package lab

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseBlock(t *testing.T) {
	b, err := parseBlock("127.42.0.0/16")
	require.NoError(t, err)
	require.Equal(t, 42, b)
	for _, s := range []string{"", "127.42.0.0", "127.42.0.0/8", "127.42.1.0/16", "10.0.0.0/16", "::1/16"} {
		_, err := parseBlock(s)
		require.ErrorContains(t, err, "want a loopback /16", s)
	}
}

func TestLabsGetBlocksOfTheirOwn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux routes all of 127/8")
	}
	a, err := newAddresses("same-name", "")
	require.NoError(t, err)
	defer a.close()
	b, err := newAddresses("same-name", "")
	require.NoError(t, err)
	defer b.close()
	require.NotEqual(t, a.block, b.block)
	_, err = newAddresses("x", a.String())
	require.ErrorContains(t, err, "is not free")
}

func TestTheFirstBlockIsOneAddress(t *testing.T) {
	for range 2 { // it holds any number of labs
		a, err := newAddresses("x", "127.0.0.0/16")
		require.NoError(t, err)
		defer a.close()
		require.Equal(t, "127.0.0.1:0", a.management().listen(8082))
	}
}

func TestEveryClusterHasAnAddress(t *testing.T) {
	a := &addresses{block: 30}
	seen := map[string]bool{a.management().ip: true}
	for range 20 {
		seen[a.nextRegion().ip] = true
	}
	for range 5000 {
		seen[a.nextChild().ip] = true
	}
	require.Len(t, seen, 5021)
	require.Equal(t, "127.30.0.1:8082", a.management().listen(8082))
	shared := (&addresses{}).nextChild()
	require.Equal(t, "127.0.0.1:0", shared.listen(4317))
}
