package sockets

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// wsaEADDRINUSE is EADDRINUSE on Windows; nothing has the number elsewhere.
const wsaEADDRINUSE = syscall.Errno(10048)

// CannotListen says for people why an address, "host:port", cannot be listened at by a protocol, "TCP" or "UDP". It wraps
// err.
func CannotListen(protocol, address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaEADDRINUSE) {
		_, port, _ := net.SplitHostPort(address)
		return fmt.Errorf("%s port %s is already in use on this machine, perhaps by a copy of this program: stop that one or listen at another port: %w", protocol, port, err)
	}
	return fmt.Errorf("cannot listen at %s: %w", address, err)
}
