// Package explore looks for what nobody has thought of: it plays random schedules of
// faults in random small labs and checks what must hold whatever happens.
//
// Each run is an ordinary scenario that follows from a seed and the run's number. Runs
// of one lab are played one after the other, for a lab takes longer to come up than a
// run takes. A run that fails is played again by itself, made as small as it can be
// while it still fails, and left as a scenario file.
package explore
