package grant

// conceal hides a secret behind a function: fmt, and whatever else walks a value by reflection, shows at most the
// function's address. See the same in package sturdyref.
func conceal[T any](secret *T) func() *T {
	return func() *T { return secret }
}

const redacted = "REDACTED"
