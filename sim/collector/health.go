package collector

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"koflab/sim/clock"
	"koflab/sim/event"
)

// repeatAfter is the least lab time between two events of one reason while an
// exporter stays in trouble.
const repeatAfter = 5 * time.Minute

// health turns an exporter's attempts into events: one when it starts to fail,
// one for each new way of losing data, one when it recovers.
type health struct {
	object     string
	clock      clock.Clock
	events     *event.Log
	maxElapsed time.Duration

	mu    sync.Mutex
	since time.Time // of the first failure; zero when well
	lost  map[string]int
	said  map[string]time.Time
}

func newHealth(object string, c clock.Clock, events *event.Log, maxElapsed time.Duration) *health {
	return &health{object: object, clock: c, events: events, maxElapsed: maxElapsed}
}

// delivered notes a success.
func (h *health) delivered() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() {
		return
	}
	message := fmt.Sprintf("delivering again after %s", h.clock.Now().Sub(h.since).Round(time.Second))
	reasons := make([]string, 0, len(h.lost))
	for reason, n := range h.lost {
		reasons = append(reasons, fmt.Sprintf("%s %d", reason, n))
	}
	if len(reasons) > 0 {
		slices.Sort(reasons)
		message += "; lost meanwhile: " + strings.Join(reasons, ", ")
	}
	h.events.Add(event.Normal, "ExportRecovered", h.object, message)
	h.since, h.lost, h.said = time.Time{}, nil, nil
}

// failed notes a failed attempt which lost n records for reason, if any.
func (h *health) failed(a attempt, reason string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() {
		h.since = h.clock.Now()
		h.say("failing", event.Warning, "ExportFailing", h.explain(a))
	}
	if reason == "" {
		return
	}
	if h.lost == nil {
		h.lost = map[string]int{}
	}
	h.lost[reason] += n
	if reason == dropRetryExhausted {
		h.say(reason, event.Error, "ExportDropped", fmt.Sprintf("batches are given up %s after their first attempt, also those on disk; last: %s", h.maxElapsed, a))
	} else {
		h.say(reason, event.Error, "ExportDropped", h.explain(a))
	}
}

// refused notes records that could not be queued.
func (h *health) refused(reason string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	message := "the sending queue is full: newest data is dropped"
	if err != nil {
		message = reason + ": " + err.Error()
	}
	h.say(reason, event.Error, "EnqueueFailed", message)
}

// say emits an event unless it did so for that key a short while ago.
func (h *health) say(key string, level event.Level, reason, message string) {
	now := h.clock.Now()
	if t, ok := h.said[key]; ok && now.Sub(t) < repeatAfter {
		return
	}
	if h.said == nil {
		h.said = map[string]time.Time{}
	}
	h.said[key] = now
	h.events.Add(level, reason, h.object, message)
}

// explain says what a failed attempt means, in KOF's terms.
func (h *health) explain(a attempt) string {
	fate := "data is dropped without retry"
	if a.verdict == retryable {
		fate = "retrying"
		if h.maxElapsed >= 0 {
			fate = fmt.Sprintf("each batch is retried for %s, then dropped", h.maxElapsed)
		}
	}
	cause := ""
	switch a.status {
	case http.StatusUnauthorized:
		cause = "vmauth knows no such user or password (KOF_VM_USER, KOF_VM_PASSWORD of the vmuser secret); "
	case http.StatusBadRequest:
		cause = "vmauth has no route for the path, or the store refused the data; "
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		cause = "the region is overloaded or starting; "
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		cause = "vmauth cannot reach the store behind it; "
	}
	return fmt.Sprintf("%s: %s%s", a, cause, fate)
}

// String is the attempt's status line or error.
func (a attempt) String() string {
	if a.status != 0 {
		return fmt.Sprintf("%d %s", a.status, http.StatusText(a.status))
	}
	return a.err.Error()
}
