//go:build !unix

package bolt_test

func limitFiles(string) {}
