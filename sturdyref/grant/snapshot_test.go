package grant_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

func TestSnapshot(t *testing.T) {
	content := []byte("the programme")
	sign := func(s grant.Snapshot) *grant.Snapshot {
		t.Helper()
		b, err := grant.SignSnapshot(home, s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := grant.VerifySnapshot(b, home.key())
		if err != nil {
			t.Fatal(err)
		}
		_, err = grant.VerifySnapshot(b, anna.key())
		refused(t, "another home", err, grant.Forged)
		return got
	}
	one := sign(grant.Snapshot{Object: object, Version: 1, AsOf: start, Content: sha256.Sum256(content)})
	two := sign(grant.Snapshot{Object: object, Version: 2, Previous: one.ID(), AsOf: start.Add(time.Hour), Content: sha256.Sum256(nil)})
	if !one.Holds(content) || one.Holds([]byte("The programme")) || !two.Holds(nil) {
		t.Error("the content is taken for another")
	}
	if err := two.Follows(one); err != nil {
		t.Error(err)
	}
	for what, c := range map[string]struct {
		s    *grant.Snapshot
		want grant.Reason
	}{
		"itself":         {two, grant.Broken},
		"a gap":          {sign(grant.Snapshot{Object: object, Version: 3, Previous: one.ID(), AsOf: start.Add(day)}), grant.Broken},
		"a fork":         {sign(grant.Snapshot{Object: object, Version: 3, Previous: [32]byte{1}, AsOf: start.Add(day)}), grant.Broken},
		"a jump":         {sign(grant.Snapshot{Object: object, Version: 4, Previous: two.ID(), AsOf: start.Add(day)}), grant.Broken},
		"an older one":   {sign(grant.Snapshot{Object: object, Version: 3, Previous: two.ID(), AsOf: start}), grant.Broken},
		"another object": {sign(grant.Snapshot{Version: 3, Previous: two.ID(), AsOf: start.Add(day)}), grant.Misdirected},
	} {
		refused(t, what, c.s.Follows(two), c.want)
	}
	for what, s := range map[string]grant.Snapshot{
		"version 0":        {AsOf: start},
		"no previous":      {Version: 2, AsOf: start},
		"one before first": {Version: 1, Previous: [32]byte{1}, AsOf: start},
		"no time":          {Version: 1},
		"a late time":      {Version: 1, AsOf: time.Unix(1<<53, 0)},
	} {
		if _, err := grant.SignSnapshot(home, s); err == nil {
			t.Errorf("%s was signed", what)
		}
	}
	f := fields{1: 1, 2: object[:], 3: 1, 5: start.Unix(), 6: make([]byte, 32)}
	for what, c := range map[string]struct {
		f    fields
		want grant.Reason
	}{
		"version 2":    {f.with(1, 2), grant.Malformed},
		"number 0":     {f.with(3, 0), grant.Malformed},
		"0 after some": {f.with(3, 0, 4, make([]byte, 32)), grant.Malformed},
		"no previous":  {f.with(3, 2), grant.Malformed},
		"too late":     {f.with(5, ^uint64(0)), grant.Malformed},
		"short digest": {f.with(6, make([]byte, 31)), grant.Malformed},
		"more":         {f.with(7, 1), grant.Malformed},
	} {
		_, err := grant.VerifySnapshot(coseOf("snapshot", "snapshot", encode(c.f)).seal(home), home.key())
		refused(t, what, err, c.want)
	}
	c := coseOf("snapshot", "snapshot", encode(f))
	c.signature = append(append([]byte{1}, make([]byte, 31)...), make([]byte, 32)...)
	_, err := grant.VerifySnapshot(c.seal(mallet), grant.Key{1})
	refused(t, "a weak key", err, grant.Forged)
	_, err = grant.VerifySnapshot(nil, home.key())
	refused(t, "nothing", err, grant.Malformed)
	if _, err := grant.VerifySnapshot(coseOf("snapshot", "snapshot", encode(f)).seal(home), home.key()); err != nil {
		t.Errorf("made by hand: %v", err)
	}
}
