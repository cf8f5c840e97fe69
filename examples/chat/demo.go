package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hawser-go/hawser/examples/play"
)

const demoHelp = `chat demo runs a host and two guests as processes of their own, which talk over the loopback interface, and prints what
each of them sees. It ends with exit code 0 if everything went as it should.

Over WebSockets the same things happen, but who joins shows the secret in the URI instead of proving to know it, and what
is said can be read on the way: what only Noise-QUIC shows is left out.
`

// demoTime bounds the whole demo; it takes a second or two.
const demoTime = 25 * time.Second

var errDemoTime = fmt.Errorf("the demo took longer than %v", demoTime)

func demoCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	var net network
	net.command = flags.Name()
	flags.StringVar(&net.netlayer, "netlayer", noiseQUIC, netlayerUse)
	if _, err := parse(flags, args, demoHelp, 0); err != nil {
		return err
	}
	if err := net.validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, demoTime, errDemoTime)
	defer cancel()
	d := &demo{Play: play.Play{Ctx: ctx, Width: 8}, netlayer: net.netlayer}
	if err := d.Run(d.play); err != nil {
		return err
	}
	fmt.Printf("\nAll as it should be: %d lines were expected and seen.\n", d.Seen)
	return nil
}

// demo is the play.
type demo struct {
	play.Play
	netlayer string
}

// enters waits until p is in the room and has heard of the others. On a busy machine they take longer to say their names
// than one waits before one is in; then each is shown afterwards.
func (d *demo) enters(p *play.Process, others ...string) {
	line := d.Sees(p, `* you are in "lobby" with `)
	for _, who := range others {
		if !strings.Contains(line, " "+who) {
			d.Sees(p, "* "+who+" is here")
		}
	}
}

func (d *demo) ends(p *play.Process, code int) {
	if d.Err != nil {
		return
	}
	if d.Err = p.Ends(d.Ctx, code); d.Err == nil {
		d.Line(p, fmt.Sprintf("ends   with exit code %d", code))
	}
}

