package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hawser-go/hawser/examples/play"
)

const demoHelp = `festival demo runs an admin, three organisers, two visitors and a mailbox server as processes of their own, which talk over the
loopback interface, and prints what each of them sees. It ends with exit code 0 if everything went as it should.
`

// demoTime bounds the whole demo.
const demoTime = 50 * time.Second

var errDemoTime = fmt.Errorf("the demo took longer than %v", demoTime)

func demoCommand(ctx context.Context, args []string) error {
	return perform(ctx, "demo", demoHelp, args, (*demo).play)
}

// perform is the command that plays a story.
func perform(ctx context.Context, name, help string, args []string, story func(*demo) error) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	if err := parse(flags, args, help); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, demoTime, errDemoTime)
	defer cancel()
	began := time.Now()
	d := &demo{play.Play{Ctx: ctx, Width: 5}}
	if err := d.Run(func() error { return story(d) }); err != nil {
		return err
	}
	fmt.Printf("\nAll as it should be: %d lines were expected and seen, in %.0f s.\n", d.Seen, time.Since(began).Seconds())
	return nil
}

// demo is the play.
type demo struct{ play.Play }

// kill ends a process as a power cut does.
func (d *demo) kill(p *play.Process) {
	if d.Err != nil {
		return
	}
	d.Line(p, "is killed")
	d.Err = p.Kill()
}

func (d *demo) ends(p *play.Process) {
	d.Says(p, "quit")
	if d.Err == nil {
		d.Err = p.Ends(d.Ctx, 0)
	}
}

// box makes somebody's mailbox, and returns the arguments with which their program uses it.
func (d *demo) box(post *play.Process, name string) []string {
	d.Gets(post, name)
	text := d.Hears(post, "owner ") + "\n" + d.Hears(post, "public ") + "\n"
	file := filepath.Join(d.Dir, name+".box")
	if d.Err == nil {
		d.Err = os.WriteFile(file, []byte(text), 0o600)
	}
	return []string{"--dir", filepath.Join(d.Dir, name), "--listen", loopback, "--mailbox", file}
}

const loopback = "127.0.0.1:0" // at any port, which is kept with --dir

// joins has somebody's program start, and returns it and its key.
func (d *demo) joins(name string, args []string) (*play.Process, string) {
	p := d.Start(name, append([]string{"join"}, args...)...)
	return p, strings.TrimPrefix(d.Hears(p, "key "), "key ")
}

// granted has the admin invite somebody, whose program joins.
func (d *demo) granted(admin *play.Process, role, name string, args []string) *play.Process {
	p, key := d.joins(name, args)
	d.Says(admin, "grant "+role+" "+key+" "+name)
	d.Gets(p, d.Hears(admin, "invitation hawser-grant:"))
	d.Sees(p, "* "+role+" of Quayside, "+name)
	return p
}

// letters waits until everybody's letters get to the admin.
func (d *demo) letters(all ...*play.Process) {
	for _, p := range all {
		d.Hears(p, "* letters reach 1")
	}
}

// posted waits until there are letters for somebody, and no more come for a while.
func (d *demo) posted(post *play.Process, name string) {
	last := ""
	for same := 0; same < 5 && d.Err == nil; {
		d.Gets(post, "letters "+name)
		line := d.Hears(post, "letters for "+name)
		switch {
		case line == last && !strings.HasSuffix(line, ": 0"):
			same++
		default:
			last, same = line, 0
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-d.Ctx.Done():
			d.Err = context.Cause(d.Ctx)
		}
	}
	if d.Err == nil {
		d.Seen++
		d.Line(post, "has    "+last)
	}
}

// page looks at somebody's page as a browser does, once it was given the address.
func (d *demo) page(p *play.Process, want ...string) {
	d.Gets(p, "page")
	url := strings.TrimPrefix(d.Hears(p, "page http://"), "page ")
	if d.Err != nil {
		return
	}
	at, token, _ := strings.Cut(url, "#")
	r, err := http.NewRequestWithContext(d.Ctx, http.MethodGet, at+"api/state", nil)
	if err != nil {
		d.Err = err
		return
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		d.Err = err
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.Err = err
		return
	}
	for _, each := range want {
		if !strings.Contains(string(text), each) {
			d.Err = fmt.Errorf("%q is not on the page of %s, which has %s", each, p.Who, text)
			return
		}
	}
	d.Seen++
	d.Line(p, fmt.Sprintf("sees   %s, with %q", at, want))
}
