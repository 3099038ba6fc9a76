package control_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"koflab/topology/lab/control"
)

func TestOracleVerdict(t *testing.T) {
	good := control.OracleSignal{Expected: 3, Stored: 3}
	for _, c := range []struct {
		signals []control.OracleSignal
		want    bool
	}{
		{nil, false},
		{[]control.OracleSignal{{}}, false},
		{[]control.OracleSignal{{}, good}, true},
		{[]control.OracleSignal{good, {Missing: 1}}, false},
		{[]control.OracleSignal{good, {Unexpected: 1}}, false},
		{[]control.OracleSignal{{Expected: 1, Stored: 2, Duplicated: 1}}, false},
		{[]control.OracleSignal{{Expected: 1, Stored: 1, Altered: 1}}, false},
	} {
		require.Equal(t, c.want, control.OracleVerdict{Signals: c.signals}.OK(), "%+v", c.signals)
	}
}
