package chatroom_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/hawser-go/hawser/examples/chat/chatroom"
)

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                    "plain",
		"":                         "",
		"tab\tand\u00a0space":      "tab and space",
		"\x00\x1b]0;title\x07\r\n": "␀␛]0;title␇␍␊",
		"\x7f\u009b31m":            "␡\ufffd31m",
		"a\u202eb\u2066c\u200bd":   "a\ufffdb\ufffdc\ufffdd",
		"line\u2028line":           "line\ufffdline",
		"\xff\xfe":                 "\ufffd\ufffd",
		"می\u200cخواهم 👩\u200d🚀":   "می\u200cخواهم 👩\u200d🚀",
		"\U000e0041":               "\ufffd",
	} {
		if got := chatroom.Clean(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	for _, c := range []string{"x", "é", "猫", "🐈"} {
		for lead := range 4 {
			text := strings.Repeat("x", lead) + strings.Repeat(c, chatroom.MaxText+1)
			got, cut := strings.CutSuffix(chatroom.Clean(text), " … (cut)")
			if !cut || !strings.HasPrefix(text, got) || len(got) > chatroom.MaxText || len(got) <= chatroom.MaxText-utf8.UTFMax {
				t.Errorf("%d bytes of %q became %d", len(text), c, len(got))
			}
		}
	}
}

func TestCleanNick(t *testing.T) {
	for nick, want := range map[string]string{
		"ada":                     "ada",
		"Ada Lovelace":            "Ada_Lovelace",
		"o'neill-2.x":             "o'neill-2.x",
		"<ada> ":                  "ada",
		"ada#2":                   "ada_2",
		"ada (you)":               "ada__you",
		"* bob left":              "bob_left",
		"a\nb":                    "a_b",
		"\u3164\u2800":            "",
		"zal\u0334\u0335\u0336go": "zal\u0334\u0335go",
		"猫🐈":                      "猫🐈",
		"\u202eada":               "ada",
	} {
		if got := chatroom.CleanNick(nick); got != want {
			t.Errorf("%q became %q, want %q", nick, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b[31m\u202e\xff")
	f.Add(strings.Repeat("é", chatroom.MaxText))
	f.Fuzz(func(t *testing.T, s string) {
		for _, got := range []string{chatroom.Clean(s), chatroom.CleanNick(s)} {
			if !utf8.ValidString(got) {
				t.Errorf("%q became %q, which is no UTF-8", s, got)
			}
			for _, r := range got {
				if !unicode.IsPrint(r) && r != '\u200c' && r != '\u200d' {
					t.Errorf("%q became %q, with %U in it", s, got, r)
				}
			}
		}
		if n := chatroom.CleanNick(s); utf8.RuneCountInString(n) > chatroom.MaxNick || strings.ContainsAny(n, "<>*#() \u200c\u200d") {
			t.Errorf("nickname %q became %q", s, n)
		}
	})
}
