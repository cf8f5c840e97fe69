package noisequic

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/internal/noiselink"
	"github.com/hawser-go/hawser/internal/sockets"
)

// carrier is what noiselink has to know of QUIC.
var carrier = noiselink.Carrier{Package: "noisequic", Label: "hawser/noise-quic/1", Hint: "addr", Bound: true}

// link is a QUIC connection with its one stream.
type link struct {
	*quic.Stream
	quic      *quic.Conn
	exported  [32]byte
	transport *quic.Transport // of one that was dialled, see NetworkUp
}

var _ noiselink.Link = (*link)(nil)

func (l *link) RemoteAddr() net.Addr { return l.quic.RemoteAddr() }
func (l *link) Exporter() []byte     { return l.exported[:] }

// Watch need not read: QUIC says when the other side goes.
func (l *link) Watch(gone func()) (stop func()) { return noiselink.OnDone(l.quic.Context(), gone) }

// Secure does nothing: QUIC's own encryption goes on.
func (l *link) Secure(*noisehs.Transport) {}

// TryWrite writes if there is room; if there is none, something is on its way.
func (l *link) TryWrite(b []byte) { _ = l.TryWriteAll(b) }

func (l *link) Finish() { l.Stream.Close() }

// Codes with which connections are closed. They tell a stranger nothing.
const (
	codeDone      quic.ApplicationErrorCode = 0
	codeRefused   quic.ApplicationErrorCode = 1
	codeViolation quic.ApplicationErrorCode = 2
)

func (l *link) End(how noiselink.How) {
	var code quic.ApplicationErrorCode
	switch how {
	case noiselink.Done:
		code = codeDone
	case noiselink.Refused:
		code = codeRefused
	case noiselink.Violation:
		code = codeViolation
	}
	l.quic.CloseWithError(code, "")
}

func (l *link) IsRefusal(err error) bool {
	var app *quic.ApplicationError
	return errors.As(err, &app) && app.Remote && app.ErrorCode == codeRefused
}

func (l *link) IsViolation(error) bool { return false } // quic-go sees to that, and ends the connection

func (l *link) Explain(err error) string { return explain(err) }

// explain says for people how a QUIC connection ended.
func explain(err error) string {
	var (
		app   *quic.ApplicationError
		reset *quic.StatelessResetError
		idle  *quic.IdleTimeoutError
	)
	switch {
	case errors.As(err, &app) && app.Remote && app.ErrorCode == codeDone:
		return "the peer closed it"
	case errors.As(err, &app) && app.Remote:
		return fmt.Sprintf("the peer broke it off with code %d", uint64(app.ErrorCode))
	case errors.As(err, &app):
		return "it was broken off here"
	case errors.As(err, &reset):
		return "the peer was restarted and knows nothing of it"
	case errors.As(err, &idle):
		return "nothing was heard of the peer for " + noiselink.IdleTimeout.String()
	}
	return sockets.OneLine(err.Error(), sockets.MaxLine)
}

// dialFailure says for people why there is no stream to the other side.
func dialFailure(err error) error {
	var (
		app       *quic.ApplicationError
		transport *quic.TransportError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &app) && app.Remote, errors.As(err, &transport) && transport.Remote && transport.ErrorCode == quic.ConnectionRefused:
		return noiselink.ErrTurnsAway
	}
	return noiselink.DialFailure(err, explain)
}
