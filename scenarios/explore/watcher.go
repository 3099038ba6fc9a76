package explore

import (
	"sync"

	"koflab/scenarios/report"
)

// watcher tells when the runs of a case end. It implements runner.View.
type watcher struct {
	ends []int // of the runs, indexes of steps
	note func(run int, steps []report.Step)

	mu    sync.Mutex
	run   int
	steps []report.Step // of the present run
}

func (w *watcher) Started(string)                  {}
func (w *watcher) StepStarted(string, report.Step) {}
func (w *watcher) Ended(report.Run)                {}

// StepEnded notes a step, and the run whose last step it is if it passed.
func (w *watcher) StepEnded(_ string, s report.Step) {
	w.mu.Lock()
	w.steps = append(w.steps, s)
	if s.Outcome.Bad() || s.Index-1 != w.ends[w.run] {
		w.mu.Unlock()
		return
	}
	run, steps := w.run, w.steps
	w.run, w.steps = w.run+1, nil
	w.mu.Unlock()
	w.note(run, steps)
}

// runs is how many have passed.
func (w *watcher) runs() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.run
}

// left are the steps of a run that did not come to its end.
func (w *watcher) left() []report.Step {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.steps
}
