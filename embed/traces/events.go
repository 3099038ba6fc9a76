package traces

import (
	"math"
	"strconv"

	"github.com/VictoriaMetrics/easyproto"

	"koflab/embed/logstore"
)

// event decodes {1: time, 2: name, 3: attributes..., 4: dropped attributes}.
func (d *decoder) event(src []byte, n int) error {
	at, _, err := easyproto.GetFixed64(src, 1)
	if err != nil {
		return err
	}
	name, _, err := easyproto.GetString(src, 2)
	if err != nil {
		return err
	}
	suffix := ":" + strconv.Itoa(n)
	d.row.AddInt(prefixEvent+eventTime+suffix, int64(min(at, math.MaxInt64)))
	d.row.Add(prefixEvent+eventName+suffix, name, logstore.String)
	return d.numberedAttributes(src, 3, prefixEvent+eventAttr, suffix)
}

// link decodes {1: trace id, 2: span id, 3: trace state, 4: attributes...}.
func (d *decoder) link(src []byte, n int) error {
	traceID, _, err := easyproto.GetBytes(src, 1)
	if err != nil {
		return err
	}
	spanID, _, err := easyproto.GetBytes(src, 2)
	if err != nil {
		return err
	}
	state, _, err := easyproto.GetString(src, 3)
	if err != nil {
		return err
	}
	suffix := ":" + strconv.Itoa(n)
	d.row.AddHex(prefixLink+linkTraceID+suffix, traceID)
	d.row.AddHex(prefixLink+linkSpanID+suffix, spanID)
	d.row.Add(prefixLink+linkTraceState+suffix, state, logstore.String)
	return d.numberedAttributes(src, 4, prefixLink+linkAttr, suffix)
}

// numberedAttributes adds the attributes of an event or link.
func (d *decoder) numberedAttributes(src []byte, num uint32, prefix, suffix string) error {
	return logstore.Messages(src, num, func(kv []byte) error {
		first := len(d.row.Fields)
		if err := d.row.AddAttribute(kv, prefix); err != nil {
			return err
		}
		for i := first; i < len(d.row.Fields); i++ {
			d.row.Fields[i].Name = d.row.Join(d.row.Fields[i].Name, suffix)
		}
		return nil
	})
}
