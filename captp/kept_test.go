package captp_test

import (
	"testing"
	"time"

	"github.com/hawser-go/hawser/conformance/model"
	"github.com/hawser-go/hawser/conformance/model/live"
)

// TestOrderKept has A send down a promise of B's that leads, by way of C, back to B. C is of another make, so that B's
// messages keep to the way by C; A must not learn of a shorter one.
func TestOrderKept(t *testing.T) {
	const b, c = model.Peer(1), model.Peer(2)
	sc := model.Chain("kept", 2, b, c, b)
	choices := live.Choices{Delays: []time.Duration{time.Millisecond, 10 * time.Millisecond}, Pauses: []time.Duration{0, 4 * time.Millisecond}, Links: live.Links(sc)}
	live.All(func(choose func(int) int) bool {
		plan := choices.Make(sc, choose)
		err := perform(t, sc, nil, func(p model.Peer) bool { return p == c }, plan)
		if err != nil {
			t.Errorf("%s\n%v", plan, err)
		}
		return err == nil
	})
}
