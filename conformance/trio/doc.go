// Package trio holds tests of third-party handoffs between three processes on real sockets: a gifter hands the receiver an
// object of the exporter's. Each process is the test binary again, and is told what to do on its standard input.
package trio
