// Package metrics is a KOF region's metrics storage: vminsert's and vmselect's
// HTTP interfaces over one VictoriaMetrics lib/storage per Store, many of which
// live in one process.
//
// In: a decoder (writev1.go, writev2.go, text.go) hands every series of a
// request to a delivery, which checks and completes its labels, turns samples
// into rows and books whatever it drops under a reason. Rows are stored when
// the whole body has been read, so a malformed one leaves no trace, and
// Received == Stored + Dropped holds at every instant. What lib/storage would
// ignore silently is refused before. It has no native histograms: they become
// classic ones (histogram.go); exemplars and metadata are kept in memory.
//
// Out: two semantics over the same data, chosen per request. Prometheus' own
// engine reads through a storage.Queryable (querier.go, series.go), whose
// series decode their blocks only when they are iterated; VictoriaMetrics' own
// vmselect answers for KOF's semantics (package vmselect). Tenants are kept
// apart in one place, the view a request reads through (filters.go).
//
// Life: lib/storage panics on disks it cannot use and when it is used after
// its close. The directory is therefore probed, locked and checked before it
// is opened (directory.go, damage.go), and a gate counts the operations inside
// (gate.go). state.json tells a clean close from a crash; Crash imitates one.
//
// All limits of time are the lab clock's, with one exception: lib/storage
// takes no sample more than two days ahead of the machine's clock, so an
// accelerated lab should start in the past.
package metrics
