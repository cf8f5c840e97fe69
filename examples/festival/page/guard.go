package page

import (
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"strings"
	"sync"
)

// policy is what a browser may do with the page: nothing but what is here, and no text becomes markup.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// guarded lets a request through that was made for this server, by its own name and, if a page made it, by its own page.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case r.Host != s.addr:
			// A name that somebody else has made lead here (DNS rebinding).
			refuse(w, http.StatusMisdirectedRequest, "this page is at "+s.addr+" alone")
		case foreign(r, s.addr):
			refuse(w, http.StatusForbidden, "this page answers no other page")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// foreign reports whether the browser says that a page of somebody else made the request. Following a link to the page itself
// is nothing bad.
func foreign(r *http.Request, addr string) bool {
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+addr {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Method != http.MethodGet
}

// secret lets a request through that shows the secret of the page.
func (s *Server) secret(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		shown, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		var token [tokenLength]byte
		n, err := 0, error(nil)
		if len(shown) == base64.RawURLEncoding.EncodedLen(tokenLength) {
			n, err = base64.RawURLEncoding.Strict().Decode(token[:], []byte(shown))
		}
		if equal := subtle.ConstantTimeCompare(token[:], s.token[:]); equal != 1 || n != tokenLength || err != nil {
			refuse(w, http.StatusUnauthorized, "the page is opened by the line that its program has printed")
			return
		}
		next(w, r)
	}
}

func refuse(w http.ResponseWriter, status int, why string) {
	answer(w, status, problem{Code: "page.refused", Why: why})
}

// maxConns is how many connections there may be at a time.
const maxConns = 64

// bounded returns a listener that accepts so many connections, and others when these have ended.
func bounded(l net.Listener) net.Listener {
	return &boundedListener{Listener: l, places: make(chan struct{}, maxConns), over: make(chan struct{})}
}

type boundedListener struct {
	net.Listener
	places chan struct{}
	over   chan struct{}
	once   sync.Once
}

func (l *boundedListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.over:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &boundedConn{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

func (l *boundedListener) Close() error {
	l.once.Do(func() { close(l.over) })
	return l.Listener.Close()
}

type boundedConn struct {
	net.Conn
	leave func()
}

func (c *boundedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
