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
	d := &demo{ctx: ctx, netlayer: net.netlayer}
	err := d.play()
	if e := d.clear(); err == nil {
		err = e
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		for _, p := range d.cast {
			fmt.Fprintf(os.Stderr, "everything %s wrote:\n  %s\n", p.who, strings.Join(p.all, "\n  "))
		}
	}
	if err != nil {
		return fmt.Errorf("the demo failed: %w", err)
	}
	fmt.Printf("\nAll as it should be: %d lines were expected and seen.\n", d.seen)
	return nil
}

// demo is a play whose actors are processes. The first thing that goes wrong ends it: after that its methods do nothing.
type demo struct {
	ctx      context.Context
	netlayer string
	dir      string
	cast     []*process
	step     int
	seen     int
	err      error
}

// clear ends every process and removes what was written.
func (d *demo) clear() error {
	for _, p := range d.cast {
		p.stop()
	}
	if d.dir == "" {
		return nil
	}
	return os.RemoveAll(d.dir)
}

// scene says what comes next.
func (d *demo) scene(text string) {
	if d.err == nil {
		d.step++
		fmt.Printf("\n%d. %s\n", d.step, text)
	}
}

func (d *demo) start(who string, args ...string) *process {
	if d.err != nil {
		return nil
	}
	cmd, err := again(d.ctx, args...)
	if err != nil {
		d.err = err
		return nil
	}
	p, err := start(who, cmd)
	if err != nil {
		d.err = err
		return nil
	}
	d.cast = append(d.cast, p)
	return p
}

func (d *demo) says(p *process, line string) {
	if d.err != nil {
		return
	}
	fmt.Printf("   %-8s types  %s\n", p.who, line)
	d.err = p.say(line)
}

// gets is says for what is not to be shown.
func (d *demo) gets(p *process, line string) {
	if d.err == nil {
		d.err = p.say(line)
	}
}

func (d *demo) sees(p *process, parts ...string) string {
	if d.err != nil {
		return ""
	}
	line, err := p.sees(d.ctx, parts...)
	if err != nil {
		d.err = err
		return ""
	}
	d.seen++
	fmt.Printf("   %-8s sees   %s\n", p.who, line)
	return line
}

// enters waits until p is in the room and has heard of the others. On a busy machine they take longer to say their names
// than one waits before one is in; then each is shown afterwards.
func (d *demo) enters(p *process, others ...string) {
	line := d.sees(p, `* you are in "lobby" with `)
	for _, who := range others {
		if !strings.Contains(line, " "+who) {
			d.sees(p, "* "+who+" is here")
		}
	}
}

func (d *demo) ends(p *process, code int) {
	if d.err != nil {
		return
	}
	if d.err = p.ends(d.ctx, code); d.err == nil {
		fmt.Printf("   %-8s ends   with exit code %d\n", p.who, code)
	}
}

