package hawser_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

var scenes = flag.Int64("scenes", 1, "how often TestScene plays its scene")

// childKeepsMail is a mailbox server that does what it is told, a line each: "box NAME", "letters NAME". It answers with a line.
func childKeepsMail(dir string) int {
	ctx := context.Background()
	n, err := hawser.Open(ctx, &hawser.Config{Dir: dir, Listen: "127.0.0.1:0", Kinds: mailroom.Kinds()})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	host, err := servesMail(ctx, n)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(n.Location().URI())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		verb, name, _ := strings.Cut(in.Text(), " ")
		answer, err := "", error(nil)
		switch verb {
		case "box":
			answer, err = host.Office(ctx).NewBox(ctx, name, mailroom.Terms{}).Await(ctx)
		case "public":
			var owner sturdyref.Ref
			if owner, err = sturdyref.Parse(name); err == nil {
				answer, err = vat.As[mailroom.BoxRef](n.Enliven(owner)).NewDrop(ctx, "public", mailroom.Public).Await(ctx)
			}
		default:
			var boxes map[string]mailroom.Usage
			boxes, err = host.Office(ctx).Boxes(ctx).Await(ctx)
			answer = fmt.Sprint(boxes[name].Letters)
		}
		if err != nil {
			answer = err.Error()
		}
		fmt.Println(answer)
	}
	return 0
}

// servesMail makes a node the mailbox server that it was before, if it was.
func servesMail(ctx context.Context, n *hawser.Node) (host mailroom.HostRef, err error) {
	v, err := n.DurableVat("mailboxes")
	if err != nil {
		return host, err
	}
	if host, err = mailroom.Open(ctx, v); err != nil {
		return host, err
	}
	all, err := host.Publications(ctx).Await(ctx)
	if err != nil {
		return host, err
	}
	p := mailPublisher{n}
	for _, each := range all {
		if _, err := p.Publish(ctx, each.Name, each.Ref); err != nil {
			return host, err
		}
	}
	_, err = host.Attach(ctx, vat.As[mailroom.PublisherRef](mailroom.PublisherFacet.SpawnIn(n.Vat("publisher"), p))).Await(ctx)
	return host, err
}

// mailPublisher publishes what a mailbox server gives out.
type mailPublisher struct{ n *hawser.Node }

func (p mailPublisher) Publish(ctx context.Context, name string, ref vat.Ref) (string, error) {
	uri, err := p.n.Publish(ctx, name, ref)
	return uri.URI(), err
}

func (p mailPublisher) Revoke(ctx context.Context, name string) error { return p.n.Revoke(ctx, name) }

// scene is Alice, Bob and the server of their boxes.
type scene struct {
	t                  *testing.T
	server, alice, bob *trader
	kills              bool // the server is killed in between, each time
}

func newScene(t *testing.T, kills bool) *scene {
	t.Helper()
	s := &scene{
		t: t, server: &trader{t: t, dir: t.TempDir(), mode: "mail"}, alice: &trader{t: t, dir: t.TempDir()}, bob: &trader{t: t, dir: t.TempDir()}, kills: kills,
	}
	for _, c := range []*trader{s.server, s.alice, s.bob} {
		t.Cleanup(c.kill)
	}
	s.server.start()
	s.alice.box, s.bob.box = s.server.tell("box alice"), s.server.tell("box bob")
	return s
}

// letters waits until a box has as many.
func (s *scene) letters(of, want string) {
	s.t.Helper()
	until(s.t, func() bool { return s.server.tell("letters "+of) == want })
	if s.kills {
		s.server.kill()
		s.server.start()
	}
}

// round has Alice call Bob, who is off, and be killed; Bob start, execute, answer, be killed; Alice start, and what waited for the answer
// run, once. At no time are both on.
func (s *scene) round(n int64) {
	t, server, alice, bob := s.t, s.server, s.alice, s.bob
	t.Helper()
	if got := alice.tell("inquire"); got != "done" {
		t.Fatal(got)
	}
	until(t, func() bool { return server.tell("letters bob") != "0" })
	s.letters("alice", "0")
	alice.kill()
	bob.start()
	until(t, func() bool { return bob.report().Seen[alice.dir+" inquires"] == n })
	until(t, func() bool { return server.tell("letters alice") != "0" })
	s.letters("bob", "0")
	bob.kill()
	alice.start()
	until(t, func() bool { return alice.report().Told == n })
	if r := alice.report(); r.Asked != n || len(r.Wrong) > 0 {
		t.Errorf("round %d: asked %d, told %d, %q", n, r.Asked, r.Told, r.Wrong)
	}
}

