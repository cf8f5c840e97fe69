package noisequic

import (
	"io"
	"net"
)

// SetPackets makes netlayers opened with c use sockets of the test.
func SetPackets(c *Config, open func(address string) (net.PacketConn, error)) { c.packets = open }

// SetRandom makes the ephemeral keys of netlayers opened with c those of a test vector.
func SetRandom(c *Config, r io.Reader) { c.random = r }
