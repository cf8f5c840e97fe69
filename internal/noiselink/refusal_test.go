package noiselink_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/internal/noiselink"
	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
)

// witness is the acceptor's end of a link that notes everything that is done with it, in order.
type witness struct {
	net.Conn
	exporter []byte
	seen     []string
}

func (w *witness) Write(b []byte) (int, error) {
	w.seen = append(w.seen, fmt.Sprintf("write %d", len(b)))
	return w.Conn.Write(b)
}

func (w *witness) End(how noiselink.How) {
	w.seen = append(w.seen, fmt.Sprintf("end %d", how))
	w.Conn.Close()
}

func (w *witness) RemoteAddr() net.Addr               { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)} }
func (w *witness) Exporter() []byte                   { return w.exporter }
func (w *witness) Watch(func()) func()                { return func() {} }
func (w *witness) Secure(*noisehs.Transport)          { w.seen = append(w.seen, "secure") }
func (w *witness) TryWrite([]byte)                    { w.seen = append(w.seen, "try") }
func (w *witness) Finish()                            { w.seen = append(w.seen, "finish") }
func (w *witness) IsRefusal(error) bool               { return false }
func (w *witness) IsViolation(error) bool             { return false }
func (w *witness) Explain(err error) string           { return err.Error() }
func (w *witness) SetDeadline(t time.Time) error      { return w.Conn.SetDeadline(t) }
func (w *witness) SetReadDeadline(t time.Time) error  { return w.Conn.SetReadDeadline(t) }
func (w *witness) SetWriteDeadline(t time.Time) error { return w.Conn.SetWriteDeadline(t) }

// T30: one that resumes is refused as one that begins: the same is done with the link, in the same order, in writes of the same
// sizes, whatever the reason is and whoever has found it.
func TestOneRefusal(t *testing.T) {
	for _, carrier := range []noiselink.Carrier{{Package: "test", Label: noisetest.QUIC, Bound: true}, {Package: "test", Label: noisetest.TCP}} {
		host := identity(t)
		pub := host.Public().Static
		n, err := noiselink.NewNode(noiselink.Config{Carrier: carrier, Identity: host, Features: []string{netlayer.FeatureResume}})
		if err != nil {
			t.Fatal(err)
		}
		psk := noisetest.NoSecret(carrier.Label, pub[:])
		exporter := make([]byte, 0)
		begin := func(last func(*noisetest.Noise) []byte) func(net.Conn) {
			return func(c net.Conn) {
				x := noisetest.New(noisetest.FreshKey(), noisetest.FreshKey(), pub[:], noisetest.Prologue(carrier.Label, 0, exporter))
				c.Write(noisetest.Join([]byte{0}, noisetest.WithLength(x.Write1(noisetest.Hello([16]byte{})))))
				m2, err := noisetest.Message(c)
				if err == nil {
					_, err = x.Read2(m2)
				}
				if err != nil {
					t.Error(err)
				}
				c.Write(noisetest.WithLength(last(x)))
			}
		}
		resume := func(last func(*noisetest.Cipher) []byte) func(net.Conn) {
			return func(c net.Conn) {
				x := noisetest.NewIK(noisetest.FreshKey(), noisetest.FreshKey(), pub[:], noisetest.Prologue(carrier.Label, 1, exporter))
				c.Write(noisetest.Join([]byte{1}, noisetest.WithLength(x.Write1([]byte{1}))))
				m2, err := noisetest.Message(c)
				if err == nil {
					_, err = x.Read2(m2)
				}
				if err != nil {
					t.Error(err)
				}
				out, _ := x.Ciphers()
				c.Write(noisetest.WithLength(last(out)))
			}
		}
		var want []string
		for i, dial := range []func(net.Conn){
			begin(func(*noisetest.Noise) []byte { return make([]byte, 100) }),
			begin(func(x *noisetest.Noise) []byte { return x.Write3(psk, nil) }),
			begin(func(x *noisetest.Noise) []byte { return x.Write3(psk, noisetest.Anonymous()) }), // the application refuses
			resume(func(*noisetest.Cipher) []byte { return make([]byte, 100) }),
			resume(func(c *noisetest.Cipher) []byte { return c.Seal(nil) }),
			resume(func(c *noisetest.Cipher) []byte { return c.Seal(noisetest.Confirm(nil)) }), // the same
		} {
			near, far := net.Pipe()
			w := &witness{Conn: far, exporter: exporter}
			served := make(chan struct{})
			go func() {
				defer close(served)
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				n.Serve(ctx, w)
			}()
			decided := make(chan struct{})
			ctx, cancel := context.WithCancel(context.Background())
			go func() {
				defer close(decided)
				if in, err := n.Accept(ctx); err == nil {
					in.Refuse(netlayer.ErrRefused)
				}
			}()
			dial(near)
			io.Copy(io.Discard, near)
			<-served
			cancel()
			<-decided
			near.Close()
			if want == nil {
				want = w.seen
			}
			if !slices.Equal(w.seen, want) {
				t.Errorf("%s: dialler %d is refused by %q, the first by %q", carrier.Label, i, w.seen, want)
			}
		}
		if err := n.Close(nil, nil); err != nil {
			t.Error(err)
		}
	}
}
