package page_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/examples/festival/program"
)

// A visitor's page offers nothing that would be refused, and what its script is made to try is refused, there and at the objects.
func TestBrowserVisitor(t *testing.T) {
	b := chromium(t)
	w := newWorld(t)
	ada, vera := w.peer(program.AsOrganiser, "Ada"), w.peer(program.AsVisitor, "Vera")
	w.add(ada, details("Tide Tables", "Harbour", "2027-07-02", 1200, 60), vera)
	vis := b.open(w.serve(vera).URL(), 320, 720, "light")
	vis.shows("Tide Tables")
	var offers []string
	vis.eval(`(document.querySelector("summary").click(), [...document.querySelectorAll("button")].filter((b) => b.checkVisibility()).map((b) => b.innerText))`, &offers)
	for _, offer := range offers {
		for _, no := range []string{"Add", "Change", "Withdraw", "Take off"} {
			if strings.Contains(offer, no) {
				t.Errorf("a visitor is offered %q", offer)
			}
		}
	}
	if len(offers) < 5 {
		t.Errorf("%q", offers)
	}
	var status int
	try := `fetch("/api/add", {method: "POST", body: %q, headers: {Authorization: "Bearer " + sessionStorage.getItem("festival-secret"), "Content-Type": "application/json"}}).then((r) => r.status)`
	vis.eval(fmt.Sprintf(try, event), &status)
	if status != http.StatusForbidden {
		t.Errorf("the page answers %d", status)
	}
	if st, err := ada.State(t.Context()); err != nil || len(st.Entries) != 1 {
		t.Errorf("%+v, %v", st.Entries, err)
	}
	// The secret is not in the address bar, nor where the page came from, and the page is as good when it is loaded again.
	var at string
	vis.eval("location.href + document.referrer + document.cookie", &at)
	if strings.ContainsAny(at, "#?") {
		t.Error(at)
	}
	vis.reload()
	vis.shows("Tide Tables")
	vis.click(`[data-act=day][data-key=all]`)
	vis.shows("Nothing on this day yet.")
	// Everything is to be had by the keyboard.
	vis.eval("document.activeElement.blur()", nil)
	for range 40 {
		vis.press("Tab")
		var on string
		vis.eval("document.activeElement.tagName", &on)
		if on == "SUMMARY" {
			vis.press("Enter")
			vis.shows("Only Ada")
			return
		}
	}
	t.Error("no event is reached by the keyboard")
}

// What others have called their events is text, whatever it looks like.
func TestBrowserHostileTitle(t *testing.T) {
	b := chromium(t)
	w := newWorld(t)
	ada, vera := w.peer(program.AsOrganiser, "Ada"), w.peer(program.AsVisitor, "<img src=x onerror=window.hacked=1>")
	for i, title := range []string{
		`<script>window.hacked=1</script>`, `<img src=x onerror=window.hacked=1>`, `"><svg onload=window.hacked=1>`, `javascript:window.hacked=1`, `{{constructor.constructor("window.hacked=1")()}}`,
	} {
		d := details(title, "Harbour", "2027-07-02", 1200+i, 60)
		d.About = title + "\n" + title
		w.add(ada, d, vera)
	}
	vis := b.open(w.serve(vera).URL(), 1280, 900, "light")
	vis.shows(`<script>window.hacked=1</script>`)
	vis.eval(`document.querySelectorAll("summary").forEach((s) => s.click())`, nil)
	vis.shows(`{{constructor.constructor("window.hacked=1")()}}`)
	var made []int
	vis.eval(`[window.hacked ?? 0, document.querySelectorAll("img, svg, main script").length]`, &made)
	if made[0] != 0 || made[1] != 0 {
		t.Errorf("%v", made)
	}
	// Nor would the browser let a script of ours that is careless make markup of it.
	var careless bool
	vis.eval(`(() => { try { document.body.innerHTML = "<img src=x>"; return true } catch { return false } })()`, &careless)
	if careless {
		t.Error("text can be made markup")
	}
}

// Another page in the same browser knows where the page is, and can do nothing there.
func TestBrowserHostilePage(t *testing.T) {
	b := chromium(t)
	w := newWorld(t)
	ada := w.peer(program.AsOrganiser, "Ada")
	s := w.serve(ada)
	org := b.open(s.URL(), 1280, 900, "light")
	org.shows("Add an event")
	evil := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		fmt.Fprint(rw, "<title>win a boat</title><iframe id=frame></iframe>")
	}))
	defer evil.Close()
	page := b.open(evil.URL, 1280, 900, "light")
	var got []string
	page.eval(fmt.Sprintf(`(async () => {
		const at = %q, event = %q, out = [];
		const tries = [
			() => fetch(at + "/api/state"),
			() => fetch(at + "/api/state", {mode: "no-cors", credentials: "include"}).then((r) => r.text()),
			() => fetch(at + "/api/add", {method: "POST", mode: "no-cors", body: event}).then((r) => r.text()),
			() => fetch(at + "/api/add", {method: "POST", body: event, headers: {"Content-Type": "application/json"}}),
			() => import(at + "/app.js"),
			() => new Promise((yes, no) => { const i = new Image(); i.onload = () => yes("image"); i.onerror = no; i.src = at + "/icon.svg" }),
			() => new Promise((yes, no) => { frame.onload = () => { try { yes(frame.contentDocument.body.innerText || "empty") } catch (e) { no(e) } }; frame.src = at + "/" }),
		];
		for (const t of tries) { try { const v = await t(); out.push(typeof v === "string" ? v : "read") } catch { out.push("") } }
		return out;
	})()`, "http://"+s.Addr(), event), &got)
	for i, v := range got {
		if v != "" {
			t.Errorf("try %d gets %q", i, v)
		}
	}
	if st, err := ada.State(t.Context()); err != nil || len(st.Mine) != 0 {
		t.Errorf("%+v, %v", st.Mine, err)
	}
	org.shows("Nothing on this day yet.")
}

// A page says so when the festival cannot be reached, and when its own program has ended, and goes on by itself.
func TestBrowserAway(t *testing.T) {
	b := chromium(t)
	w := newWorld(t)
	ada := w.peer(program.AsOrganiser, "Ada")
	away := &silent{Peer: ada}
	s := w.serve(away)
	org := b.open(s.URL(), 360, 740, "dark")
	org.shows("Up to date")
	away.is.Store(true)
	w.add(ada, details("Tide Tables", "Harbour", "2027-07-02", 1200, 60), ada)
	org.shows("The festival cannot be reached")
	org.shows("Tide Tables")
	org.screenshot("away-360")
	away.is.Store(false)
	w.add(ada, details("Slack Water", "Boathouse", "2027-07-02", 1200, 60), ada)
	org.shows("Up to date")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	org.shows("The program behind this page does not run")
}
