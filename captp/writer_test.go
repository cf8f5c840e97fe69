package captp_test

import (
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/captp"
)

// A writer that is held up between its look at whether the session lasts and its turn takes nothing away from what is to be recorded. What it
// took went nowhere once: after a restart the two ends did not agree on which answers had been given back.
func TestWriterHeldUp(t *testing.T) {
	machines(t, func(t *testing.T, a, b *machine) {
		b.root("b")
		call[any](t, a.root("a"), "link", a.dial(b, "b"))
		synctest.Wait()
		s := a.alive()[0]
		before := captp.Held(s)
		if err := captp.FlushLate(s); err != nil {
			t.Fatal(err)
		}
		if captp.Held(s) == before {
			t.Error("what was said is not recorded")
		}
	})
}
