package conformance

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/hawser-go/hawser/netlayer"
)

// check is one experiment about a clause. do returns if the peer passes.
type check struct {
	clause, name string
	do           func(*probe)
}

// probe is one check under way. Its methods, and those of its lines, end the
// check by a panic with a verdict, which perform turns into a result: that keeps
// checks readable, each a list of steps. Nothing but perform sees the panic.
type probe struct {
	*run
	ctx      context.Context
	checking bool   // what goes wrong from now on contradicts the clause
	about    string // the value that is being tried, if it is one of several
	closers  []func()
	readers  sync.WaitGroup
}

type verdict struct {
	verdict Verdict
	detail  string
}

// perform runs do and ends everything it opened.
func (p *probe) perform(do func(*probe)) (v Verdict, detail string) {
	defer func() {
		for i := len(p.closers) - 1; i >= 0; i-- {
			p.closers[i]()
		}
		p.readers.Wait()
	}()
	defer func() {
		switch stop := recover().(type) {
		case nil:
		case verdict:
			v, detail = stop.verdict, stop.detail
		default:
			panic(stop)
		}
	}()
	do(p)
	return Pass, ""
}

// now says that the check's preconditions hold: trouble before it means that the
// clause was not reached, trouble after it that the peer fails.
func (p *probe) now() { p.checking = true }

// stop ends the check with a verdict.
func (p *probe) stop(v Verdict, format string, args ...any) {
	panic(verdict{v, fmt.Sprintf(format, args...)})
}

// fail ends the check: the peer contradicts the clause.
func (p *probe) fail(format string, args ...any) { p.stop(Fail, format, args...) }

// unmet ends the check: something it rests on is not so.
func (p *probe) unmet(format string, args ...any) { p.stop(NotReached, format, args...) }

// trouble ends the check with what trouble means at this point of it.
func (p *probe) trouble(format string, args ...any) {
	if p.about != "" {
		format, args = "%s: "+format, append([]any{p.about}, args...)
	}
	if p.checking {
		p.fail(format, args...)
	}
	p.unmet(format, args...)
}

// party opens a netlayer that lives as long as the check.
func (p *probe) party() netlayer.Netlayer {
	n, err := p.target.Open()
	if err != nil {
		p.unmet("no netlayer of our own: %s", cut(err.Error()))
	}
	p.closers = append(p.closers, func() { _ = n.Close() })
	return n
}

// quietly returns a context that ends after the time after which silence counts,
// or with the check.
func (p *probe) quietly() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, p.cfg.Quiet)
}

// cut returns a text that may come from the peer, fit for one line of a report.
func cut(s string) string {
	const most = 160
	if len(s) > most {
		s = s[:most] + "…"
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`) // nothing is in quotes that are ours
}
