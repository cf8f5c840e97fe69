//go:build !race

package captp_test

const raceEnabled = false
