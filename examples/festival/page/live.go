package page

import (
	"net/http"
	"sync"
	"time"
)

// hub tells the pages that are open that there is something new. What it is they ask for, when they can.
type hub struct {
	mu    sync.Mutex
	tabs  []chan struct{} // of one place each: news for one that has not taken the last are the same news
	ended bool
}

// maxTabs is how many pages may be open. One more, and the one that was opened first is told no more.
const maxTabs = 16

func (h *hub) ring() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, tab := range h.tabs {
		select {
		case tab <- struct{}{}:
		default:
		}
	}
}

// open returns a channel that has something when there is something new, and is closed when there will be nothing more.
func (h *hub) open() (tab chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	tab = make(chan struct{}, 1)
	if h.ended {
		close(tab)
		return tab
	}
	if len(h.tabs) == maxTabs {
		close(h.tabs[0])
		h.tabs = append([]chan struct{}(nil), h.tabs[1:]...)
	}
	h.tabs = append(h.tabs, tab)
	tab <- struct{}{} // there is always what there is already
	return tab
}

func (h *hub) leave(tab chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, t := range h.tabs {
		if t == tab {
			h.tabs = append(append([]chan struct{}(nil), h.tabs[:i]...), h.tabs[i+1:]...)
			return
		}
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, tab := range h.tabs {
		close(tab)
	}
	h.tabs, h.ended = nil, true
}

// beat is how often a page that is open hears from the server, so that each knows of the other's end.
const beat = 15 * time.Second

// live is the stream of server-sent events of one open page: "changed", and that it is time to ask again.
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	write := func(text string) bool {
		// Who reads too slowly is left.
		if out.SetWriteDeadline(time.Now().Add(patience)) != nil {
			return false
		}
		if _, err := w.Write([]byte(text)); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	if out.SetReadDeadline(time.Time{}) != nil {
		return
	}
	tab := s.hub.open()
	defer s.hub.leave(tab)
	w.Header().Set("Content-Type", "text/event-stream")
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		select {
		case _, more := <-tab:
			if !more || !write("event: changed\ndata:\n\n") {
				return
			}
		case <-ticker.C:
			if !write(":\n\n") {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}
