//go:build race

package vat_test

const raceEnabled = true
