package sturdyref

import "errors"

// conceal hides a secret behind a function: fmt, and whatever else walks a value by reflection, shows at most the
// function's address. A pointer would not do: fmt follows it when a struct that holds it in an unexported field is
// printed with a verb that does not suit pointers. It also makes the holder impossible to compare with ==.
//
// Secrets are passed between functions by address throughout, because a stack trace shows the arguments of functions.
func conceal[T any](secret *T) func() *T {
	return func() *T { return secret }
}

const redacted = "REDACTED"

// errGob refuses an encoding that would take what is in a locator with it, secret hints included, unasked.
var errGob = errors.New("sturdyref: locators are not encoded by gob: write their URI, which reveals the secrets in them on purpose")
