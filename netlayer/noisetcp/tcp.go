package noisetcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/hawser-go/hawser/internal/sockets"
)

// listenTCP opens the socket of a netlayer. The system need not keep connections alive: those who need them do.
func listenTCP(address string) (net.Listener, error) {
	if address == "" {
		address = ":0"
	}
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("noisetcp: cannot listen at %q, expected host:port, :port or nothing: %w", address, err)
	}
	l, err := (&net.ListenConfig{KeepAlive: -1}).Listen(context.Background(), "tcp", a.String())
	if err != nil {
		return nil, fmt.Errorf("noisetcp: %w", sockets.CannotListen("TCP", a.String(), err))
	}
	return l, nil
}

func dialTCP(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{KeepAlive: -1}).DialContext(ctx, "tcp", address)
}

// Error numbers of sockets on Windows; nothing has them elsewhere.
const (
	wsaECONNABORTED = syscall.Errno(10053)
	wsaECONNRESET   = syscall.Errno(10054)
	wsaECONNREFUSED = syscall.Errno(10061)
)

// broken reports whether the other side, or somebody in its name, has thrown the connection away.
func broken(err error) bool {
	return is(err, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, wsaECONNRESET, wsaECONNABORTED)
}

func nobodyListens(err error) bool { return is(err, syscall.ECONNREFUSED, wsaECONNREFUSED) }

func is(err error, numbers ...syscall.Errno) bool {
	for _, n := range numbers {
		if errors.Is(err, n) {
			return true
		}
	}
	return false
}
