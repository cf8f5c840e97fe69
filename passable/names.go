package passable

import (
	"unicode"
	"unicode/utf8"
)

// LowerCamel returns the wire name of a Go name: the leading run of capitals in
// lower case, save the last of them when a small letter follows it. Nick gives
// nick, ID gives id, URLPath gives urlPath, HTTPServer gives httpServer.
func LowerCamel(name string) string {
	out := make([]rune, 0, len(name))
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		if !unicode.IsUpper(r) {
			return string(out) + name[i:]
		}
		next, _ := utf8.DecodeRuneInString(name[i+n:])
		if i > 0 && unicode.IsLower(next) {
			return string(out) + name[i:]
		}
		out = append(out, unicode.ToLower(r))
		i += n
	}
	return string(out)
}
