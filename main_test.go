package hawser_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/vat"
)

// TestMain fails if a test leaves a goroutine behind. The program is also the child of tests that need one.
func TestMain(m *testing.M) {
	dir := os.Getenv("HAWSER_TEST_DIR")
	switch os.Getenv("HAWSER_TEST_CHILD") {
	case "open":
		os.Exit(childOpens(dir))
	case "moves":
		os.Exit(childMoves(dir))
	case "mail":
		os.Exit(childKeepsMail(dir))
	case "trades":
		os.Exit(childTrades(dir))
	case "host":
		os.Exit(childHosts(dir))
	}
	goleak.VerifyTestMain(m)
}

// childOpens opens a directory and says why it cannot.
func childOpens(dir string) int {
	n, err := hawser.Open(context.Background(), &hawser.Config{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_ = n.Close()
	return 0
}

// childHosts publishes a greeter, prints its URI and waits for its end.
func childHosts(dir string) int {
	ctx := context.Background()
	n, err := hawser.Open(ctx, &hawser.Config{Dir: dir})
	if err == nil {
		var ref vat.Ref
		ref, err = vat.Do(ctx, n.Vat("greeters"), func(ctx context.Context) (vat.Ref, error) {
			return greeterFacet.Spawn(ctx, english{}), nil
		})
		if err == nil {
			invite, e := n.Publish(ctx, "greeter", ref)
			fmt.Println(invite.URI())
			err = e
		}
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0 // without a goodbye
}

// child is this program as another process.
type child struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	line string // the first it printed
}

// spawnHost starts a host and waits until it has published.
func spawnHost(t *testing.T, dir string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HAWSER_TEST_CHILD=host", "HAWSER_TEST_DIR="+dir)
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: cmd, in: in}
	t.Cleanup(c.kill)
	if c.line, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return c
}

// kill ends the child at once, as a power cut would.
func (c *child) kill() {
	if c.cmd == nil {
		return
	}
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	_ = c.in.Close()
	c.cmd = nil
}
