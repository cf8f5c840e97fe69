package page

import (
	"context"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/vat"
)

//go:embed assets
var assets embed.FS

func (s *Server) routes() http.Handler {
	m := http.NewServeMux()
	for path, name := range map[string]string{"/{$}": "index.html", "/app.js": "app.js", "/draw.js": "draw.js", "/style.css": "style.css", "/icon.svg": "icon.svg"} {
		m.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, assets, "assets/"+name) })
	}
	m.HandleFunc("GET /api/state", s.secret(s.state))
	m.HandleFunc("GET /api/live", s.secret(s.live))
	m.HandleFunc("POST /api/add", act(s, func(ctx context.Context, in struct{ Details details }) (any, error) {
		id, err := s.programme.Add(ctx, program.Details(in.Details))
		return map[string]string{"id": hex.EncodeToString(id[:])}, err
	}))
	m.HandleFunc("POST /api/edit", act(s, func(ctx context.Context, in struct {
		ID      id
		Base    int
		Details details
	},
	) (any, error) {
		return nil, s.programme.Edit(ctx, program.ID(in.ID), in.Base, program.Details(in.Details))
	}))
	m.HandleFunc("POST /api/withdraw", act(s, func(ctx context.Context, in struct{ ID id }) (any, error) {
		return nil, s.programme.Withdraw(ctx, program.ID(in.ID))
	}))
	m.HandleFunc("POST /api/unlist", act(s, func(ctx context.Context, in struct {
		Number int
		Reason string
	},
	) (any, error) {
		return nil, s.programme.Unlist(ctx, in.Number, in.Reason)
	}))
	m.HandleFunc("POST /api/list", act(s, func(ctx context.Context, in struct{ Number int }) (any, error) {
		return nil, s.programme.List(ctx, in.Number)
	}))
	m.HandleFunc("POST /api/describe", act(s, func(ctx context.Context, in struct{ Info info }) (any, error) {
		return nil, s.programme.Describe(ctx, program.Info(in.Info))
	}))
	m.HandleFunc("POST /api/ask", act(s, func(ctx context.Context, in struct{ Number int }) (any, error) {
		said, err := s.programme.Ask(ctx, in.Number)
		return asked{Details: details(said.Details), Version: said.Version, AsOf: said.AsOf, By: said.By}, err
	}))
	return m
}

// problem is what the page is told when something was not done.
type problem struct {
	Code string `json:"code"`
	Why  string `json:"why"`
}

func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"code":"page.internal","why":"the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// maxBody is the length of the longest request, in bytes.
const maxBody = 64 << 10

// act returns the handler of a request that does something: it shows the secret, and says what in JSON, which no form of another
// page can.
func act[T any](s *Server, do func(ctx context.Context, in T) (any, error)) http.HandlerFunc {
	return s.secret(func(w http.ResponseWriter, r *http.Request) {
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
			refuse(w, http.StatusUnsupportedMediaType, "what is to be done is said in JSON")
			return
		}
		var in T
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			status := http.StatusBadRequest
			if _, large := errors.AsType[*http.MaxBytesError](err); large {
				status = http.StatusRequestEntityTooLarge
			}
			refuse(w, status, "this cannot be read")
			return
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			refuse(w, http.StatusBadRequest, "there is more than one thing to do")
			return
		}
		out, err := do(r.Context(), in)
		if err != nil {
			s.fail(w, err)
			return
		}
		answer(w, http.StatusOK, out)
	})
}

// fail tells the page why something was not done.
func (s *Server) fail(w http.ResponseWriter, err error) {
	e, ok := errors.AsType[*vat.Error](err)
	switch {
	case !ok:
		s.logger.Warn("not done", "error", err)
		answer(w, http.StatusInternalServerError, problem{"page.internal", "that went wrong: the program's log says how"})
	case e.Code == program.ErrMayNot.Code:
		answer(w, http.StatusForbidden, problem{e.Code, e.Message})
	case e.Code == program.ErrSilent.Code:
		answer(w, http.StatusGatewayTimeout, problem{e.Code, e.Message})
	case e.Code == program.ErrStale.Code:
		answer(w, http.StatusConflict, problem{e.Code, e.Message})
	default:
		answer(w, http.StatusUnprocessableEntity, problem{e.Code, e.Message})
	}
}

func (s *Server) state(w http.ResponseWriter, r *http.Request) {
	st, err := s.programme.State(r.Context())
	if err != nil {
		s.fail(w, err)
		return
	}
	answer(w, http.StatusOK, sheetOf(st))
}
