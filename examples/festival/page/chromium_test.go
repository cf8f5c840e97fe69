package page_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// browser is a headless Chromium, driven by the DevTools protocol.
type browser struct {
	t    *testing.T
	conn *websocket.Conn
	// requests are what pages have asked the network for.
	mu      sync.Mutex
	next    int
	answers map[int]chan reply
	loads   map[string]int // how often each tab has had a page loaded
	urls    []string
	console []string
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// tab is one page of it.
type tab struct {
	*browser
	target  string
	session string
}

var patience = 20 * time.Second

// chromium starts a browser that ends with the test. It skips the test where there is none.
func chromium(t *testing.T) *browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Skip("SKIPPED, AND THE PAGE IS NOT TESTED IN A BROWSER: there is no Chromium on this machine; on Debian: apt-get install chromium")
	}
	address, said := "", ""
	for range 3 { // on a busy machine a browser may hang while it starts
		if address, said = start(t, program); address != "" {
			break
		}
	}
	if address == "" {
		t.Fatalf("Chromium does not say where it can be driven, only: %s", said)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(64 << 20)
	b := &browser{t: t, conn: conn, answers: make(map[int]chan reply), loads: make(map[string]int)}
	done := make(chan struct{})
	go func() { defer close(done); b.read() }()
	t.Cleanup(func() { _ = conn.CloseNow(); <-done })
	return b
}

// start starts one, and returns where it can be driven, or "" and what it has said.
func start(t *testing.T, program string) (address, said string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0", "--user-data-dir="+dir, "about:blank")
	out, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err == nil {
		defer out.Close()
		cmd.Stderr = out
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for range 50 { // what the browser has started may still write there for a moment
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	t.Cleanup(end)
	for began := time.Now(); time.Since(began) < patience; time.Sleep(20 * time.Millisecond) {
		text, _ := os.ReadFile(filepath.Join(dir, "DevToolsActivePort"))
		if port, path, ok := strings.Cut(strings.TrimSpace(string(text)), "\n"); ok {
			return "ws://127.0.0.1:" + port + path, ""
		}
	}
	end()
	text, _ := os.ReadFile(out.Name())
	return "", string(text)
}

func (b *browser) read() {
	for {
		_, text, err := b.conn.Read(context.Background())
		if err != nil {
			return
		}
		var m struct {
			ID        int
			SessionID string
			Method    string
			Params    json.RawMessage
			reply
		}
		if json.Unmarshal(text, &m) != nil {
			continue
		}
		b.mu.Lock()
		switch m.Method {
		case "":
			if answer := b.answers[m.ID]; answer != nil {
				answer <- m.reply
				delete(b.answers, m.ID)
			}
		case "Page.loadEventFired":
			b.loads[m.SessionID]++
		case "Network.requestWillBeSent":
			var p struct{ Request struct{ URL string } }
			_ = json.Unmarshal(m.Params, &p)
			b.urls = append(b.urls, p.Request.URL)
		case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded":
			b.console = append(b.console, m.Method+" "+string(m.Params))
		}
		b.mu.Unlock()
	}
}

// call calls a method of the protocol, and puts its result into out unless that is nil.
func (b *browser) call(session, method string, params map[string]any, out any) {
	b.t.Helper()
	b.mu.Lock()
	b.next++
	id, answer := b.next, make(chan reply, 1)
	b.answers[id] = answer
	b.mu.Unlock()
	m := map[string]any{"id": id, "method": method, "params": params}
	if session != "" {
		m["sessionId"] = session
	}
	text, err := json.Marshal(m)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.conn.Write(b.t.Context(), websocket.MessageText, text); err != nil {
		b.t.Fatal(err)
	}
	select {
	case r := <-answer:
		if r.Error != nil {
			b.t.Fatalf("%s: %s", method, r.Error.Message)
		}
		if out != nil {
			if err := json.Unmarshal(r.Result, out); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
	case <-time.After(2 * patience):
		b.t.Fatalf("%s: no answer", method)
	}
}

// open opens a tab of that size, for eyes that like it dark or light.
func (b *browser) open(url string, width, height int, scheme string) *tab {
	b.t.Helper()
	var made struct{ TargetID string }
	b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &made)
	var attached struct{ SessionID string }
	b.call("", "Target.attachToTarget", map[string]any{"targetId": made.TargetID, "flatten": true}, &attached)
	p := &tab{browser: b, target: made.TargetID, session: attached.SessionID}
	for _, domain := range []string{"Page", "Runtime", "Network", "Log"} {
		p.do(domain+".enable", nil)
	}
	p.do("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
	p.do("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
	p.goTo(url)
	return p
}

func (p *tab) do(method string, params map[string]any) {
	p.t.Helper()
	p.call(p.session, method, params, nil)
}

func (p *tab) goTo(url string) {
	p.t.Helper()
	p.do("Page.navigate", map[string]any{"url": url})
	p.until(`document.readyState === "complete"`)
}

// reload loads the page again, and waits until it is there: until then what is asked is answered by the page of before.
func (p *tab) reload() {
	p.t.Helper()
	loads := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.loads[p.session]
	}
	before := loads()
	p.do("Page.reload", nil)
	for began := time.Now(); loads() == before; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > patience {
			p.t.Fatal("the page is not loaded again")
		}
	}
}

// eval evaluates JavaScript, waits for it if it is a promise, and puts the value into out unless that is nil.
func (p *tab) eval(js string, out any) {
	p.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	p.call(p.session, "Runtime.evaluate", map[string]any{"expression": js, "awaitPromise": true, "returnByValue": true, "userGesture": true}, &r)
	if r.ExceptionDetails != nil {
		p.t.Fatalf("%s: %s", js, r.ExceptionDetails.Exception.Description)
	}
	if out != nil {
		if err := json.Unmarshal(r.Result.Value, out); err != nil {
			p.t.Fatalf("%s: %v", js, err)
		}
	}
}

// until waits until JavaScript is true.
func (p *tab) until(js string) {
	p.t.Helper()
	var met bool
	p.eval(fmt.Sprintf(`(async () => {
		for (let end = Date.now() + %d; Date.now() < end; await new Promise((f) => setTimeout(f, 20))) { try { if (%s) return true } catch {} }
		return false
	})()`, patience.Milliseconds(), js), &met)
	if !met {
		text := p.text("body")
		p.mu.Lock()
		defer p.mu.Unlock()
		p.t.Fatalf("never true: %s\n%s\n%s", js, text, strings.Join(p.console, "\n"))
	}
}

// text returns what is to be read in an element.
func (p *tab) text(selector string) (text string) {
	p.t.Helper()
	p.eval(fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, selector), &text)
	return text
}

// shows waits until a text is to be read on the page.
func (p *tab) shows(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("document.body.innerText.includes(%q)", text))
}

