package document

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// Format is a kind of text, named by format= in a field's jsonschema tag. Pattern
// and MaxLength also go into the JSON Schema.
type Format struct {
	// Pattern is nil where there is none.
	Pattern *regexp.Regexp
	// MaxLength is in bytes.
	MaxLength int
	check     func(string) bool
	want      string
}

// FormatOf finds a format by name.
func FormatOf(name string) (Format, bool) {
	f, ok := formats[name]
	return f, ok
}

const (
	dnsLabel = `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
	// A cluster's name leaves room for the suffix of the Service REGION-vmauth,
	// which must be a DNS label.
	clusterNameLimit = 56
	// DNS names have at most 253 characters; "vmauth." and "jaeger." go before a domain.
	domainLimit = 253 - len("vmauth.")
	textLimit   = 256
)

var formats = map[string]Format{
	"dns-label": {
		Pattern:   regexp.MustCompile(`^` + dnsLabel + `$`),
		MaxLength: 63,
		want:      "a DNS label: lower-case letters, digits and '-', at most 63 characters",
	},
	"cluster-name": {
		Pattern:   regexp.MustCompile(`^` + dnsLabel + `$`),
		MaxLength: clusterNameLimit,
		want:      "lower-case letters, digits and '-', at most 56 characters",
	},
	"cluster-id": {
		Pattern:   regexp.MustCompile(`^(` + dnsLabel + `/)?` + dnsLabel + `$`),
		MaxLength: 63 + len("/") + clusterNameLimit,
		want:      "a cluster's name, or NAMESPACE/NAME where two share it",
	},
	"dns-name": {
		Pattern:   regexp.MustCompile(`^` + dnsLabel + `(\.` + dnsLabel + `)*$`),
		MaxLength: domainLimit,
		check:     shortLabels,
		want:      "a DNS name in lower case, such as region-1.kof.example.com",
	},
	"label-value": {
		Pattern:   regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`),
		MaxLength: 63,
		want:      "a Kubernetes label value: letters, digits, '-', '_' and '.', at most 63 characters",
	},
	"http-url": {
		MaxLength: 2048,
		check:     httpURL,
		want:      "an http or https URL such as http://127.0.0.1:9100/metrics",
	},
	"http-path": {
		MaxLength: 8192,
		check:     httpPath,
		want:      "a path that begins with '/', such as /health",
	},
	"trace-id": {
		Pattern:   regexp.MustCompile(`^[0-9a-f]{32}$`),
		MaxLength: 32,
		check:     func(s string) bool { return strings.Trim(s, "0") != "" },
		want:      "32 hexadecimal digits in lower case, not all of them 0",
	},
	"metric-name": {
		Pattern:   regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`),
		MaxLength: textLimit,
		want:      "a metric's name: letters, digits, '_' and ':'",
	},
	"printable": {
		MaxLength: textLimit,
		check:     printable,
		want:      "at most 256 printable characters",
	},
}

func (f Format) accepts(s string) bool {
	return len(s) <= f.MaxLength &&
		(f.Pattern == nil || f.Pattern.MatchString(s)) &&
		(f.check == nil || f.check(s))
}

func shortLabels(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if len(label) > 63 {
			return false
		}
	}
	return true
}

func httpURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.Fragment == ""
}

func httpPath(s string) bool {
	_, err := url.Parse(s)
	return err == nil && strings.HasPrefix(s, "/")
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0
}
