package logstore

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/stretchr/testify/require"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

func anyString(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func anyList(values ...*commonpb.AnyValue) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: values}}}
}

func anyMap(values ...*commonpb.KeyValue) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: values}}}
}

func attribute(key string, value *commonpb.AnyValue) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: value}
}

func wire(t testing.TB, m proto.Message) []byte {
	data, err := proto.Marshal(m)
	require.NoError(t, err)
	return data
}

func TestAttributes(t *testing.T) {
	integer := &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: math.MinInt64}}
	double := &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: 0.1}}
	infinite := &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: math.Inf(1)}}
	boolean := &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: false}}
	binary := &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte("foo bar")}}
	for name, tc := range map[string]struct {
		value *commonpb.AnyValue
		want  fieldList
		kinds string
	}{
		"string":     {anyString("x"), fieldsOf("p:k", "x"), "s"},
		"integer":    {integer, fieldsOf("p:k", "-9223372036854775808"), "i"},
		"double":     {double, fieldsOf("p:k", "0.1"), "f"},
		"bool":       {boolean, fieldsOf("p:k", "false"), "b"},
		"bytes":      {binary, fieldsOf("p:k", "Zm9vIGJhcg=="), "x"},
		"none":       {nil, nil, ""},
		"no type":    {&commonpb.AnyValue{}, nil, ""},
		"list":       {anyList(integer, anyString(`q"`), boolean, double, binary, &commonpb.AnyValue{}, anyList()), fieldsOf("p:k", `[-9223372036854775808,"q\"",false,0.1,"Zm9vIGJhcg==",null,[]]`), "l"},
		"infinity":   {anyList(infinite), fieldsOf("p:k", `["+Inf"]`), "l"},
		"list's map": {anyList(anyMap(attribute("a", anyString("b")), attribute("c", integer))), fieldsOf("p:k", `[{"a":"b","c":-9223372036854775808}]`), "l"},
		"map":        {anyMap(attribute("a", anyString("b")), attribute("", anyString("c")), attribute("d", anyMap(attribute("e", boolean)))), fieldsOf("p:k.a", "b", "p:k.d.e", "false"), "sb"},
	} {
		t.Run(name, func(t *testing.T) {
			var r Row
			require.NoError(t, r.AddAttribute(wire(t, attribute("k", tc.value)), "p:"))
			require.Equal(t, []logstorage.Field(tc.want), r.Fields)
			var kinds strings.Builder
			for _, k := range r.Kinds {
				kinds.WriteByte(byte(k))
			}
			require.Equal(t, tc.kinds, kinds.String())
		})
	}
}

func TestMessageMapHasNoPrefix(t *testing.T) {
	var r Row
	require.NoError(t, r.AddValue(wire(t, anyMap(attribute("a", anyString("1")), attribute("b", anyMap(attribute("c", anyString("2")))))), "_msg"))
	require.Equal(t, []logstorage.Field(fieldsOf("a", "1", "b.c", "2")), r.Fields)
}

func TestRowMarks(t *testing.T) {
	var r Row
	r.AddInt("a", 1)
	mark := r.Mark()
	for i := range int64(1000) {
		r.Reset(mark)
		r.AddInt("b", i)
		r.AddHex("id", []byte{0xab, byte(i)})
		require.Len(t, r.Fields, 3)
		require.Equal(t, "1", r.Fields[0].Value)
	}
	require.Equal(t, "999", r.Fields[1].Value)
	require.Equal(t, "abe7", r.Fields[2].Value)
}

func TestDeepValuesAreRefused(t *testing.T) {
	nested := func(depth int, wrap func(*commonpb.AnyValue) *commonpb.AnyValue) []byte {
		v := anyString("x")
		for range depth {
			v = wrap(v)
		}
		return wire(t, attribute("k", v))
	}
	inMap := func(v *commonpb.AnyValue) *commonpb.AnyValue { return anyMap(attribute("k", v)) }
	inList := func(v *commonpb.AnyValue) *commonpb.AnyValue { return anyList(v) }
	for _, wrap := range []func(*commonpb.AnyValue) *commonpb.AnyValue{inMap, inList} {
		var r Row
		require.NoError(t, r.AddAttribute(nested(maxDepth, wrap), ""))
		require.ErrorIs(t, r.AddAttribute(nested(maxDepth+1, wrap), ""), errTooDeep)
	}
	require.NoError(t, checkNesting([]byte(strings.Repeat("[", maxJSONDepth)+`"[["`)))
	require.Error(t, checkNesting([]byte(strings.Repeat("{", maxJSONDepth+1))))
}

func FuzzAttribute(f *testing.F) {
	f.Add(wire(f, attribute("k", anyList(anyString("a"), anyMap(attribute("b", anyString("c")))))), "p.")
	f.Add(wire(f, attribute("k", anyMap(attribute("x", anyList())))), "")
	f.Fuzz(func(t *testing.T, data []byte, prefix string) {
		var r Row
		if r.AddAttribute(data, prefix) != nil {
			return
		}
		require.Len(t, r.Kinds, len(r.Fields))
		for i, field := range r.Fields {
			require.True(t, strings.HasPrefix(field.Name, prefix))
			if r.Kinds[i] == List {
				require.True(t, json.Valid([]byte(strings.ToValidUTF8(field.Value, "?"))), field.Value)
			}
		}
	})
}
