package sturdyref

// conceal hides a secret behind a function: fmt, and whatever else walks a value by reflection, shows at most the
// function's address. A pointer would not do: fmt follows it when a struct that holds it in an unexported field is
// printed with a verb that does not suit pointers. It also makes the holder impossible to compare with ==.
func conceal[T any](secret T) func() *T {
	return func() *T { return &secret }
}

const redacted = "REDACTED"
