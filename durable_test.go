package hawser_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/bolt"
	"github.com/hawser-go/hawser/vat"
)

var kills = flag.Int("kills", 8, "how often TestKill kills its process")

// account is a durable object that moves money to others and counts what comes, in order.
type account struct {
	Name    string
	Balance int64
	Others  []accountRef
	Sent    map[string]int64
	Seen    map[string]int64
	Asked   int64
	Told    int64
	Wrong   []string
	Made    int64 // parcels
	Held    map[string]held
}

type Account interface {
	Meet(others []accountRef)
	Step(ctx context.Context, left int) error
	Take(from string, n, amount int64) int64
	Heard(o promise.Outcome[int64])
	Inquire(ctx context.Context)
	Trade(ctx context.Context, left int) error
	Hold(from string, n int64, name string, p parcelRef, maker accountRef)
	Visit(ctx context.Context)
	Report() account
}

type accountRef struct{ vat.Ref }

func (r accountRef) Heard(ctx context.Context, o promise.Outcome[int64]) vat.Ref {
	return r.Send(ctx, "heard", o)
}

func (r accountRef) Step(ctx context.Context, left int) vat.Ref { return r.Send(ctx, "step", left) }

var (
	accountFacet = vat.FacetOf[Account]("test.Account")
	accountKind  = vat.KindOf("test.account", func() *account { return new(account) }, accountFacet)
)

func (a *account) Meet(others []accountRef) { a.Others = others }

// Inquire asks another, and waits for the answer.
func (a *account) Inquire(ctx context.Context) {
	name := a.Name + " inquires"
	if a.Sent == nil {
		a.Sent = make(map[string]int64)
	}
	a.Sent[name]++
	a.Asked++
	answer := a.Others[0].Send(ctx, "take", name, a.Sent[name], 0)
	vat.WhenSettled(ctx, vat.Result[int64](answer), vat.As[accountRef](vat.Self(ctx)), accountRef.Heard)
}

func (a *account) Report() account { return *a }

func (a *account) Heard(o promise.Outcome[int64]) {
	a.Told++
	if _, err := o.Get(); err != nil {
		a.Wrong = append(a.Wrong, err.Error())
	}
}

func (a *account) Take(from string, n, amount int64) int64 {
	if a.Seen == nil {
		a.Seen = make(map[string]int64)
	}
	if n != a.Seen[from]+1 {
		a.Wrong = append(a.Wrong, fmt.Sprintf("%d from %s after %d", n, from, a.Seen[from]))
	}
	a.Seen[from] = n
	a.Balance += amount
	return a.Balance
}

func (a *account) Step(ctx context.Context, left int) error {
	self := vat.As[accountRef](vat.Self(ctx))
	for range 1 + rand.IntN(3) {
		i := rand.IntN(len(a.Others))
		if a.Sent == nil {
			a.Sent = make(map[string]int64)
		}
		name, amount := fmt.Sprintf("%s to %d", a.Name, i), rand.Int64N(10)
		a.Sent[name]++
		a.Balance -= amount
		answer := a.Others[i].Send(ctx, "take", name, a.Sent[name], amount)
		if rand.IntN(2) == 0 {
			a.Asked++
			vat.WhenSettled(ctx, vat.Result[int64](answer), self, accountRef.Heard)
		}
	}
	switch {
	case left == 0:
	case rand.IntN(4) == 0:
		vat.After(ctx, time.Millisecond, self, func(r accountRef, ctx context.Context) vat.Ref { return r.Step(ctx, left-1) })
	default:
		self.Step(ctx, left-1)
	}
	if rand.IntN(10) == 0 {
		return errors.New("nothing of this has happened, and the step is over")
	}
	return nil
}

