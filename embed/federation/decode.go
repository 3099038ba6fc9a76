package federation

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	jsoniter "github.com/json-iterator/go"
	"github.com/prometheus/prometheus/model/labels"
)

// decoder reads a group's answer to a part: Prometheus' JSON, as it streams in.
type decoder struct {
	part       *part
	member     *member
	maxSeries  int
	maxSamples int

	series   []series
	samples  int // received, which dense series may have more of
	warnings []string
	infos    []string

	builder labels.ScratchBuilder
	interns map[string]string
}

func (d *decoder) decode(r io.Reader) error {
	d.builder = labels.NewScratchBuilder(16)
	d.interns = map[string]string{}
	it := jsoniter.Parse(jsoniter.ConfigDefault, r, 64<<10)
	status := ""
	it.ReadObjectCB(func(it *jsoniter.Iterator, key string) bool {
		switch key {
		case "status":
			status = it.ReadString()
		case "warnings":
			d.warnings = readStrings(it)
		case "infos":
			d.infos = readStrings(it)
		case "isPartial": // vmselect with a vmstorage missing
			if it.WhatIsNext() == jsoniter.BoolValue && it.ReadBool() {
				d.warnings = append(d.warnings, fmt.Sprintf("server group %s: its answer is partial", d.member.Name))
			}
		case "data":
			it.ReadObjectCB(d.data)
		default:
			it.Skip()
		}
		return it.Error == nil
	})
	if _, ok := errors.AsType[*QueryError](it.Error); ok {
		return it.Error
	}
	if it.Error == io.EOF {
		it.Error = io.ErrUnexpectedEOF
	}
	if it.Error != nil {
		return fmt.Errorf("unreadable answer: %w", it.Error)
	}
	if status != "success" {
		return fmt.Errorf("unreadable answer: status %q instead of success", status)
	}
	return nil
}

func readStrings(it *jsoniter.Iterator) []string {
	var list []string
	it.ReadArrayCB(func(it *jsoniter.Iterator) bool {
		list = append(list, it.ReadString())
		return it.Error == nil
	})
	return list
}

func (d *decoder) data(it *jsoniter.Iterator, key string) bool {
	switch key {
	case "result":
		it.ReadArrayCB(func(it *jsoniter.Iterator) bool {
			if it.WhatIsNext() != jsoniter.ObjectValue {
				it.ReportError("result", "a scalar or string where series were asked for")
				return false
			}
			d.one(it)
			return it.Error == nil
		})
	default:
		it.Skip()
	}
	return it.Error == nil
}

// one reads a series of the result.
func (d *decoder) one(it *jsoniter.Iterator) {
	s := series{samples: d.blank()}
	d.builder.Reset()
	it.ReadObjectCB(func(it *jsoniter.Iterator, key string) bool {
		switch key {
		case "metric":
			it.ReadMapCB(d.label)
		case "value":
			d.sample(it, &s)
		case "values":
			it.ReadArrayCB(func(it *jsoniter.Iterator) bool {
				d.sample(it, &s)
				return it.Error == nil
			})
		case "histogram", "histograms":
			it.Skip()
			d.warnings = append(d.warnings, fmt.Sprintf("server group %s: native histograms are left out", d.member.Name))
		default:
			it.Skip()
		}
		return it.Error == nil
	})
	if it.Error != nil {
		return
	}
	for name, value := range d.member.Labels {
		if d.part.keep[name] && value != "" {
			d.builder.Add(name, value)
		}
	}
	if d.part.partial {
		d.builder.Add(groupLabel, d.member.Name)
	}
	d.builder.Sort()
	s.labels = d.builder.Labels()
	d.series = append(d.series, s)
	if len(d.series) > d.maxSeries {
		d.refuse(it, "more than %d series", d.maxSeries)
	}
}

// blank is a series without values at any of the instants asked for.
func (d *decoder) blank() samples {
	if d.part.window > 0 {
		return nil
	}
	points := d.part.grid.points()
	if points*(len(d.series)+1) > d.maxSamples {
		return nil // sample refuses the first value
	}
	s := make(samples, points)
	for i := range s {
		s[i] = sample{d.part.grid.at(i), missing}
	}
	return s
}

// label keeps one label, unless the group's own replaces it.
func (d *decoder) label(it *jsoniter.Iterator, name string) bool {
	value := it.ReadString()
	if _, stamped := d.member.Labels[name]; !stamped && value != "" {
		d.builder.Add(d.intern(name), d.intern(value))
	}
	return it.Error == nil
}

// intern keeps one copy of strings that occur again and again.
func (d *decoder) intern(s string) string {
	if known, ok := d.interns[s]; ok {
		return known
	}
	if len(d.interns) < 1<<14 {
		d.interns[s] = s
	}
	return s
}

// sample reads [seconds, "value"].
func (d *decoder) sample(it *jsoniter.Iterator, s *series) {
	var p sample
	n := 0
	it.ReadArrayCB(func(it *jsoniter.Iterator) bool {
		switch n {
		case 0:
			p.t = d.millis(it)
		case 1:
			text := it.ReadString()
			v, err := strconv.ParseFloat(text, 64)
			if err != nil && it.Error == nil {
				it.ReportError("value", fmt.Sprintf("%q is not a number", text))
			}
			p.v = v
		}
		n++
		return it.Error == nil && n <= 2
	})
	switch d.samples++; {
	case it.Error != nil:
	case n != 2:
		it.ReportError("value", "not a time and a value")
	case d.samples > d.maxSamples || d.part.window == 0 && s.samples == nil:
		d.refuse(it, "more than %d samples", d.maxSamples)
	default:
		d.keep(it, s, p)
	}
}

func (d *decoder) millis(it *jsoniter.Iterator) int64 {
	text := it.ReadNumber()
	t, err := text.Float64()
	if err != nil && it.Error == nil {
		it.ReportError("time", fmt.Sprintf("%q is not a number", text))
	}
	return int64(math.Round(t * 1000))
}

func (d *decoder) keep(it *jsoniter.Iterator, s *series, p sample) {
	if d.part.window > 0 {
		if n := len(s.samples); n > 0 && s.samples[n-1].t >= p.t {
			it.ReportError("values", "samples out of order")
			return
		}
		s.samples = append(s.samples, p)
		return
	}
	i, ok := d.part.grid.index(p.t)
	if !ok {
		it.ReportError("values", fmt.Sprintf("a value at %d ms, which was not asked for", p.t))
		return
	}
	s.samples[i].v = p.v
}

// refuse ends decoding because the answer exceeds a limit.
func (d *decoder) refuse(it *jsoniter.Iterator, format string, limit int) {
	it.Error = &QueryError{Type: "execution", Err: fmt.Errorf("the answer of server group %s has "+format+": ask for less", d.member.Name, limit)}
}
