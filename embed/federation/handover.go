package federation

import (
	"strconv"
	"sync"

	"github.com/prometheus/prometheus/promql/parser"
)

// handover is the engine's parser. The engine takes queries as text; handover
// gives it expressions that are parsed and rewritten already, so that positions
// in its warnings are those of the query as it was asked.
type handover struct {
	parser.Parser
	mu      sync.Mutex
	next    int
	waiting map[string]parser.Expr
}

// offer returns the text by which the engine gets e.
func (h *handover) offer(e parser.Expr) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	ticket := strconv.Itoa(h.next)
	h.waiting[ticket] = e
	return ticket
}

// ParseExpr hands over the expression that waits for the ticket.
func (h *handover) ParseExpr(ticket string) (parser.Expr, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, ok := h.waiting[ticket]
	delete(h.waiting, ticket)
	if !ok {
		return h.Parser.ParseExpr(ticket)
	}
	return e, nil
}
