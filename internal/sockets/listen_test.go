package sockets_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/internal/sockets"
)

func TestCannotListen(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	_, taken := net.Listen("tcp", address)
	other := errors.New("something else")
	for err, want := range map[error]string{taken: "TCP port " + port + " is already in use", other: "cannot listen at " + address + ": something else"} {
		if got := sockets.CannotListen("TCP", address, err); !strings.HasPrefix(got.Error(), want) || !errors.Is(got, err) {
			t.Errorf("%v is explained as %q, expected %q", err, got, want)
		}
	}
}
