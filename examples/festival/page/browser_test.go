package page_test

import (
	"strings"
	"testing"

	"github.com/hawser-go/hawser/examples/festival/program"
)

// An organiser adds an event, and a visitor's open page shows it, without anybody doing anything there.
func TestBrowser(t *testing.T) {
	b := chromium(t)
	w := newWorld(t)
	ada, bob, vera, root := w.peer(program.AsOrganiser, "Ada"), w.peer(program.AsOrganiser, "Bob"), w.peer(program.AsVisitor, "Vera"), w.peer(program.AsAdmin, "Root")
	w.add(bob, details("The Slow Ferry", "Harbour", "2027-07-02", 18*60+30, 90), vera)
	w.add(bob, details("How to read a tide table", "Boathouse", "2027-07-02", 19*60, 60), vera)
	w.add(bob, details("Lanterns, all night", "Lantern Room", "2027-07-02", 23*60+30, 240), vera)
	w.add(ada, details("Foghorn Choir", "Harbour", "2027-07-02", 20*60, 75), vera)
	vis := b.open(w.serve(vera).URL(), 320, 720, "light")
	vis.shows("The Slow Ferry")
	vis.shows("Up to date")
	vis.screenshot("visitor-320")
	org := b.open(w.serve(ada).URL(), 1280, 900, "light")
	org.shows("The Slow Ferry")
	org.screenshot("organiser-1280")

	org.click("#add")
	org.screenshot("organiser-form")
	org.fill("#f-title", "Net menders' jam")
	org.set("#f-stage", "Boathouse")
	org.set("#f-start", "01:15")
	org.fill("#f-length", "45")
	org.fill("#f-about", "Bring your own net.")
	org.press("Tab")
	org.click("#event-form [type=submit]")
	org.shows("Net menders' jam")
	vis.shows("Net menders' jam")
	vis.shows("01:15")

	var own string
	vis.eval(`[...document.querySelectorAll("article")].find((a) => a.innerText.includes("Net menders")).dataset.number`, &own)
	vis.eval(`[...document.querySelectorAll("article")].find((a) => a.innerText.includes("Net menders")).querySelector("summary").click()`, nil)
	vis.shows("Only Ada")
	vis.screenshot("visitor-320-after")
	card := `article[data-number="` + own + `"] `
	org.click(card + "summary")
	org.click(card + "[data-act=edit]")
	org.fill("#f-title", "")
	org.click("#event-form [type=submit]")
	org.shows("the title is missing")
	org.screenshot("organiser-problem")
	org.fill("#f-title", "Net menders' second jam")
	org.click("#event-form [type=submit]")
	vis.shows("Net menders' second jam")

	adm := b.open(w.serve(root).URL(), 1280, 900, "dark")
	adm.shows("Net menders' second jam")
	adm.click(card + "summary")
	adm.click(card + "[data-act=unlist]")
	adm.fill("#r-reason", "the boathouse leaks")
	adm.screenshot("admin-reason")
	adm.click("#reason-form [type=submit]")
	adm.shows("off the list: the boathouse leaks")
	adm.screenshot("admin-dark")
	org.shows("off the list: the boathouse leaks")
	vis.until(`!document.querySelector("#schedule").innerText.includes("Net menders")`)
	vis.shows("The Slow Ferry")

	vis.click(`[data-act=day][data-key=all]`)
	vis.eval("scrollTo(0, document.body.scrollHeight)", nil)
	vis.screenshot("visitor-rights")
	var wide bool
	vis.eval("document.documentElement.scrollWidth > innerWidth", &wide)
	if wide {
		t.Error("the page is wider than a phone")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.console {
		if !strings.Contains(line, "422") { // that was the missing title
			t.Errorf("on the console: %s", line)
		}
	}
	for _, url := range b.urls {
		if !strings.HasPrefix(url, "http://127.0.0.1:") && !strings.HasPrefix(url, "data:") { // the browser's own signs on fields

			t.Errorf("asked for from elsewhere: %s", url)
		}
	}
}

// What is pressed stays where it is until it is let go, whatever comes meanwhile.
func TestBrowserPress(t *testing.T) {
	b := chromium(t)
	w := newWorld(t)
	ada, vera := w.peer(program.AsOrganiser, "Ada"), w.peer(program.AsVisitor, "Vera")
	w.add(ada, details("Tide Tables", "Harbour", "2027-07-02", 1200, 60), vera)
	vis := b.open(w.serve(vera).URL(), 375, 720, "light")
	vis.shows("Tide Tables")
	var at []float64
	vis.eval(`(() => { const r = document.querySelector("[data-act=day][data-key=all]").getBoundingClientRect(); return [r.x + r.width/2, r.y + r.height/2] })()`, &at)
	mouse := func(kind string) {
		vis.do("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1})
	}
	mouse("mousePressed")
	w.add(ada, details("Net Mending", "Harbour", "2027-07-02", 1300, 30), vera)
	vis.until(`document.querySelector("#said").textContent.includes("Net Mending")`) // the page has heard
	mouse("mouseReleased")
	vis.shows("Nothing on this day yet.") // so all days are shown
	vis.shows("Net Mending")
}