func (d *demo) play() error {
	if d.dir, d.err = os.MkdirTemp("", "hawser-chat-demo-"); d.err != nil {
		return d.err
	}
	place := []string{"--netlayer", d.netlayer, "--listen", loopback}
	host := append([]string{"host", "--nick", "ada", "--dir", filepath.Join(d.dir, "ada")}, place...)
	guest := func(nick string) []string { return append([]string{"join", "--nick", nick}, place...) }
	locator := []string{"ocapn://", ".hawser/s/"}
	if d.netlayer == webSocket {
		locator[1] = ".websocket/s/"
	}

	d.scene("Ada opens a room. She is its host: there is no server.")
	ada := d.start("ada", host...)
	d.sees(ada, `* the room "lobby" is open`)
	uri := d.sees(ada, locator...)
	d.sees(ada, `* you are in "lobby"`)

	knows := "and proves that it knows it."
	if d.netlayer == webSocket {
		knows = "and shows its secret to her process, which has proven to be hers. (A proof that gives nothing away is left out: it needs Noise.)"
	}
	d.scene("Bob gets the URI from her by some way of their own, and joins. His process finds hers by it, " + knows)
	bob := d.start("bob", guest("bob")...)
	d.gets(bob, uri)
	d.enters(bob, "ada")
	d.sees(ada, "* bob joined")

	d.scene("They talk. What each sees of the other was unsealed by its author.")
	d.says(ada, "hello, bob")
	d.sees(bob, "<ada> hello, bob")
	d.says(bob, "hello yourself")
	d.sees(ada, "<bob> hello yourself")
	d.says(bob, "/who")
	d.sees(bob, "* here: bob (you), ada")

	d.scene("Carol comes late and asks the room what was said.")
	carol := d.start("carol", guest("carol")...)
	d.gets(carol, uri)
	d.enters(carol, "ada", "bob")
	d.sees(ada, "* carol joined")
	d.sees(bob, "* carol joined")
	d.says(carol, "/history")
	d.sees(carol, "* the room says that at ", " ada said: hello, bob")
	d.sees(carol, "* the room says that at ", " bob said: hello yourself")

	d.scene("Mallory has the address and the key in Ada's URI, but had to guess its secret.")
	mallory := d.start("mallory", guest("mallory")...)
	d.gets(mallory, tampered(uri))
	d.sees(mallory, "chat: the host refuses this URI")
	d.ends(mallory, 1)

	d.scene("Ada stops her process. The others notice.")
	d.says(ada, "/quit")
	d.ends(ada, 0)
	d.sees(bob, "* the host is gone")
	d.sees(carol, "* the host is gone")

	d.scene("She starts it again with the same --dir: the same URI, and the guests come back by themselves.")
	ada = d.start("ada", host...)
	if again := d.sees(ada, locator...); d.err == nil && again != uri {
		return errors.New("the URI is another one after the restart")
	}
	d.sees(bob, "* the host is back")
	d.sees(carol, "* the host is back")
	d.sees(ada, "* bob joined")
	d.sees(ada, "* carol joined")
	d.says(carol, "where were we?")
	d.sees(bob, "<carol> where were we?")
	d.sees(ada, "<carol> where were we?")

	if d.netlayer == noiseQUIC {
		ada = d.sleep(ada, bob, carol, uri, host, append(guest("dave"), "--dir", filepath.Join(d.dir, "dave")))
	}

	d.scene("They leave.")
	d.says(carol, "/quit")
	d.ends(carol, 0)
	d.sees(ada, "* carol left")
	d.sees(bob, "* carol left")
	d.says(bob, "/quit")
	d.ends(bob, 0)
	d.sees(ada, "* bob left")
	d.says(ada, "/quit")
	d.ends(ada, 0)
	return d.err
}

// sleep is a scene about somebody who has a seat. It returns the host, who is another process after it.
func (d *demo) sleep(ada, bob, carol *process, uri string, host, guest []string) *process {
	d.scene("Dave has a --dir, too: he gets a seat, which stays his when he goes, and when Ada's process does.")
	dave := d.start("dave", guest...)
	d.gets(dave, uri)
	d.sees(dave, `* you are in "lobby" with ada`)
	d.sees(bob, "* dave joined")
	d.says(dave, "/quit")
	d.ends(dave, 0)
	d.says(bob, "is dave asleep?")
	d.sees(ada, "<bob> is dave asleep?")
	d.says(ada, "/quit")
	d.ends(ada, 0)
	d.sees(carol, "* the host is gone")
	ada = d.start("ada", host...)
	d.sees(bob, "* the host is back")
	d.sees(carol, "* the host is back")
	d.sees(ada, "* bob joined")
	d.sees(ada, "* carol joined")

	d.scene("Dave is back, with an empty line in place of the URI.")
	dave = d.start("dave", guest...)
	d.gets(dave, "")
	d.sees(dave, "* while you were away:")
	d.sees(dave, "<bob> is dave asleep?")
	d.sees(dave, `* you are back in "lobby" with ada`)
	d.says(dave, "I was")
	d.sees(bob, "<dave> I was")
	d.says(dave, "/leave")
	d.ends(dave, 0)
	d.sees(ada, "* dave left")
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
