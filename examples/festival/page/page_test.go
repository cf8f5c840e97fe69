package page_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/examples/festival/page"
	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/vat"
)

// token returns the secret in a page's URL.
func token(s *page.Server) string {
	_, token, _ := strings.Cut(s.URL(), "#")
	return token
}

// ask makes a request as the page itself does, changed by edit, and returns the status and the body.
func ask(t *testing.T, s *page.Server, method, path, body string, edit func(r *http.Request)) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token(s))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", "http://"+s.Addr())
	}
	if edit != nil {
		edit(r)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

const event = `{"details":{"title":"Tide Tables","about":"","stage":"Harbour","day":"2027-07-02","start":1200,"length":60}}`

// Nothing is read or done without the secret, by another name, for another page, or by a form.
func TestAccess(t *testing.T) {
	w := newWorld(t)
	ada := w.peer(program.AsOrganiser, "Ada")
	s, other := w.serve(ada), w.serve(w.peer(program.AsVisitor, "Vera"))
	set := func(k, v string) func(r *http.Request) { return func(r *http.Request) { r.Header.Set(k, v) } }
	good := token(s)
	for _, c := range []struct {
		what   string
		status int
		edit   func(r *http.Request)
	}{
		{"no secret", 401, func(r *http.Request) { r.Header.Del("Authorization") }},
		{"an empty secret", 401, set("Authorization", "Bearer ")},
		{"another secret", 401, set("Authorization", "Bearer "+token(other))},
		{"part of the secret", 401, set("Authorization", "Bearer "+good[:42])},
		{"more than the secret", 401, set("Authorization", "Bearer "+good+"A")},
		{"zeros", 401, set("Authorization", "Bearer "+strings.Repeat("A", 43))},
		{"no base64", 401, set("Authorization", "Bearer "+strings.Repeat("!", 43))},
		{"the secret as a query", 401, func(r *http.Request) { r.URL.RawQuery = "token=" + good; r.Header.Del("Authorization") }},
		{"the secret as a cookie", 401, func(r *http.Request) { r.Header.Set("Cookie", "token="+good); r.Header.Del("Authorization") }},
		{"another name", 421, func(r *http.Request) { r.Host = "festival.example" }},
		{"another name for the same", 421, func(r *http.Request) { r.Host = "localhost" + s.Addr()[strings.LastIndex(s.Addr(), ":"):] }},
		{"no port", 421, func(r *http.Request) { r.Host = "127.0.0.1" }},
		{"another page", 403, set("Origin", "http://festival.example")},
		{"a page of another port", 403, set("Origin", "http://"+other.Addr())},
		{"a page without an origin", 403, set("Origin", "null")},
		{"a page of another site, as the browser says", 403, set("Sec-Fetch-Site", "cross-site")},
		{"a page of another port, as the browser says", 403, set("Sec-Fetch-Site", "same-site")},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			path, body := "/api/state", ""
			if method == http.MethodPost {
				path, body = "/api/add", event
			}
			status, text, header := ask(t, s, method, path, body, c.edit)
			if status != c.status || strings.Contains(text, "Quayside") || header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: %s %d %s", c.what, method, status, text)
			}
		}
	}
	for what, c := range map[string]struct {
		status int
		body   string
		edit   func(r *http.Request)
	}{
		"a form":              {415, event, set("Content-Type", "text/plain")},
		"an urlencoded form":  {415, event, set("Content-Type", "application/x-www-form-urlencoded")},
		"nothing":             {400, "", nil},
		"half":                {400, event[:20], nil},
		"two":                 {400, event + event, nil},
		"an unknown field":    {400, `{"details":{},"admin":true}`, nil},
		"numbers as text":     {400, `{"details":{"start":"x"}}`, nil},
		"much":                {413, `{"details":{"about":"` + strings.Repeat("x", 1<<20) + `"}}`, nil},
		"an event that isn't": {422, `{"details":{}}`, nil},
	} {
		if status, text, _ := ask(t, s, http.MethodPost, "/api/add", c.body, c.edit); status != c.status {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
	for _, c := range [][2]string{{"OPTIONS", "/api/add"}, {"PUT", "/api/add"}, {"GET", "/api/add"}, {"DELETE", "/"}, {"GET", "/assets/app.js"}} {
		if status, text, header := ask(t, s, c[0], c[1], "", nil); status != 404 && status != 405 || header.Get("Access-Control-Allow-Methods") != "" {
			t.Errorf("%v: %d %s", c, status, text)
		}
	}
	if st, err := ada.State(t.Context()); err != nil || len(st.Mine) != 0 {
		t.Errorf("something was done: %+v, %v", st.Mine, err)
	}
	if status, text, _ := ask(t, s, http.MethodPost, "/api/add", event, nil); status != 200 {
		t.Errorf("the page itself: %d %s", status, text)
	}
	if st, err := ada.State(t.Context()); err != nil || len(st.Mine) != 1 {
		t.Errorf("%+v, %v", st.Mine, err)
	}
}

// The page and what belongs to it is there for whoever asks by its name, and tells browsers to be strict.
func TestPolicy(t *testing.T) {
	w := newWorld(t)
	s := w.serve(w.peer(program.AsVisitor, "Vera"))
	for path, kind := range map[string]string{"/": "text/html", "/app.js": "text/javascript", "/draw.js": "text/javascript", "/style.css": "text/css", "/icon.svg": "image/svg+xml", "/api/state": "application/json"} {
		status, text, h := ask(t, s, http.MethodGet, path, "", nil)
		if status != 200 || !strings.HasPrefix(h.Get("Content-Type"), kind) || strings.Contains(text, token(s)) {
			t.Errorf("%s: %d %s", path, status, h.Get("Content-Type"))
		}
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: %q lacks %s", path, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Cache-Control") != "no-store" || h.Get("Set-Cookie") != "" {
			t.Errorf("%s: %v", path, h)
		}
	}
	// A link from elsewhere may lead to the page.
	if status, _, _ := ask(t, s, http.MethodGet, "/", "", func(r *http.Request) {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
	}); status != 200 {
		t.Errorf("%d", status)
	}
}

