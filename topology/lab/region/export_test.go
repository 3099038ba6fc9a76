package region

// LostSince is lostSince, for its property test.
var LostSince = lostSince
