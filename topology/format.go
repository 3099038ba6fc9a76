package topology

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// format is a kind of text. Pattern and maxLength also go into the JSON Schema.
type format struct {
	pattern   *regexp.Regexp
	maxLength int
	check     func(string) bool
	want      string
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

var formats = map[string]format{
	"dns-label": {
		pattern:   regexp.MustCompile(`^` + dnsLabel + `$`),
		maxLength: 63,
		want:      "a DNS label: lower-case letters, digits and '-', at most 63 characters",
	},
	"cluster-name": {
		pattern:   regexp.MustCompile(`^` + dnsLabel + `$`),
		maxLength: clusterNameLimit,
		want:      "lower-case letters, digits and '-', at most 56 characters",
	},
	"dns-name": {
		pattern:   regexp.MustCompile(`^` + dnsLabel + `(\.` + dnsLabel + `)*$`),
		maxLength: domainLimit,
		check:     shortLabels,
		want:      "a DNS name in lower case, such as region-1.kof.example.com",
	},
	"label-value": {
		pattern:   regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`),
		maxLength: 63,
		want:      "a Kubernetes label value: letters, digits, '-', '_' and '.', at most 63 characters",
	},
	"http-url": {
		maxLength: 2048,
		check:     httpURL,
		want:      "an http or https URL such as http://127.0.0.1:9100/metrics",
	},
	"printable": {
		maxLength: textLimit,
		check:     printable,
		want:      "at most 256 printable characters",
	},
}

func (f format) accepts(s string) bool {
	return len(s) <= f.maxLength &&
		(f.pattern == nil || f.pattern.MatchString(s)) &&
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

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0
}
