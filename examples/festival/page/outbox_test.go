package page_test

import (
	"context"
	"testing"

	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// deaf is a festival that has not answered yet.
type deaf struct{}

func (deaf) Add(ctx context.Context, _ program.ID, _ program.EventRef, _ program.Snapshot) promise.Promise[any] {
	p, _ := promise.New[any](ctx)
	return p
}

type deafView interface {
	Add(ctx context.Context, id program.ID, event program.EventRef, said program.Snapshot) promise.Promise[any]
}

var deafFacet = vat.FacetOf[deafView]("test.deaf")

// What the festival has not heard, and what it has refused, the page says, and where it is meanwhile.
func TestBrowserOutbox(t *testing.T) {
	b := chromium(t)
	w := newWorld(t)
	ada, vera := w.peer(program.AsOrganiser, "Ada"), w.peer(program.AsVisitor, "Vera")
	w.add(ada, details("Tide Tables", "Harbour", "2027-07-02", 1200, 60), vera)
	org := b.open(w.serve(ada).URL(), 360, 1100, "light")
	org.shows("Tide Tables")
	ctx := t.Context()
	use := func(festival vat.Ref) {
		if _, err := ada.Desk.Use(ctx, vat.As[program.OrganiserRef](festival), holder("Ada")).Await(ctx); err != nil {
			t.Fatal(err)
		}
	}
	use(deafFacet.SpawnIn(vera.Vat, deaf{}))
	org.click("#add")
	org.fill("#f-title", "Slack Water")
	org.click("#event-form [type=submit]")
	org.shows("waiting for the festival since")
	org.shows("These are kept here")
	use(w.facet(program.AsVisitor, "Ada"))
	org.click("#add")
	org.fill("#f-title", "High Water")
	org.click("#event-form [type=submit]")
	org.shows("“High Water” was refused")
	org.click(`[data-act=day][data-key=all]`)
	org.screenshot("outbox-360")
	org.eval(`document.querySelector("#outbox").scrollIntoView()`, nil)
	org.screenshot("outbox-360-below")
	if st, err := vera.State(ctx); err != nil || len(st.Entries) != 1 {
		t.Errorf("what the festival has not taken is on the list: %+v, %v", st.Entries, err)
	}
}
