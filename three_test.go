package hawser_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// childTrades is a node with one account that does what it is told, a line each: "meet URI URI", which introduces the two to each
// other, too, "step", "report". It answers with a line. It may have been told how to end by itself.
func childTrades(dir string) int {
	ctx := context.Background()
	cfg := &hawser.Config{Dir: dir, Listen: "127.0.0.1:0", Kinds: []vat.Kind{accountKind, parcelKind}}
	cfg.Handoffs.Local = os.Getenv("HAWSER_TEST_NEAR") != ""
	disk := diskOf(dir)
	cfg.OpenStore(disk.open)
	cfg.Mailbox, _ = sturdyref.Parse(os.Getenv("HAWSER_TEST_MAILBOX"))
	cfg.PublicDrop, _ = sturdyref.Parse(os.Getenv("HAWSER_TEST_PUBLIC"))
	if level := os.Getenv("HAWSER_TEST_LOG"); level != "" {
		cfg.Logger = hclog.New(&hclog.LoggerOptions{Name: filepath.Base(dir), Level: hclog.LevelFromString(level)})
	}
	n, err := hawser.Open(ctx, cfg)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	var own accountRef
	v, err := n.DurableVat("bank")
	if err == nil {
		own, err = vat.Root(ctx, v, "account", func(ctx context.Context) (accountRef, error) {
			return vat.As[accountRef](accountFacet.Spawn(ctx, &account{Name: dir})), nil
		})
	}
	var uri sturdyref.Ref
	if err == nil {
		uri, err = n.Publish(ctx, "account", own.Ref)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(uri.URI())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		words := strings.Fields(in.Text())
		answer, err := "done", error(nil)
		switch words[0] {
		case "meet":
			answer, err = meet(ctx, n, own, words[1:])
		case "begin":
			err = begin(ctx, n, own, words[1])
		case "hand":
			answer, err = handOn(ctx, n, own, words[1], words[2], words[3], words[4])
		case "step":
			own.Step(ctx, 20)
			if cfg.Handoffs.Local { // what one relays is in its memory only (ADR 41)
				own.Send(ctx, "trade", 20)
			}
			if disk.failed.Load() {
				answer = "stopped"
			}
		case "visit":
			_, err = own.Send(ctx, "visit").Await(ctx)
			if errors.Is(err, vat.ErrNotReference) {
				err = nil
			}
		case "inquire":
			_, err = own.Send(ctx, "inquire").Await(ctx)
			if errors.Is(err, vat.ErrNotReference) {
				err = nil
			}
		case "correspondents":
			answer = fmt.Sprint(len(n.Correspondents()))
		case "report":
			runtime.GC() // for what nobody holds is given back then
			var r report
			r.account, err = vat.Result[account](own.Send(ctx, "report")).Await(ctx)
			r.Parcels, r.Others, r.Held = slices.Sorted(maps.Keys(r.Held)), nil, nil
			if err == nil {
				r.Stored, err = disk.parcels()
			}
			line, _ := json.Marshal(&r)
			answer = string(line)
		case "close":
			if err := n.Close(); err != nil {
				answer = err.Error()
			}
			fmt.Println(strings.ReplaceAll(answer, "\n", "; "))
			return 0
		}
		if err != nil {
			answer = err.Error()
		}
		fmt.Println(answer)
	}
	return 0
}

func meet(ctx context.Context, n *hawser.Node, own accountRef, uris []string) (string, error) {
	var others []accountRef
	for _, uri := range uris {
		ref, err := sturdyref.Parse(uri)
		if err != nil {
			return "", err
		}
		r, err := n.Enliven(ref).Await(ctx)
		if err != nil {
			return "", err
		}
		others = append(others, accountRef{r})
	}
	_, err := vat.Result[any](own.Send(ctx, "meet", others)).Await(ctx)
	if len(others) == 1 {
		if err == nil {
			_, err = vat.Result[any](others[0].Send(ctx, "meet", []accountRef{own})).Await(ctx)
		}
		return "met", err
	}
	for i, r := range others { // who are introduced to each other by this
		if err == nil {
			_, err = vat.Result[any](r.Send(ctx, "meet", []accountRef{own, others[1-i]})).Await(ctx)
		}
	}
	return "met", err
}

// begin has the account know another by its sturdyref, without waiting for whoever has it, unless it does already. It returns when that is
// stored.
func begin(ctx context.Context, n *hawser.Node, own accountRef, uri string) error {
	ref, err := sturdyref.Parse(uri)
	if err != nil {
		return err
	}
	if r, err := vat.Result[account](own.Send(ctx, "report")).Await(ctx); err != nil || len(r.Others) > 0 {
		return err
	}
	other := accountRef{n.Enliven(ref)}
	for len(n.Lasting()) == 0 {
		time.Sleep(10 * time.Millisecond)
		if other.PromiseCell().Settled() {
			if _, err := other.Await(ctx); err == nil {
				break
			}
			other = accountRef{n.Enliven(ref)} // it is there, and has not published anything yet
		}
	}
	_, err = vat.Result[any](own.Send(ctx, "meet", []accountRef{other})).Await(ctx)
	return err
}

// report is what a child says of its account.
type report struct {
	account
	Parcels []string // that it holds
	Stored  int      // parcels that there are in its store, whoever holds them
}

// trader is a child that trades.
type trader struct {
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	fate fate
	home string // its URI
	mode string // what kind of child, if it is not one that trades
	box  string // where its mail is, if it has any
	drop string // where others leave their first letter
	near bool   // it lets others send it to its own machine, where they all are
}

func (c *trader) start() {
	c.t.Helper()
	if err := c.launch(fate{}); err != nil {
		c.t.Fatal(err)
	}
}

// launch starts the child, which is to come to an end, or to none.
func (c *trader) launch(f fate) error {
	c.t.Helper()
	end, err := json.Marshal(&f)
	if err != nil {
		return err
	}
	c.fate, c.cmd = f, exec.Command(os.Args[0])
	c.cmd.Env = append(os.Environ(), "HAWSER_TEST_CHILD="+cmp.Or(c.mode, "trades"), "HAWSER_TEST_DIR="+c.dir, "HAWSER_TEST_MAILBOX="+c.box,
		"HAWSER_TEST_PUBLIC="+c.drop, "HAWSER_TEST_FATE="+string(end))
	if c.near {
		c.cmd.Env = append(c.cmd.Env, "HAWSER_TEST_NEAR=1")
	}
	c.cmd.Stderr = c.t.Output()
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		c.t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	line, err := c.read()
	if err == nil && (!strings.HasPrefix(line, "ocapn://") || c.home != "" && c.home != line) {
		err = fmt.Errorf("it began with %q", line)
	}
	if err == nil {
		c.home = line
	}
	return err
}

// read returns what the child says next. One that says nothing for minutes says on its standard error what it is doing.
func (c *trader) read() (string, error) {
	hung := time.AfterFunc(3*time.Minute, func() { _ = c.cmd.Process.Signal(syscall.SIGQUIT) })
	defer hung.Stop()
	line, err := c.out.ReadString('\n')
	return strings.TrimSpace(line), err
}

// ask has the child do something and returns what it says.
func (c *trader) ask(line string) (string, error) {
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		return "", err
	}
	return c.read()
}

// tell is ask, of a child that must answer.
func (c *trader) tell(line string) string {
	c.t.Helper()
	answer, err := c.ask(line)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer
}

// send is tell for who does not wait for the answer.
func (c *trader) send(line string) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		c.t.Fatal(err)
	}
}

func (c *trader) kill() {
	if c.cmd != nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
		_ = c.in.Close()
		c.cmd = nil
	}
}
