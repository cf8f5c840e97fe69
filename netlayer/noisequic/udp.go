package noisequic

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser/internal/sockets"
)

// listenUDP opens the socket of a netlayer.
func listenUDP(address string) (net.PacketConn, error) {
	if address == "" {
		address = ":0"
	}
	a, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, fmt.Errorf("noisequic: cannot listen at %q, expected host:port, :port or nothing: %w", address, err)
	}
	c, err := net.ListenUDP("udp", a)
	if err != nil {
		return nil, fmt.Errorf("noisequic: %w", sockets.CannotListen("UDP", a.String(), err))
	}
	return &tolerantUDP{udpSocket: c}, nil
}

// Error numbers of sockets on Windows; nothing has them elsewhere.
const (
	wsaEADDRNOTAVAIL = syscall.Errno(10049)
	wsaENETDOWN      = syscall.Errno(10050)
	wsaENETUNREACH   = syscall.Errno(10051)
	wsaENOBUFS       = syscall.Errno(10055)
	wsaEHOSTUNREACH  = syscall.Errno(10065)
)

// tolerantUDP is a UDP socket whose passing inability to send looks like a lost packet. QUIC recovers from lost packets,
// but quic-go ends a connection at the first error of its socket (quic-go issue 2809). It has the methods by which
// quic-go recognises a real UDP socket, so offloading (GSO, ECN, recvmmsg) stays on.
type tolerantUDP struct {
	udpSocket
	asked atomic.Int32
}

// udpSocket is what *net.UDPConn is to quic-go.
type udpSocket interface {
	net.Conn
	quic.OOBCapablePacketConn
	SetWriteBuffer(int) error
}

// SyscallConn gives access to the socket, but not to the first two who ask: these are quic-go's check of the buffer
// sizes, which prints to the standard logger on most machines. It then sets the sizes without looking at the result.
func (c *tolerantUDP) SyscallConn() (syscall.RawConn, error) {
	if c.asked.Add(1) <= 2 {
		return nil, errors.New("noisequic: the buffer sizes are not for looking at")
	}
	return c.udpSocket.SyscallConn()
}

func (c *tolerantUDP) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	n, oobn, err = c.udpSocket.WriteMsgUDP(b, oob, addr)
	if passing(err) {
		return len(b), len(oob), nil
	}
	return n, oobn, err
}

func (c *tolerantUDP) WriteTo(b []byte, addr net.Addr) (int, error) {
	n, err := c.udpSocket.WriteTo(b, addr)
	if passing(err) {
		return len(b), nil
	}
	return n, err
}

// passing reports whether a send error may go away by itself: no route, an interface that is down, a firewall rule, a
// full queue. EINVAL and EMSGSIZE are not among them: quic-go learns from these.
func passing(err error) bool {
	if err == nil {
		return false
	}
	for _, errno := range []syscall.Errno{
		syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN, syscall.ENOBUFS,
		syscall.EADDRNOTAVAIL, syscall.EPERM, syscall.EACCES, syscall.ECONNREFUSED,
		// The same on Windows, whose numbers the constants above do not have.
		wsaENETUNREACH, wsaEHOSTUNREACH, wsaENETDOWN, wsaENOBUFS, wsaEADDRNOTAVAIL,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