// What a visitor's facets do not allow is refused by the page, and by the festival's objects if the page is made to try.
func TestVisitorWrites(t *testing.T) {
	w := newWorld(t)
	ada, vera := w.peer(program.AsOrganiser, "Ada"), w.peer(program.AsVisitor, "Vera")
	id := w.add(ada, details("Tide Tables", "Harbour", "2027-07-02", 1200, 60), vera)
	s := w.serve(vera)
	writes := map[string]string{
		"/api/add":      event,
		"/api/edit":     fmt.Sprintf(`{"id":"%x","base":1,%s`, id, event[1:]),
		"/api/withdraw": fmt.Sprintf(`{"id":"%x"}`, id),
		"/api/unlist":   `{"number":1,"reason":""}`,
		"/api/list":     `{"number":1}`,
		"/api/describe": `{"info":{"name":"Mine","about":"","days":["2027-07-02"],"stages":["x"]}}`,
	}
	for path, body := range writes {
		if status, text, _ := ask(t, s, http.MethodPost, path, body, nil); status != 403 || !strings.Contains(text, program.ErrMayNot.Code) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	// A program of her own making uses her facet as if it were more.
	facet := w.facet(program.AsVisitor, "Vera")
	var err error
	ctx := t.Context()
	if vera.Desk, err = program.OpenDesk(ctx, w.machine.Vat("Vera"), ring); err == nil {
		_, err = vera.Desk.Use(ctx, vat.As[program.OrganiserRef](facet), holder("Vera")).Await(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	vera.Admin = vat.As[program.AdminRef](facet)
	for path, status := range map[string]int{"/api/add": 200, "/api/edit": 422, "/api/withdraw": 422, "/api/unlist": 422, "/api/list": 422, "/api/describe": 422} {
		if got, text, _ := ask(t, s, http.MethodPost, path, writes[path], nil); got != status {
			t.Errorf("%s: %d %s", path, got, text)
		}
	}
	w.until(func() bool {
		st, err := vera.State(ctx)
		return err == nil && len(st.Mine) == 1 && strings.HasPrefix(st.Mine[0].Trouble, vat.ErrNoSuchMethod.Message)
	})
	if st, err := ada.State(ctx); err != nil || len(st.Entries) != 1 || st.Entries[0].State != program.Listed || st.Entries[0].Said.Version != 1 || st.Info.Name != info.Name {
		t.Errorf("%+v, %v", st, err)
	}
}

// live opens a stream of what is new, which ends with the test.
func live(t *testing.T, s *page.Server) (lines *bufio.Scanner, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr()+"/api/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token(s))
	resp, err := new(http.Transport).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = resp.Body.Close() })
	if resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	return bufio.NewScanner(resp.Body), cancel
}

// changed reads up to the next "changed"; false means that the stream has ended.
func changed(lines *bufio.Scanner) bool {
	for lines.Scan() {
		if lines.Text() == "event: changed" {
			return true
		}
	}
	return false
}

// Pages that are open hear of what is new; there are so many and no more, and those that nobody reads keep nobody waiting.
func TestLive(t *testing.T) {
	w := newWorld(t)
	ada := w.peer(program.AsOrganiser, "Ada")
	s := w.serve(ada)
	first, _ := live(t, s)
	if !changed(first) {
		t.Fatal("the first is not told")
	}
	var tabs []*bufio.Scanner
	for range 16 {
		tab, _ := live(t, s)
		tabs = append(tabs, tab)
		if !changed(tab) {
			t.Fatal("one that comes is told what there is")
		}
	}
	for told := 0; changed(first); {
		if told++; told > 16 {
			t.Fatal("one too many are told")
		}
	}
	w.add(ada, details("Tide Tables", "Harbour", "2027-07-02", 1200, 60), ada)
	for _, tab := range tabs {
		if !changed(tab) {
			t.Error("one that is open is not told")
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for _, tab := range tabs {
		for changed(tab) {
		}
	}
}

// Connections that say nothing have the others wait for a while and no longer.
func TestManyClients(t *testing.T) {
	w := newWorld(t)
	s := w.serve(w.peer(program.AsVisitor, "Vera"))
	for range 80 {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: "); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if status, text, _ := ask(t, s, http.MethodGet, "/api/state", "", nil); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
}

// The secret is in the URL and nowhere else.
func TestSecret(t *testing.T) {
	w := newWorld(t)
	var log journal
	vera := w.peer(program.AsVisitor, "Vera")
	vera.Patience = time.Nanosecond
	s, err := page.Open(t.Context(), page.Config{Programme: broken{vera}, Logger: hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Trace})})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		status, text, _ := ask(t, s, http.MethodGet, "/api/state", "", nil)
		if status != 500 || strings.Contains(text, "tables") {
			t.Errorf("%d %s", status, text)
		}
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "the tables have turned") {
		t.Errorf("%q", log.String())
	}
	for _, text := range []string{log.String(), fmt.Sprintf("%v %+v %#v %s", s, s, s, s)} {
		if strings.Contains(text, token(s)) || strings.Contains(text, token(s)[:12]) {
			t.Errorf("the secret is in %q", text)
		}
	}
	for _, listen := range []string{"0.0.0.0:0", ":0", "localhost:0", "192.0.2.1:80", "x"} {
		if s, err := page.Open(t.Context(), page.Config{Programme: vera, Listen: listen}); err == nil {
			_ = s.Close()
			t.Errorf("a page is served at %s", listen)
		}
	}
	if _, err := page.Open(t.Context(), page.Config{}); err == nil {
		t.Error("a page of nothing is served")
	}
}

// journal is a log that may be written to while it is read.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// broken is a programme that fails in its own way.
type broken struct{ *program.Peer }

func (broken) State(context.Context) (program.State, error) {
	return program.State{}, errors.New("the tables have turned")
}
func (broken) Watch(context.Context, func()) error { return nil }
