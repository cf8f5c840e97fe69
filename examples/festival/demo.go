package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const demoHelp = `festival demo runs an admin, three organisers, two visitors and a mailbox server as processes of their own, which talk over the
loopback interface, and prints what each of them sees. It ends with exit code 0 if everything went as it should.
`

// demoTime bounds the whole demo.
const demoTime = 50 * time.Second

var errDemoTime = fmt.Errorf("the demo took longer than %v", demoTime)

func demoCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	if err := parse(flags, args, demoHelp); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, demoTime, errDemoTime)
	defer cancel()
	began := time.Now()
	d := &demo{ctx: ctx}
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
	fmt.Printf("\nAll as it should be: %d lines were expected and seen, in %.0f s.\n", d.seen, time.Since(began).Seconds())
	return nil
}

// demo is a play whose actors are processes. The first thing that goes wrong ends it: after that its methods do nothing.
type demo struct {
	ctx  context.Context
	dir  string
	cast []*process
	step int
	seen int
	err  error
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
	fmt.Printf("   %-5s types  %s\n", p.who, line)
	d.err = p.say(line)
}

// gets is says for what is not to be shown.
func (d *demo) gets(p *process, line string) {
	if d.err == nil {
		d.err = p.say(line)
	}
}

func (d *demo) sees(p *process, parts ...string) string {
	line := d.hears(p, parts...)
	if d.err == nil {
		d.seen++
		fmt.Printf("   %-5s sees   %s\n", p.who, line)
	}
	return line
}

// hears is sees for what is not to be shown.
func (d *demo) hears(p *process, parts ...string) string {
	if d.err != nil {
		return ""
	}
	line, err := p.sees(d.ctx, parts...)
	if err != nil {
		d.err = err
	}
	return line
}

// kill ends a process as a power cut does.
func (d *demo) kill(p *process) {
	if d.err != nil {
		return
	}
	fmt.Printf("   %-5s is killed\n", p.who)
	if d.err = p.cmd.Process.Kill(); d.err == nil {
		<-p.ended
	}
}

func (d *demo) ends(p *process) {
	d.says(p, "quit")
	if d.err == nil {
		d.err = p.ends(d.ctx, 0)
	}
}

// box makes somebody's mailbox, and returns the arguments with which their program uses it.
func (d *demo) box(post *process, name string) []string {
	d.gets(post, name)
	text := d.hears(post, "owner ") + "\n" + d.hears(post, "public ") + "\n"
	file := filepath.Join(d.dir, name+".box")
	if d.err == nil {
		d.err = os.WriteFile(file, []byte(text), 0o600)
	}
	return []string{"--dir", filepath.Join(d.dir, name), "--listen", loopback, "--mailbox", file}
}

const loopback = "127.0.0.1:0" // at any port, which is kept with --dir

// joins has somebody's program start, and returns it and its key.
func (d *demo) joins(name string, args []string) (*process, string) {
	p := d.start(name, append([]string{"join"}, args...)...)
	return p, strings.TrimPrefix(d.hears(p, "key "), "key ")
}

// granted has the admin invite somebody, whose program joins.
func (d *demo) granted(admin *process, role, name string, args []string) *process {
	p, key := d.joins(name, args)
	d.says(admin, "grant "+role+" "+key+" "+name)
	d.gets(p, d.hears(admin, "invitation hawser-grant:"))
	d.sees(p, "* "+role+" of Quayside, "+name)
	return p
}

// letters waits until everybody's letters get to the admin.
func (d *demo) letters(all ...*process) {
	for _, p := range all {
		d.hears(p, "* letters reach 1")
	}
}

// posted waits until there are letters for somebody, and no more come for a while.
func (d *demo) posted(post *process, name string) {
	last := ""
	for same := 0; same < 5 && d.err == nil; {
		d.gets(post, "letters "+name)
		line := d.hears(post, "letters for "+name)
		switch {
		case line == last && !strings.HasSuffix(line, ": 0"):
			same++
		default:
			last, same = line, 0
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-d.ctx.Done():
			d.err = context.Cause(d.ctx)
		}
	}
	if d.err == nil {
		d.seen++
		fmt.Printf("   %-5s has    %s\n", post.who, last)
	}
}

// page looks at somebody's page as a browser does, once it was given the address.
func (d *demo) page(p *process, want ...string) {
	d.gets(p, "page")
	url := strings.TrimPrefix(d.hears(p, "page http://"), "page ")
	if d.err != nil {
		return
	}
	at, token, _ := strings.Cut(url, "#")
	r, err := http.NewRequestWithContext(d.ctx, http.MethodGet, at+"api/state", nil)
	if err != nil {
		d.err = err
		return
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		d.err = err
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.err = err
		return
	}
	for _, each := range want {
		if !strings.Contains(string(text), each) {
			d.err = fmt.Errorf("%q is not on the page of %s, which has %s", each, p.who, text)
			return
		}
	}
	d.seen++
	fmt.Printf("   %-5s sees   %s, with %q\n", p.who, at, want)
}
