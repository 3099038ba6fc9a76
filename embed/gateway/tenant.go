package gateway

import (
	"net/url"
	"strconv"
)

// filterArgs are the args by which the stores let a caller add labels to what
// is written or filters to what is read. Several filters of one kind widen the
// answer, and a label given twice is ambiguous, so a tenant's own are removed.
var filterArgs = []string{
	"extra_label", "extra_filters", "extra_filters[]", "extra_fields", "extra_stream_filters",
}

// filterHeaders are what VictoriaLogs accepts in place of args.
var filterHeaders = []string{"VL-Extra-Fields", "VL-Extra-Filters", "VL-Extra-Stream-Filters"}

// tenantArgs are the args that bind requests to one tenant, by kind of route.
type tenantArgs [kinds]tenantArg

type tenantArg struct{ name, value, encoded string }

// newTenantArgs returns the args of a valid tenant, nil for none.
func newTenantArgs(tenant string) *tenantArgs {
	if tenant == "" {
		return nil
	}
	quoted := strconv.Quote(tenant)
	var a tenantArgs
	set := func(k Kind, name, value string) {
		a[k] = tenantArg{name, value, name + "=" + url.QueryEscape(value)}
	}
	set(MetricsInsert, "extra_label", "tenant="+tenant)
	set(LogsInsert, "extra_fields", "tenant="+tenant)
	set(TracesInsert, "extra_fields", "resource_attr:tenant="+tenant)
	set(MetricsSelect, "extra_filters", "{tenant="+quoted+"}")
	set(LogsSelect, "extra_filters", `"tenant":=`+quoted)
	set(TracesSelect, "extra_filters", `"resource_attr:tenant":=`+quoted)
	return &a
}

// query returns the raw query of a request with the tenant enforced. It is
// always encoded anew, so that no two parsers can disagree about it; pairs that
// Go's parser rejects are left out.
func (a *tenantArgs) query(kind Kind, raw string) string {
	arg := a[kind]
	if raw == "" {
		return arg.encoded
	}
	values, _ := url.ParseQuery(raw)
	dropFilterArgs(values)
	values.Set(arg.name, arg.value)
	return values.Encode()
}

// form returns the urlencoded form of a request without the caller's filters.
// The tenant's own stands in the query, which is where vmauth puts it.
func (a *tenantArgs) form(raw string) string {
	values, _ := url.ParseQuery(raw)
	dropFilterArgs(values)
	return values.Encode()
}

func dropFilterArgs(values url.Values) {
	for _, name := range filterArgs {
		values.Del(name)
	}
}
