// Package play runs the demonstrations of the examples: each actor is a process of its own, told what to type and waited for, and what all of
// them see is printed as it comes.
package play

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Play is a play whose actors are processes. The first thing that goes wrong ends it: after that its methods do nothing. Its methods are
// called by one goroutine.
type Play struct {
	Ctx context.Context
	// Width is that of the column with the actors' names.
	Width int
	// Dir is a directory for what is written, removed in the end, if it is not empty.
	Dir string
	// Step counts the scenes, and Seen the lines that were expected and have come.
	Step, Seen int
	// Err is what went wrong.
	Err error

	cast []*Process
}

// Run plays the scenes of script and ends all actors. Of a play that failed, but was not interrupted, it writes everything that they wrote to
// the standard error.
func (d *Play) Run(script func() error) error {
	err := script()
	if e := d.clear(); err == nil {
		err = e
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		for _, p := range d.cast {
			fmt.Fprintf(os.Stderr, "everything %s wrote:\n  %s\n", p.Who, strings.Join(p.Wrote(), "\n  "))
		}
	}
	if err != nil {
		return fmt.Errorf("the demo failed: %w", err)
	}
	return nil
}

// clear ends every process and removes what was written.
func (d *Play) clear() error {
	for _, p := range d.cast {
		p.Stop()
	}
	if d.Dir == "" {
		return nil
	}
	return os.RemoveAll(d.Dir)
}

// Scene says what comes next.
func (d *Play) Scene(text string) {
	if d.Err == nil {
		d.Step++
		fmt.Printf("\n%d. %s\n", d.Step, text)
	}
}

// Line prints that somebody does something.
func (d *Play) Line(p *Process, what string) {
	fmt.Printf("   %-*s %s\n", d.Width, p.Who, what)
}

// Start has somebody's process start, and returns it.
func (d *Play) Start(who string, args ...string) *Process {
	if d.Err != nil {
		return nil
	}
	cmd, err := Again(d.Ctx, args...)
	if err != nil {
		d.Err = err
		return nil
	}
	p, err := Start(who, cmd)
	if err != nil {
		d.Err = err
		return nil
	}
	d.cast = append(d.cast, p)
	return p
}

// Says has somebody type a line.
func (d *Play) Says(p *Process, line string) {
	if d.Err != nil {
		return
	}
	d.Line(p, "types  "+line)
	d.Err = p.Say(line)
}

// Gets is Says for what is not to be shown.
func (d *Play) Gets(p *Process, line string) {
	if d.Err == nil {
		d.Err = p.Say(line)
	}
}

// Sees waits for a line of somebody's, as [Process.Sees] does, and shows it.
func (d *Play) Sees(p *Process, parts ...string) string {
	line := d.Hears(p, parts...)
	if d.Err == nil {
		d.Seen++
		d.Line(p, "sees   "+line)
	}
	return line
}

// Hears is Sees for what is not to be shown.
func (d *Play) Hears(p *Process, parts ...string) string {
	if d.Err != nil {
		return ""
	}
	line, err := p.Sees(d.Ctx, parts...)
	if err != nil {
		d.Err = err
	}
	return line
}
