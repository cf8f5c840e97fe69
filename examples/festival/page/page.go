package page

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/examples/festival/program"
)

// A Programme is what the page shows, and does for the person. [program.Peer] is one.
type Programme interface {
	// State returns all there is to show.
	State(ctx context.Context) (program.State, error)
	// Watch has fn called when there is something new, for as long as the process lives. fn does not wait.
	Watch(ctx context.Context, fn func()) error
	Add(ctx context.Context, d program.Details) (program.ID, error)
	Edit(ctx context.Context, id program.ID, base int, d program.Details) error
	Withdraw(ctx context.Context, id program.ID) error
	Unlist(ctx context.Context, number int, reason string) error
	List(ctx context.Context, number int) error
	Describe(ctx context.Context, info program.Info) error
	// Ask returns what an event's own home says at this moment.
	Ask(ctx context.Context, number int) (program.Snapshot, error)
}

// Config configures a page. Programme is needed; the zero value of each other field means the default.
type Config struct {
	Programme Programme
	// Listen is the loopback address to listen at, host:port (default 127.0.0.1 at any port).
	Listen string
	// Logger hears of what goes wrong. Default: silent.
	Logger hclog.Logger
}

// A Server serves the page until it is closed.
type Server struct {
	programme Programme
	logger    hclog.Logger
	addr      string // as the Host header has it
	token     [tokenLength]byte
	hub       hub
	server    *http.Server
	served    chan error
}

var errLoopback = errors.New("page: the page is for this machine alone: listen at a loopback address, such as 127.0.0.1:0")

// Open serves the page. ctx bounds that, not the life of the server.
func Open(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Programme == nil {
		return nil, errors.New("page: Config.Programme is nil: there is nothing to show")
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	at, err := netip.ParseAddrPort(cfg.Listen)
	if err != nil || !at.Addr().IsLoopback() {
		return nil, errLoopback
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	s := &Server{programme: cfg.Programme, logger: cfg.Logger, addr: l.Addr().String(), served: make(chan error, 1)}
	_, _ = rand.Read(s.token[:]) // never fails
	if err := cfg.Programme.Watch(ctx, s.hub.ring); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("page: the programme cannot be watched: %w", err)
	}
	s.server = &http.Server{
		Handler:           s.guarded(s.routes()),
		ReadHeaderTimeout: patience, ReadTimeout: 2 * patience, WriteTimeout: 4 * patience, IdleTimeout: time.Minute,
		MaxHeaderBytes: 8 << 10,
		ErrorLog:       hclog.NewNullLogger().StandardLogger(nil), // it would say what requests there were
	}
	go func() { s.served <- s.server.Serve(bounded(l)) }()
	return s, nil
}

const (
	tokenLength = 32
	// patience is how long somebody at the other end of a connection may take for a part of a request.
	patience = 5 * time.Second
)

// URL returns the address of the page with the secret that opens it: whoever has it is, for this server, the person it is for.
func (s *Server) URL() string {
	return "http://" + s.addr + "/#" + base64.RawURLEncoding.EncodeToString(s.token[:])
}

// Addr returns where the server listens, host:port.
func (s *Server) Addr() string { return s.addr }

// String says where the page is, without the secret.
func (s *Server) String() string { return "page at " + s.addr }

// Format shows what String shows, whatever the verb.
func (s *Server) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// Close ends the server, and every connection to it.
func (s *Server) Close() error {
	s.hub.close()
	err := s.server.Close()
	if e := <-s.served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	s.served <- http.ErrServerClosed // for whoever closes it again
	return err
}
