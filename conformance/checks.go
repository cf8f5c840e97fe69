package conformance

import "slices"

// checks are all checks, in the order in which they are made. Names are unique.
var checks = slices.Concat(
	sessionChecks, bootstrapChecks, promiseChecks, deliverChecks, listenChecks, selectChecks, gcChecks, descChecks,
	gifterChecks, receiverChecks, exporterChecks, valueChecks, hostileChecks, lastChecks,
)