func (d *demo) play() error {
	if d.Dir, d.Err = os.MkdirTemp("", "hawser-chat-demo-"); d.Err != nil {
		return d.Err
	}
	place := []string{"--netlayer", d.netlayer, "--listen", loopback}
	host := append([]string{"host", "--nick", "ada", "--dir", filepath.Join(d.Dir, "ada")}, place...)
	guest := func(nick string) []string { return append([]string{"join", "--nick", nick}, place...) }
	locator := []string{"ocapn://", ".hawser/s/"}
	if d.netlayer == webSocket {
		locator[1] = ".websocket/s/"
	}

	d.Scene("Ada opens a room. She is its host: there is no server.")
	ada := d.Start("ada", host...)
	d.Sees(ada, `* the room "lobby" is open`)
	uri := d.Sees(ada, locator...)
	d.Sees(ada, `* you are in "lobby"`)

	knows := "and proves that it knows it."
	if d.netlayer == webSocket {
		knows = "and shows its secret to her process, which has proven to be hers. (A proof that gives nothing away is left out: it needs Noise.)"
	}
	d.Scene("Bob gets the URI from her by some way of their own, and joins. His process finds hers by it, " + knows)
	bob := d.Start("bob", guest("bob")...)
	d.Gets(bob, uri)
	d.enters(bob, "ada")
	d.Sees(ada, "* bob joined")

	d.Scene("They talk. What each sees of the other was unsealed by its author.")
	d.Says(ada, "hello, bob")
	d.Sees(bob, "<ada> hello, bob")
	d.Says(bob, "hello yourself")
	d.Sees(ada, "<bob> hello yourself")
	d.Says(bob, "/who")
	d.Sees(bob, "* here: bob (you), ada")

	d.Scene("Carol comes late and asks the room what was said.")
	carol := d.Start("carol", guest("carol")...)
	d.Gets(carol, uri)
	d.enters(carol, "ada", "bob")
	d.Sees(ada, "* carol joined")
	d.Sees(bob, "* carol joined")
	d.Says(carol, "/history")
	d.Sees(carol, "* the room says that at ", " ada said: hello, bob")
	d.Sees(carol, "* the room says that at ", " bob said: hello yourself")

	d.Scene("Mallory has the address and the key in Ada's URI, but had to guess its secret.")
	mallory := d.Start("mallory", guest("mallory")...)
	d.Gets(mallory, tampered(uri))
	d.Sees(mallory, "chat: the host refuses this URI")
	d.ends(mallory, 1)

	d.Scene("Ada stops her process. The others notice.")
	d.Says(ada, "/quit")
	d.ends(ada, 0)
	d.Sees(bob, "* the host is gone")
	d.Sees(carol, "* the host is gone")

	d.Scene("She starts it again with the same --dir: the same URI, and the guests come back by themselves.")
	ada = d.Start("ada", host...)
	if again := d.Sees(ada, locator...); d.Err == nil && again != uri {
		return errors.New("the URI is another one after the restart")
	}
	d.Sees(bob, "* the host is back")
	d.Sees(carol, "* the host is back")
	d.Sees(ada, "* bob joined")
	d.Sees(ada, "* carol joined")
	d.Says(carol, "where were we?")
	d.Sees(bob, "<carol> where were we?")
	d.Sees(ada, "<carol> where were we?")

	if d.netlayer == noiseQUIC {
		ada = d.sleep(ada, bob, carol, uri, host, append(guest("dave"), "--dir", filepath.Join(d.Dir, "dave")))
	}

	d.Scene("They leave.")
	d.Says(carol, "/quit")
	d.ends(carol, 0)
	d.Sees(ada, "* carol left")
	d.Sees(bob, "* carol left")
	d.Says(bob, "/quit")
	d.ends(bob, 0)
	d.Sees(ada, "* bob left")
	d.Says(ada, "/quit")
	d.ends(ada, 0)
	return d.Err
}

// sleep is a scene about somebody who has a seat. It returns the host, who is another process after it.
func (d *demo) sleep(ada, bob, carol *play.Process, uri string, host, guest []string) *play.Process {
	d.Scene("Dave has a --dir, too: he gets a seat, which stays his when he goes, and when Ada's process does.")
	dave := d.Start("dave", guest...)
	d.Gets(dave, uri)
	d.Sees(dave, `* you are in "lobby" with ada`)
	d.Sees(bob, "* dave joined")
	d.Says(dave, "/quit")
	d.ends(dave, 0)
	d.Says(bob, "is dave asleep?")
	d.Sees(ada, "<bob> is dave asleep?")
	d.Says(ada, "/quit")
	d.ends(ada, 0)
	d.Sees(carol, "* the host is gone")
	ada = d.Start("ada", host...)
	d.Sees(bob, "* the host is back")
	d.Sees(carol, "* the host is back")
	d.Sees(ada, "* bob joined")
	d.Sees(ada, "* carol joined")

	d.Scene("Dave is back, with an empty line in place of the URI.")
	dave = d.Start("dave", guest...)
	d.Gets(dave, "")
	d.Sees(dave, "* while you were away:")
	d.Sees(dave, "<bob> is dave asleep?")
	d.Sees(dave, `* you are back in "lobby" with ada`)
	d.Says(dave, "I was")
	d.Sees(bob, "<dave> I was")
	d.Says(dave, "/leave")
	d.ends(dave, 0)
	d.Sees(ada, "* dave left")
	return ada
}

// tampered returns the URI with another secret in it.
func tampered(uri string) string {
	before, after, _ := strings.Cut(uri, "/s/")
	if after == "" {
		return uri
	}
	flipped := "A"
	if after[0] == 'A' {
		flipped = "B"
	}
	return before + "/s/" + flipped + after[1:]
}
