package hawser_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

var deaths = flag.Int("deaths", 9, "how often TestThreeProcesses kills one of its processes")

// childTrades is a node with one account that does what it is told, a line each: "meet URI URI", which introduces the two to each
// other, too, "step", "report". It answers with a line.
func childTrades(dir string) int {
	ctx := context.Background()
	cfg := &hawser.Config{Dir: dir, Listen: "127.0.0.1:0", Kinds: []vat.Kind{accountKind}}
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
		case "step":
			own.Step(ctx, 20)
		case "inquire":
			_, err = own.Send(ctx, "inquire").Await(ctx)
			if errors.Is(err, vat.ErrNotReference) {
				err = nil
			}
		case "correspondents":
			answer = fmt.Sprint(len(n.Correspondents()))
		case "report":
			var r account
			r, err = vat.Result[account](own.Send(ctx, "report")).Await(ctx)
			r.Others = nil
			line, _ := json.Marshal(&r)
			answer = string(line)
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

// trader is a child that trades.
type trader struct {
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	home string // its URI
	mode string // what kind of child, if it is not one that trades
	box  string // where its mail is, if it has any
	drop string // where others leave their first letter
}

func (c *trader) start() {
	c.t.Helper()
	c.cmd = exec.Command(os.Args[0])
	c.cmd.Env = append(os.Environ(), "HAWSER_TEST_CHILD="+cmp.Or(c.mode, "trades"), "HAWSER_TEST_DIR="+c.dir, "HAWSER_TEST_MAILBOX="+c.box, "HAWSER_TEST_PUBLIC="+c.drop)
	c.cmd.Stderr = c.t.Output()
	var err error
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
	line := c.read()
	if !strings.HasPrefix(line, "ocapn://") || c.home != "" && c.home != line {
		c.t.Fatalf("it began with %q", line)
	}
	c.home = line
}

func (c *trader) read() string {
	c.t.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func (c *trader) tell(line string) string {
	c.t.Helper()
	c.send(line)
	return c.read()
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
		c.cmd = nil
	}
}

// Accounts in three processes move money between each other, over real sockets, while the processes are killed at random: what there is
// stays exact, each transfer is done once, in order, and each that wanted to be told was.
func TestThreeProcesses(t *testing.T) {
	var all []*trader
	for range 3 {
		c := &trader{t: t, dir: t.TempDir()}
		t.Cleanup(c.kill)
		c.start()
		all = append(all, c)
	}
	if got := all[0].tell("meet " + all[1].home + " " + all[2].home); got != "met" {
		t.Fatal(got)
	}
	for _, c := range all { // each speaks to each: what was handed over is there
		c.tell("step")
	}
	balanced(t, all)
	for range *deaths {
		for _, c := range all {
			if c.cmd != nil {
				c.tell("step")
			}
		}
		time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
		all[rand.IntN(3)].kill()
		if rand.IntN(3) == 0 {
			all[rand.IntN(3)].kill()
		}
		for _, c := range all {
			if c.cmd == nil && rand.IntN(3) > 0 {
				c.start()
			}
		}
	}
	for _, c := range all {
		if c.cmd == nil {
			c.start()
		}
	}
	balanced(t, all)
}

// balanced waits until everything is done.
func balanced(t *testing.T, all []*trader) {
	t.Helper()
	wrong := errors.New("nothing was looked at")
	for end := time.Now().Add(time.Minute); wrong != nil && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		wrong = settled(all)
	}
	if wrong != nil {
		t.Fatal(wrong)
	}
}

// settled says what is not as it should be when everything is done.
func settled(all []*trader) error {
	sum, moved := int64(0), int64(0)
	sent, seen := make(map[string]int64), make(map[string]int64)
	for _, c := range all {
		r := c.report()
		if len(r.Wrong) > 0 || r.Asked != r.Told {
			return fmt.Errorf("asked %d, told %d, wrong: %q", r.Asked, r.Told, r.Wrong)
		}
		sum += r.Balance
		for name, n := range r.Sent {
			sent[name] += n
			moved += n
		}
		for name, n := range r.Seen {
			seen[name] += n
		}
	}
	if sum != 0 || moved == 0 {
		return fmt.Errorf("there are %d more than there were, after %d transfers", sum, moved)
	}
	for name, n := range sent {
		if seen[name] != n {
			return fmt.Errorf("%s: %d sent, %d seen", name, n, seen[name])
		}
	}
	return nil
}
