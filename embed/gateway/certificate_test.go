package gateway

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"koflab/sim/clock"
)

func TestExpiredCertificates(t *testing.T) {
	ca := newTestCA(t, clock.NewVirtual(origin))
	cert, err := ca.ExpiredServerCertificate([]string{"vmauth.r1.test"}, []net.IP{net.IPv4(127, 0, 0, 2)}, 90*day)
	require.NoError(t, err)
	require.ErrorContains(t, handshake(t, ca.ServerTLS(cert, false), withName(ca.ClientTLS(), "vmauth.r1.test")), "certificate has expired or is not yet valid")
	require.True(t, cert.Leaf == nil || cert.Leaf.NotAfter.Before(origin))
	_, err = ca.ExpiredServerCertificate(nil, nil, day)
	require.EqualError(t, err, "server certificate: no names and no addresses")
}