// seen checks how often Bob was asked.
func (s *scene) seen(want int64) {
	s.t.Helper()
	if r := s.bob.report(); r.Seen[s.alice.dir+" inquires"] != want || len(r.Wrong) > 0 {
		s.t.Errorf("bob has seen %v, %q", r.Seen, r.Wrong)
	}
}

// Two who have met are never both on when it matters.
func TestScene(t *testing.T) {
	for name, kills := range map[string]bool{"never both on": false, "never both on, and the server is killed": true} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, kills)
			s.alice.start()
			s.bob.start()
			if got := s.alice.tell("meet " + s.bob.home); got != "met" {
				t.Fatal(got)
			}
			until(t, func() bool { return s.alice.tell("correspondents") == "1" && s.bob.tell("correspondents") == "1" })
			s.letters("alice", "0")
			for n := int64(1); n <= *scenes; n++ {
				s.bob.kill()
				s.round(n)
				s.bob.start() // and the two meet, for as long as that takes
				until(t, func() bool { return s.bob.tell("correspondents") == "1" })
			}
			s.seen(*scenes)
		})
	}
}

// Alice has a sturdyref of Bob's and has never met him: at no time, from the beginning, are both on.
func TestFirstContact(t *testing.T) {
	s := newScene(t, true)
	s.bob.drop = s.server.tell("public " + s.bob.box)
	s.bob.start()
	s.bob.kill()
	s.alice.start()
	if got := s.alice.tell("begin " + s.bob.home); got != "done" {
		t.Fatal(got)
	}
	for n := int64(1); n <= *scenes; n++ {
		s.round(n)
	}
	s.bob.start() // and now the two meet
	until(t, func() bool { return s.bob.tell("correspondents") == "1" && s.alice.tell("correspondents") == "1" })
	if got := s.alice.tell("inquire"); got != "done" {
		t.Fatal(got)
	}
	until(t, func() bool { return s.alice.report().Told == *scenes+1 })
	s.seen(*scenes + 1)
}

// report returns the state of a child's account.
func (c *trader) report() (r account) {
	c.t.Helper()
	line := c.tell("report")
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		c.t.Fatalf("%s: %v", line, err)
	}
	return r
}

var contacts = flag.Int("contacts", 1, "how many strangers TestStrangersKilled has")

// Strangers write to Bob, one after the other, while each of the three processes is killed at random instants, several times: each
// question is asked once, and answered once.
func TestStrangersKilled(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	server := &trader{t: t, dir: t.TempDir(), mode: "mail"}
	bob := &trader{t: t, dir: t.TempDir()}
	for _, c := range []*trader{server, bob} {
		t.Cleanup(c.kill)
	}
	server.start()
	bob.box = server.tell("box bob")
	bob.drop = server.tell("public " + bob.box)
	bob.start()
	for i := range *contacts {
		alice := &trader{t: t, dir: t.TempDir(), box: server.tell(fmt.Sprint("box alice", i))}
		t.Cleanup(alice.kill)
		bob.kill()
		alice.start()
		alice.send("begin " + bob.home)
		for range 3 {
			time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
			victim := []*trader{server, bob, alice}[rng.IntN(3)]
			victim.kill()
			if victim != alice {
				time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
			}
			victim.start()
			if victim == alice {
				alice.send("begin " + bob.home)
			}
		}
		alice.kill()
		alice.start()
		if got := alice.tell("begin " + bob.home); got != "done" {
			t.Fatal(got)
		}
		if got := alice.tell("inquire"); got != "done" {
			t.Fatal(got)
		}
		for range 6 {
			time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
			victim := []*trader{server, bob, alice}[rng.IntN(3)]
			victim.kill()
			time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
			victim.start()
		}
		if bob.cmd == nil {
			bob.start()
		}
		for range 1200 { // two minutes: who was refused often tries less often
			if alice.report().Told == 1 {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if a, b := alice.report(), bob.report(); a.Asked != 1 || b.Seen[alice.dir+" inquires"] != 1 || len(a.Wrong)+len(b.Wrong) > 0 {
			t.Errorf("stranger %d: asked %d, told %d, seen %d, %q %q", i, a.Asked, a.Told, b.Seen[alice.dir+" inquires"], a.Wrong, b.Wrong)
		}
		alice.kill()
	}
}