// childMoves moves money between the accounts of a directory until it is killed: in a bank of which it first checks that
// nothing was lost. It prints a line when that is so. If HAWSER_TEST_LAST is set it ends then.
func childMoves(dir string) int {
	ctx := context.Background()
	n, err := hawser.Open(ctx, &hawser.Config{Dir: dir, Kinds: []vat.Kind{accountKind}})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	var all []accountRef
	for i := range 6 {
		v, err := n.DurableVat(fmt.Sprint("bank", i%3))
		if err == nil {
			var r accountRef
			r, err = vat.Root(ctx, v, fmt.Sprint("account", i), func(ctx context.Context) (accountRef, error) {
				return vat.As[accountRef](accountFacet.Spawn(ctx, &account{Name: fmt.Sprint(i)})), nil
			})
			all = append(all, r)
		}
		if err != nil {
			fmt.Println(err)
			return 1
		}
	}
	for _, r := range all {
		if _, err := vat.Result[any](r.Send(ctx, "meet", all)).Await(ctx); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	wrong := "nothing was looked at"
	for end := time.Now().Add(30 * time.Second); wrong != "" && time.Now().Before(end); time.Sleep(time.Millisecond) {
		wrong = balance(ctx, all)
	}
	if wrong != "" {
		fmt.Println(wrong)
		return 1
	}
	fmt.Println("balanced")
	if os.Getenv("HAWSER_TEST_LAST") != "" {
		if err := n.Close(); err != nil {
			fmt.Println(err)
			return 1
		}
		return 0
	}
	for {
		for range 20 {
			all[rand.IntN(len(all))].Step(ctx, rand.IntN(40))
		}
		_, _ = all[0].Send(ctx, "report").Await(ctx)
	}
}

// balance returns what does not add up among the accounts.
func balance(ctx context.Context, all []accountRef) string {
	var sum, asked, told int64
	sent, seen := int64(0), int64(0)
	for _, r := range all {
		a, err := vat.Result[account](r.Send(ctx, "report")).Await(ctx)
		if err != nil {
			return err.Error()
		}
		if len(a.Wrong) > 0 {
			return strings.Join(a.Wrong, "; ")
		}
		sum, asked, told = sum+a.Balance, asked+a.Asked, told+a.Told
		for _, n := range a.Sent {
			sent += n
		}
		for _, n := range a.Seen {
			seen += n
		}
	}
	if sum != 0 || sent != seen || asked != told {
		return fmt.Sprintf("%d too much, %d transfers sent and %d seen, %d answers waited for and %d heard of", sum, sent, seen, asked, told)
	}
	return ""
}

// A process that moves money between durable objects is killed again and again: none is lost, none is made, every transfer
// is applied once and in order, and every answer is heard of once.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	for i := range *kills + 1 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "HAWSER_TEST_CHILD=moves", "HAWSER_TEST_DIR="+dir)
		if i == *kills {
			cmd.Env = append(cmd.Env, "HAWSER_TEST_LAST=1")
		}
		cmd.Stderr = t.Output()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || line != "balanced\n" {
			t.Errorf("start %d: %q, %v", i, line, err)
		}
		if i < *kills {
			time.AfterFunc(time.Duration(rand.IntN(300))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
		if err := cmd.Wait(); err != nil && i == *kills {
			t.Errorf("the last one ended with %v", err)
		}
		if t.Failed() {
			return
		}
	}
}

// What is wrong with the store of a directory is said in a line, and nothing is changed.
func TestStoreOfDir(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	open := func(kinds ...vat.Kind) error {
		n, err := hawser.Open(ctx, &hawser.Config{Dir: dir, Listen: "127.0.0.1:0", Kinds: kinds})
		if err != nil {
			if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), filepath.Join(dir, "store.db")) {
				t.Errorf("said as: %v", err)
			}
			return err
		}
		if _, err := n.DurableVat("v"); (err == nil) != (len(kinds) > 0) && err != nil && !strings.Contains(err.Error(), "Config.Kinds") {
			t.Error(err)
		}
		return n.Close()
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "store.db")); err == nil {
		t.Error("there is a store although there are no kinds")
	}
	n, err := hawser.Open(ctx, &hawser.Config{Dir: dir, Listen: "127.0.0.1:0", Kinds: []vat.Kind{accountKind}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := n.DurableVat("v")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := vat.Root(ctx, v, "r", func(ctx context.Context) (accountRef, error) {
		return vat.As[accountRef](accountFacet.Spawn(ctx, new(account))), nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(); !errors.Is(err, vat.ErrUnknownKind) {
		t.Errorf("without kinds: %v", err)
	}
	if err := open(accountKind); err != nil {
		t.Error(err)
	}
	path := filepath.Join(dir, "store.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{
		"empty": {}, "foreign": []byte(strings.Repeat("something else\n", 5000)), "cut": whole[:len(whole)/2],
	} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		err := open(accountKind)
		if what != "empty" && !errors.Is(err, store.ErrForeign) || what == "empty" && err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if after, _ := os.ReadFile(path); what != "empty" && string(after) != string(b) {
			t.Errorf("%s: the file was changed", what)
		}
	}
}

// A durable object is published again under its name after a restart, and whoever has the sturdyref finds its state: what it
// was told it has, for nobody hears of a turn before it is on the disk.
func TestPublishDurable(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	guest, err := hawser.Open(ctx, &hawser.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer guest.Close()
	var first string
	for round := range 3 {
		host, err := hawser.Open(ctx, &hawser.Config{Dir: dir, Listen: "127.0.0.1:0", Advertise: nil, Kinds: []vat.Kind{ListKind}})
		if err != nil {
			t.Fatal(err)
		}
		v, err := host.DurableVat("lists")
		if err != nil {
			t.Fatal(err)
		}
		ref, err := vat.Root(ctx, v, "list", func(ctx context.Context) (ListRef, error) {
			return vat.As[ListRef](ListFacet.Spawn(ctx, new(list))), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		invite, err := host.Publish(ctx, "list", ref.Ref)
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			first = string(invite.Swiss.Reveal())
		} else if string(invite.Swiss.Reveal()) != first {
			t.Error("another swiss number")
		}
		far := guest.Enliven(invite)
		for i := range 5 {
			n, err := vat.Result[int](far.Send(ctx, "add", fmt.Sprint(round, i))).Await(ctx)
			if err != nil || n != 5*round+i+1 {
				t.Errorf("%d, %v, want %d", n, err, 5*round+i+1)
			}
		}
		if err := host.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := vat.Result[int](far.Send(ctx, "add", "too late")).Await(ctx); err == nil {
			t.Error("the host is closed and has answered")
		}
	}
	if err := bolt.Check(filepath.Join(dir, "store.db"), func(r store.Reader) error {
		c, err := vat.CheckDepot(r)
		if c.Objects() != 1 || c.Caretakers != 1 || c.Pins != 1 || c.Messages != 0 || c.Unnamed != 0 {
			t.Errorf("the store has %+v", c)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}
