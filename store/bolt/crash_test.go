package bolt_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/bolt"
)

var crashes = flag.Int("crashes", 15, "how often TestCrash kills its process")

// What the process of a test finds in its environment: where its store is, and how large its files may get.
const (
	crashing = "HAWSER_TEST_CRASHING_STORE"
	limited  = "HAWSER_TEST_FILE_SIZE"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashing); path != "" {
		if limit := os.Getenv(limited); limit != "" {
			limitFiles(limit)
		}
		count(path)
		return
	}
	os.Exit(m.Run())
}

// count goes on counting in the store until it is killed, each number in three places, and says what has been written.
func count(path string) {
	s, err := bolt.Open(path)
	if err != nil {
		giveUp(err)
	}
	n, _ := s.Get("a", []byte("n"))
	for i := number(n) + 1; ; i++ {
		var b store.Batch
		b.Put("a", []byte("n"), binary.BigEndian.AppendUint64(nil, i))
		b.Put("b", binary.BigEndian.AppendUint64(nil, i%1000), binary.BigEndian.AppendUint64(nil, i))
		b.Put("c", []byte("n"), binary.BigEndian.AppendUint64(make([]byte, i%5000), i))
		written := make(chan struct{})
		if err := s.Submit(&b, func(err error) {
			if err != nil {
				giveUp(err)
			}
			fmt.Println(i)
			close(written)
		}); err != nil {
			giveUp(err)
		}
		if i == 1 { // on a slow disk the rest are one group, and a full disk would refuse that whole
			<-written
		}
	}
}

// giveUp says why the process ends, once: a failed write is told to whoever waits for it and to whoever comes next.
func giveUp(err error) {
	givingUp.Lock()
	fmt.Println(err)
	os.Exit(1)
}

var givingUp sync.Mutex

func number(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b[len(b)-8:])
}

// A process that writes is killed at random instants. What is there afterwards is whole, is what some beginning of the
// batches leaves, and holds all that were said to be written.
func TestCrash(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "store.db")
	for i := range *crashes {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), crashing+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(random.IntN(150))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		said := uint64(0)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			n, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				t.Errorf("the process said: %s", lines.Text())
			}
			said = max(said, n)
		}
		_ = cmd.Wait()
		kill.Stop()
		if err := bolt.Check(path); err != nil && !(i == 0 && errors.Is(err, os.ErrNotExist)) {
			t.Fatalf("after crash %d: %v", i, err)
		}
		sees(t, path, said)
	}
}

// sees opens the store and looks whether it is whole.
func sees(t *testing.T, path string, said uint64) {
	t.Helper()
	s, err := bolt.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.View(func(r store.Reader) error {
		n := number(r.Get("a", []byte("n")))
		if n < said {
			t.Errorf("%d was said to be written, there is %d", said, n)
		}
		if c := number(r.Get("c", []byte("n"))); c != n {
			t.Errorf("half of a batch: %d and %d", n, c)
		}
		for i := n; i > 0 && i+1000 > n; i-- {
			if b := number(r.Get("b", binary.BigEndian.AppendUint64(nil, i%1000))); b != i {
				t.Errorf("of %d batches number %d is missing: %d", n, i, b)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