// click clicks on the first element, as a person does: it must be there to be seen, and nothing over it.
func (p *tab) click(selector string) {
	p.t.Helper()
	for range 5 { // what has been found may be drawn elsewhere before it is pressed
		p.until(fmt.Sprintf(`document.querySelector(%q)?.checkVisibility()`, selector))
		var at []float64
		p.eval(fmt.Sprintf(`(() => {
			const e = document.querySelector(%[1]q);
			e?.scrollIntoView({block: "center", behavior: "instant"});
			const r = e?.getBoundingClientRect(), x = r?.x + r?.width/2, y = r?.y + r?.height/2, on = e && document.elementFromPoint(x, y);
			window.hit = false;
			addEventListener("click", (c) => { window.hit = c.target === on || c.target.closest(%[1]q) !== null }, {capture: true, once: true});
			return e?.contains(on) || on?.contains(e) ? [x, y] : [];
		})()`, selector), &at)
		if len(at) == 0 {
			continue
		}
		for _, kind := range []string{"mousePressed", "mouseReleased"} {
			p.do("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1})
		}
		var hit bool
		if p.eval("window.hit !== false", &hit); hit {
			return
		}
	}
	p.t.Fatalf("%s is not to be clicked on: something covers it, or it is never still", selector)
}

// fill puts a text in the place of what is in a field, by the keyboard.
func (p *tab) fill(selector, text string) {
	p.t.Helper()
	p.eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.focus(); if (e.select) e.select() })()`, selector), nil)
	p.do("Input.insertText", map[string]any{"text": text})
}

// set sets a field that is not for text.
func (p *tab) set(selector, value string) {
	p.t.Helper()
	p.eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.value = %q; e.dispatchEvent(new Event("change", {bubbles: true})) })()`, selector, value), nil)
}

// press presses a key.
func (p *tab) press(key string) {
	p.t.Helper()
	code := map[string]int{"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}[key]
	text := map[string]string{"Enter": "\r", " ": " "}[key]
	p.do("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text})
	p.do("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code})
}

// screenshot writes what is to be seen to a file in the folder of the flag -screenshots, if there is one.
func (p *tab) screenshot(name string) {
	p.t.Helper()
	if *screenshots == "" {
		return
	}
	var shot struct{ Data string }
	p.call(p.session, "Page.captureScreenshot", map[string]any{"captureBeyondViewport": false}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(*screenshots, name+".png"), png, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}
