// Package wire connects two ends in one process over loopback: TCP, or one stream of a QUIC connection, with or without
// a delay each way. It is what the network costs, before anything is said over it.
package wire

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"time"

	"github.com/quic-go/quic-go"
)

// An Opener connects two ends. Closing either end closes the connection; close releases the rest.
type Opener func(delay time.Duration) (client, server io.ReadWriteCloser, close func() error, err error)

// TCP connects over loopback.
func TCP(delay time.Duration) (client, server io.ReadWriteCloser, closeAll func() error, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, nil, err
	}
	defer listener.Close()
	dialled, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return nil, nil, nil, err
	}
	accepted, err := listener.Accept()
	if err != nil {
		dialled.Close()
		return nil, nil, nil, err
	}
	client, server = dialled, accepted
	if delay > 0 {
		client, server = delayedStream(dialled, delay), delayedStream(accepted, delay)
	}
	return client, server, func() error {
		client.Close() // either end may have been closed before
		server.Close()
		return nil
	}, nil
}

// QUIC connects over loopback and opens one bidirectional stream.
func QUIC(delay time.Duration) (client, server io.ReadWriteCloser, closeAll func() error, err error) {
	p, err := NewQUICPair(delay)
	if err != nil {
		return nil, nil, nil, err
	}
	if client, server, err = p.Open(); err != nil {
		return nil, nil, nil, errors.Join(err, p.Close())
	}
	return client, server, p.Close, nil
}

// A QUICPair is two UDP sockets between which connections are opened.
type QUICPair struct {
	dialler, acceptor *quic.Transport
	listener          *quic.Listener
	sockets           [2]net.PacketConn
}

// NewQUICPair opens the sockets.
func NewQUICPair(delay time.Duration) (*QUICPair, error) {
	p := new(QUICPair)
	for i := range p.sockets {
		socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		p.sockets[i] = socket
		if delay > 0 {
			p.sockets[i] = delayedPackets(socket, delay)
		}
	}
	p.dialler, p.acceptor = &quic.Transport{Conn: p.sockets[0]}, &quic.Transport{Conn: p.sockets[1]}
	certificate, err := selfSigned()
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	server := &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"bench"}, SessionTicketsDisabled: true}
	if p.listener, err = p.acceptor.Listen(server, config()); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Open makes a connection with one stream.
func (p *QUICPair) Open() (client, server io.ReadWriteCloser, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// The certificate is thrown away; a netlayer authenticates by other means, a floor not at all.
	tlsClient := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"bench"}, ServerName: "bench.invalid"}
	dialled, err := p.dialler.Dial(ctx, p.sockets[1].LocalAddr(), tlsClient, config())
	if err != nil {
		return nil, nil, err
	}
	accepted, err := p.listener.Accept(ctx)
	if err != nil {
		return nil, nil, err
	}
	out, err := dialled.OpenStreamSync(ctx)
	if err != nil {
		return nil, nil, err
	}
	if _, err := out.Write([]byte{0}); err != nil { // the acceptor learns of a stream by its first byte
		return nil, nil, err
	}
	in, err := accepted.AcceptStream(ctx)
	if err != nil {
		return nil, nil, err
	}
	if _, err := io.ReadFull(in, make([]byte, 1)); err != nil {
		return nil, nil, err
	}
	return &quicEnd{out, dialled}, &quicEnd{in, accepted}, nil
}

// Close closes the sockets and what goes over them.
func (p *QUICPair) Close() error {
	var errs []error
	if p.listener != nil {
		errs = append(errs, p.listener.Close())
	}
	for _, t := range []*quic.Transport{p.dialler, p.acceptor} {
		if t != nil {
			errs = append(errs, t.Close())
		}
	}
	for _, s := range p.sockets {
		if s != nil {
			s.Close()
		}
	}
	return errors.Join(errs...)
}

type quicEnd struct {
	*quic.Stream
	conn *quic.Conn
}

func (e *quicEnd) Close() error { return e.conn.CloseWithError(0, "") }

func config() *quic.Config { return &quic.Config{MaxIdleTimeout: 5 * time.Minute} }

func selfSigned() (tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, err
}
