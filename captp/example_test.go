package captp_test

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/vat"
)

// greeter is what the bootstrap object of each side in the examples does.
type greeter interface {
	Greet(ctx context.Context, name string) string
	Self(ctx context.Context) vat.Ref
}

var greeterFacet = vat.FacetOf[greeter]("example.Greeter")

type english struct{}

func (english) Greet(_ context.Context, name string) string { return "Hello, " + name + "!" }
func (english) Self(ctx context.Context) vat.Ref            { return vat.Self(ctx) }

// offer makes a session that offers a greeter.
func offer(v *vat.Vat, host *mem.Host) (*captp.Session, error) {
	ref, err := vat.Do(context.Background(), v, func(ctx context.Context) (vat.Ref, error) {
		return greeterFacet.Spawn(ctx, english{}), nil
	})
	if err != nil {
		return nil, err
	}
	return captp.New(captp.Config{Bootstrap: ref, Location: host.Location()})
}

// Two vats talk over a simulated network. What is sent before there is a connection travels with the handshake.
func Example() {
	ctx := context.Background()
	network := mem.New(nil)
	defer network.Close()
	features := []string{captp.FeatureMovesQueues}
	here := network.Host(mem.HostConfig{Name: "here", Features: features})
	there := network.Host(mem.HostConfig{Name: "there", Features: features})
	v := vat.New(nil)
	defer v.Close()

	dialler, err := offer(v, here)
	if err != nil {
		fmt.Println(err)
		return
	}
	acceptor, err := offer(v, there)
	if err != nil {
		fmt.Println(err)
		return
	}
	// A chain of calls, one round trip.
	answer := dialler.Bootstrap().Send(ctx, "self").Send(ctx, "self").Send(ctx, "greet", "Ada")

	go func() {
		in, err := there.Accept(ctx)
		if err != nil {
			return
		}
		if conn, err := in.Accept(acceptor.Hello(in.Info)); err == nil {
			_ = acceptor.Start(conn)
		}
	}()
	conn, err := here.Connect(ctx, netlayer.Dial{Peer: there.Location(), Early: dialler.Early})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := dialler.Start(conn); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(vat.Result[string](answer).Await(ctx))

	dialler.Close("that was all")
	<-acceptor.Done()
	fmt.Println(acceptor.Err())
	_, err = dialler.Bootstrap().Send(ctx, "greet", "Ada").Await(ctx)
	fmt.Println(errors.Is(err, net.ErrClosed))
	// Output:
	// Hello, Ada! <nil>
	// captp: session with here.mem: aborted by the peer: "that was all"
	// true
}

// A session that never gets a connection breaks what waited for it, with the reason.
func ExampleSession_Fail() {
	ctx := context.Background()
	network := mem.New(nil)
	defer network.Close()
	v := vat.New(nil)
	defer v.Close()
	s, err := offer(v, network.Host(mem.HostConfig{Name: "here"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	answer := s.Bootstrap().Send(ctx, "greet", "Ada")
	s.Fail("there.mem", netlayer.ErrUnreachable)
	_, err = vat.Result[string](answer).Await(ctx)
	fmt.Println(errors.Is(err, netlayer.ErrUnreachable), errors.Is(err, net.ErrClosed))
	fmt.Println(s.Tables())
	// Output:
	// true true
	// nothing
}
