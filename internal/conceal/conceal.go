// Package conceal keeps secrets out of whatever prints the values that hold them.
package conceal

// Secret hides a secret behind a function: fmt, and whatever else walks a value by reflection, shows at most the
// function's address. A pointer would not do: fmt follows it when a struct that holds it in an unexported field is
// printed with a verb that does not suit pointers. It also makes the holder impossible to compare with ==.
//
// Secrets are passed between functions by address throughout, because a stack trace shows the arguments of functions.
func Secret[T any](secret *T) func() *T {
	return func() *T { return secret }
}

// Redacted is what is printed in a secret's place.
const Redacted = "REDACTED"
