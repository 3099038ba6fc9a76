package network

// Together returns faults acting on one link together: delays add up, losses
// combine, the narrowest bandwidth counts.
func Together(faults ...Fault) Fault {
	var sum Fault
	for _, f := range faults {
		sum = sum.and(f)
	}
	return sum
}
