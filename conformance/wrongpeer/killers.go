package wrongpeer

import "strings"

// killers tell, by the name of a check, the frame that the wrong peer dies of.
var killers = map[string]func(string) bool{
	"garbage":           starts("hello, is this"),
	"not-utf-8":         holds("2\"\xff\xfe"),
	"duplicate-keys":    holds(`1"a1+1"a2+`),
	"depth":             holds(strings.Repeat("[", 1000)),
	"announced-length":  holds("999999999999:"),
	"digits":            holds(strings.Repeat("9", 10_000)),
	"many-values":       holds(strings.Repeat("[]", 10_000)),
	"unknown-operation": starts("<17'op:make-me-coffee"),
	"wrong-descriptors": starts("<10'op:deliver<18'"),
	"wrong-fields":      starts("<10'op:deliver>"),
	"unknown-export":    holds("desc:export987654+"),
	"unknown-answer":    holds("desc:answer987654+"),
}

func starts(with string) func(string) bool {
	return func(frame string) bool { return strings.HasPrefix(frame, with) }
}

func holds(what string) func(string) bool {
	return func(frame string) bool { return strings.Contains(frame, what) }
}
