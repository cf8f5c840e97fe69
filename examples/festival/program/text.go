package program

import "github.com/hawser-go/hawser/examples/festival/legible"

// checkLine returns why a text cannot be a line of min to max bytes, or nil.
func checkLine(what, text string, min, max int) error {
	if err := legible.Line(text, min, max); err != nil {
		return because(ErrText, "%s %v", what, err)
	}
	return nil
}

// checkText returns why a text cannot be taken, or nil.
func checkText(what, text string, max int) error {
	if err := legible.Text(text, max); err != nil {
		return because(ErrText, "%s %v", what, err)
	}
	return nil
}
