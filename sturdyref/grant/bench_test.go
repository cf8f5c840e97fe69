package grant_test

import (
	"crypto/ed25519"
	"fmt"
	"testing"
	"time"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

// floor is what one Ed25519 verification takes, in nanoseconds, measured beside what is compared with it.
func floor(b *testing.B) float64 {
	b.Helper()
	message := make([]byte, 250)
	signature := ed25519.Sign(home.PrivateKey, message)
	public := home.Public().(ed25519.PublicKey)
	const rounds = 500
	best := time.Duration(1 << 62)
	for range 5 {
		begin := time.Now()
		for range rounds {
			if !ed25519.Verify(public, message, signature) {
				b.Fatal("it does not verify")
			}
		}
		best = min(best, time.Since(begin))
	}
	return float64(best) / rounds
}

// compare reports how many plain verifications an operation costs.
func compare(b *testing.B, floor float64) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/floor, "verifies/op")
}

// lengths are chains of n links, each with two methods and a caveat.
func ofLength(b *testing.B, n int) *grant.Grant {
	b.Helper()
	people := []person{home, anna, billie, claire}
	t := func(to person, depth int) grant.Terms {
		t := terms(to, depth, grant.ArgPrefix(0, "/main"))
		t.Methods = []string{"add", "list"}
		return t
	}
	g := mustIssue(b, home, "organiser", t(people[1], n-1))
	for i := 1; i < n; i++ {
		g = mustDelegate(b, g, people[i%4], t(people[(i+1)%4], n-1-i))
	}
	return g
}

func BenchmarkIssue(b *testing.B) {
	f := floor(b)
	b.ReportAllocs()
	for b.Loop() {
		mustIssue(b, home, "", terms(anna, 0))
	}
	compare(b, f)
}

func BenchmarkDelegate(b *testing.B) {
	g, f := mustIssue(b, home, "", terms(anna, 1)), floor(b)
	b.ReportAllocs()
	for b.Loop() {
		mustDelegate(b, g, anna, terms(billie, 0))
	}
	compare(b, f)
}

// BenchmarkVerify is what a host does with a grant that it is shown: Parse and Verify.
func BenchmarkVerify(b *testing.B) {
	for _, cached := range []bool{false, true} {
		for _, n := range []int{1, 2, 4, 8} {
			b.Run(fmt.Sprintf("links=%d/cached=%t", n, cached), func(b *testing.B) {
				g := ofLength(b, n)
				v := at(start)
				if cached {
					v.Cache = new(grant.Cache)
				}
				bytes, f := g.Bytes(), floor(b)
				b.ReportAllocs()
				for b.Loop() {
					g, err := grant.Parse(bytes)
					if err != nil {
						b.Fatal(err)
					}
					if err := v.Verify(g); err != nil {
						b.Fatal(err)
					}
				}
				compare(b, f)
				b.ReportMetric(float64(len(bytes))/float64(n), "bytes/link")
			})
		}
	}
}

// BenchmarkUse is what a host does before each call, with 100000 links known to be revoked.
func BenchmarkUse(b *testing.B) {
	s := withRevocations(b, 100_000)
	for _, n := range []int{1, 8} {
		b.Run(fmt.Sprintf("links=%d", n), func(b *testing.B) {
			g := ofLength(b, n)
			v := with(s, start)
			call := grant.Call{Method: "add", Args: []any{"/main/friday"}, Live: true}
			b.ReportAllocs()
			for b.Loop() {
				if err := v.Current(g); err != nil {
					b.Fatal(err)
				}
				if err := g.Permits(call, start, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPresent(b *testing.B) {
	g, f := ofLength(b, 2), floor(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := grant.Present(billie, g, [32]byte{1}, home.key(), 1); err != nil {
			b.Fatal(err)
		}
	}
	compare(b, f)
}

func BenchmarkCheckPresentation(b *testing.B) {
	g, f := ofLength(b, 2), floor(b)
	p, err := grant.Present(billie, g, [32]byte{1}, home.key(), 1)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.CheckPresentation(p, [32]byte{1}, home.key()); err != nil {
			b.Fatal(err)
		}
	}
	compare(b, f)
}

// withRevocations returns a set of n revocations, made without their signatures.
func withRevocations(b *testing.B, n int) *grant.Set {
	b.Helper()
	s, err := grant.NewSet(nil)
	if err != nil {
		b.Fatal(err)
	}
	root := rootFields(home, anna)
	c := coseOf("grant", "grant", nil)
	r := coseOf("revocation", "revoke", nil)
	c.signature, r.signature = make([]byte, 64), make([]byte, 64)
	for i := range n {
		c.payload = encode(root.with(14, fmt.Appendf(nil, "%016d", i)))
		id := idOf(c.payload)
		previous := make([]byte, 32)
		r.payload = encode(fields{1: 1, 2: keyBytes(home), 3: keyBytes(home), 4: id[:], 5: i + 2, 6: previous})
		if err := s.Load(encode([][]byte{r.seal(home), array(c.seal(home))}), start); err != nil {
			b.Fatal(err)
		}
	}
	if got, _ := s.Len(); got != n {
		b.Fatalf("%d of %d were loaded", got, n)
	}
	return s
}

// BenchmarkRevoke is a revocation made, sent and taken in, when a set holds 100000.
func BenchmarkRevoke(b *testing.B) {
	s, g, f := withRevocations(b, 100_000), mustIssue(b, home, "", terms(anna, 0)), floor(b)
	_, used := s.Len()
	feed := grant.Feed{}
	b.ReportAllocs()
	for b.Loop() {
		notice, err := g.Revoke(home, grant.Withdrawal{Link: g.ID(), Reason: "test"}, feed)
		if err != nil {
			b.Fatal(err)
		}
		n, err := s.Add(notice, start)
		if err != nil {
			b.Fatal(err)
		}
		feed = grant.Feed{Seq: feed.Seq + 1, Last: n.ID}
	}
	compare(b, f)
	b.ReportMetric(float64(used)/100_000, "bytes/held")
}

func BenchmarkHas(b *testing.B) {
	s := withRevocations(b, 100_000)
	id := mustIssue(b, home, "", terms(anna, 0)).ID()
	b.ReportAllocs()
	for b.Loop() {
		if s.Has(id) {
			b.Fatal("it is not there")
		}
	}
}

// BenchmarkAsOf is after a new head that counts 100000 revocations by its issuer.
func BenchmarkAsOf(b *testing.B) {
	s, g := withRevocations(b, 100_000), mustIssue(b, home, "", terms(anna, 0))
	now := start
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		now = now.Add(time.Second)
		h, err := s.Head(home, g, g.ID(), now)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Add(h, now); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if !s.AsOf(home.key(), home.key()).Equal(now) {
			b.Fatal("it is not known")
		}
	}
}

// BenchmarkDigest is what it costs to compare a set that holds much with somebody's, when a head has taken the place of another since.
func BenchmarkDigest(b *testing.B) {
	for _, many := range []int{1000, 20_000} {
		b.Run(fmt.Sprint(many), func(b *testing.B) {
			s := newSet(b, nil)
			for _, n := range noticesOf(b, many) {
				if err := s.Load(n, start); err != nil {
					b.Fatal(err)
				}
			}
			g := chainOf(b, home, anna)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				h, err := s.Head(home, g, g.ID(), start.Add(time.Duration(i)*time.Second))
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Load(h, start.Add(time.Duration(i)*time.Second)); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				_ = s.Digest(nil)
			}
		})
	}
}
