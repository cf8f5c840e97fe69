package hawser_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

// The identity in a node's Dir can be had while the node runs and afterwards, and nothing is made or changed for it.
func TestIdentityIn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	if _, err := hawser.IdentityIn(dir); !errors.Is(err, hawser.ErrNoIdentity) {
		t.Errorf("a directory that is not there: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory was made")
	}
	empty := t.TempDir()
	if _, err := hawser.IdentityIn(empty); !errors.Is(err, hawser.ErrNoIdentity) {
		t.Errorf("an empty directory: %v", err)
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("something was made: %v, %v", left, err)
	}
	if _, err := hawser.IdentityIn("~/node"); err == nil || !strings.Contains(err.Error(), "~") {
		t.Error(err)
	}

	n := open(t, &hawser.Config{Dir: dir, Listen: "127.0.0.1:0"})
	before, err := os.ReadFile(filepath.Join(dir, "identity"))
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		id, err := hawser.IdentityIn(dir)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		key := grant.KeyOf(grant.SignerOf(id))
		if key != grant.KeyOf(n.Signer()) {
			t.Errorf("%s: %s, want the key of the node", when, key)
		}
		if got, want := hawser.ObjectIDOf(key, "programme"), n.ObjectID("programme"); got != want || got == n.ObjectID("other") {
			t.Errorf("the object's id is %s, the node says %s", got, want)
		}
	}
	check("while the node runs")
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	check("when it is closed")
	if after, err := os.ReadFile(filepath.Join(dir, "identity")); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the identity was changed: %v", err)
	}

	if err := os.WriteFile(filepath.Join(dir, "identity"), before[:len(before)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := hawser.IdentityIn(dir); err == nil || errors.Is(err, hawser.ErrNoIdentity) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("half an identity: %v", err)
	}
}
