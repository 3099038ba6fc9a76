package operators

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func lines(records []dnsRecord) []string {
	var out []string
	for _, r := range records {
		if r.RecordType != "TXT" {
			out = append(out, fmt.Sprint(r.DNSName, " ", r.RecordType, " ", r.Targets))
		}
	}
	return out
}

func TestZone(t *testing.T) {
	ingress := func(host, ip string) []dnsSource {
		return []dnsSource{{"ingress/kof/vmauth-cluster", addressRecords([]string{host}, []string{ip})}}
	}
	z := zone{owner: "region-1", filters: []string{"example.com"}}

	records, conflicts := z.apply(nil, ingress("vmauth.example.com", "203.0.113.7"))
	require.Empty(t, conflicts)
	require.Equal(t, []string{"vmauth.example.com A [203.0.113.7]"}, lines(records))
	require.Equal(t, "a-vmauth.example.com", records[0].DNSName)
	require.Equal(t, []string{"heritage=external-dns,external-dns/owner=region-1,external-dns/resource=ingress/kof/vmauth-cluster"}, records[0].Targets)

	again, _ := z.apply(records, ingress("vmauth.example.com", "203.0.113.7"))
	require.Equal(t, records, again, "nothing changes")
	moved, _ := z.apply(records, ingress("vmauth.example.com", "203.0.113.8"))
	require.Equal(t, []string{"vmauth.example.com A [203.0.113.8]"}, lines(moved))

	gone, _ := z.apply(records, nil)
	require.Empty(t, gone, "policy sync takes away what is its own")
	z.keep = true
	kept, _ := z.apply(records, nil)
	require.Equal(t, records, kept, "policy upsert-only does not")

	other := zone{owner: "region-2"}
	left, conflicts := other.apply(records, ingress("vmauth.example.com", "203.0.113.9"))
	require.Equal(t, records, left)
	require.Equal(t, []string{"A vmauth.example.com of ingress/kof/vmauth-cluster belongs to another owner"}, conflicts)

	outside, conflicts := z.apply(nil, ingress("vmauth.example.org", "203.0.113.7"))
	require.Empty(t, outside)
	require.Empty(t, conflicts)
}

func TestAddressRecords(t *testing.T) {
	require.Equal(t, []string{"a.b A [1.1.1.1 2.2.2.2]", "a.b AAAA [::1]", "a.b CNAME [lb.cloud]"},
		lines(addressRecords([]string{" a.b. ", ""}, []string{"2.2.2.2", "1.1.1.1", "::1", "lb.cloud"})))
	require.Empty(t, addressRecords([]string{"a"}, nil))
}
