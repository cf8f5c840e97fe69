package hawser_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base32"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// everything collects what is printed, logged and traced.
type everything struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (e *everything) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.out.Write(b)
}

// said adds what a value looks like in every format there is.
func (e *everything) said(values ...any) {
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			_, _ = fmt.Fprintf(e, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(e, nil)).Info("text", "v", v)
		slog.New(slog.NewJSONHandler(e, nil)).Info("json", "v", v)
		if b, err := json.Marshal(v); err == nil {
			_, _ = e.Write(b)
		} else {
			_, _ = fmt.Fprintln(e, err)
		}
		if b, err := xml.Marshal(v); err == nil {
			_, _ = e.Write(b)
		}
		var coded bytes.Buffer
		if err := gob.NewEncoder(&coded).Encode(v); err != nil {
			_, _ = fmt.Fprintln(e, err)
		}
		_, _ = e.Write(coded.Bytes())
	}
}

// spellings are the ways in which bytes may show up: whole, or a part of them long enough to matter.
func spellings(secret []byte) []string {
	var all []string
	for start := 0; start+12 <= len(secret); start += 10 {
		part := secret[start : start+12]
		all = append(all, string(part), hex.EncodeToString(part), strings.ToUpper(hex.EncodeToString(part)),
			strings.Trim(fmt.Sprint(part), "[]"), strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", part[:6]), "[]byte{"), "}"))
	}
	for shift := range 5 {
		// Whatever stands before the secret, some of its digits do not depend on it.
		padded := append(make([]byte, shift), secret...)
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			s := enc.EncodeToString(padded)
			all = append(all, s[(shift*8+5)/6:min(len(s), (shift*8+5)/6+16)])
		}
		s := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(padded)
		s = s[(shift*8+4)/5 : min(len(s), (shift*8+4)/5+20)]
		all = append(all, s, strings.ToLower(s))
	}
	return all
}

// tracing is an identity that has itself traced whenever it is used, in the middle of a handshake for one.
type tracing struct {
	sturdyref.KeyPair
	e *everything
}

func (i tracing) ECDH(peer [32]byte) ([32]byte, error) {
	_, _ = i.e.Write(debug.Stack())
	return i.KeyPair.ECDH(peer)
}

func (i tracing) Sign(message []byte) ([]byte, error) {
	_, _ = i.e.Write(debug.Stack())
	return i.KeyPair.Sign(message)
}

// confidant is an object that holds secrets in all the places where a stack trace may find them.
type confidant struct {
	invite sturdyref.Ref
	key    sturdyref.Capability
	e      *everything
}

func (c *confidant) Panic(_ context.Context, how string) error {
	return c.deeper(how, c.invite, c.invite.Swiss, c.key)
}

func (c *confidant) deeper(how string, invite sturdyref.Ref, swiss sturdyref.SwissNum, key sturdyref.Capability) error {
	switch how {
	case "value":
		panic(invite)
	case "pointer":
		panic(&invite)
	case "error":
		panic(fmt.Errorf("holding %v %+v %#v %s", invite, swiss, key, invite.Peer))
	case "nil":
		var none *sturdyref.Ref
		_ = none.Swiss
	case "return":
		return fmt.Errorf("holding %v %+v %#v %x", invite, swiss, key, []any{invite})
	}
	b := make([]byte, 1<<20)
	_, _ = c.e.Write(b[:runtime.Stack(b, true)]) // of all goroutines
	return vat.NewError("test.known", fmt.Sprint(invite, swiss, key))
}

type confiding interface {
	Panic(ctx context.Context, how string) error
}

var confidingFacet = vat.FacetOf[confiding]("test.Confidant")

// T29: a whole story — good and bad calls, dials, refusals, panics, restarts, doors, grants — is run with every
// logger and tracer on, prints every value and every error in every way, and then looks for the secrets in it.
func TestSecretsAreNowhere(t *testing.T) {
	ctx := t.Context()
	e := &everything{}
	logger := func(json bool) hclog.Logger {
		return hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: e, JSONFormat: json, IncludeLocation: true})
	}
	door, dir := sturdyref.NewSwissNum(), t.TempDir()
	hostConfig := &hawser.Config{
		Dir: dir, Listen: "127.0.0.1:0", Door: hawser.Door{Closed: true, Secret: door}, Logger: logger(false), Tracer: vat.NewTraceWriter(e),
	}
	host, err := hawser.Open(ctx, hostConfig)
	if err != nil {
		t.Fatal(err)
	}
	guestID := newIdentity(t)
	guest := open(t, &hawser.Config{Listen: "127.0.0.1:0", Identity: tracing{guestID, e}, Logger: logger(true), Tracer: vat.NewTraceWriter(e)})
	key, err := sturdyref.NewCapability()
	if err != nil {
		t.Fatal(err)
	}
	failures := func(errs ...error) {
		for _, err := range errs {
			for ; err != nil; err = errors.Unwrap(err) {
				e.said(err)
			}
		}
	}
	outcome := func(r vat.Ref) { _, err := r.Await(ctx); e.said(r); failures(err) }

	// Publishing, in every way and in some that fail.
	invite := publish(t, host, "greeter")
	gone := publish(t, host, "gone")
	weak := sturdyref.SwissNumOf([]byte("a number that could be guessed"))
	c := &confidant{invite: invite, key: key, e: e}
	object, err := vat.Do(ctx, host.Vat("greeters"), func(ctx context.Context) (vat.Ref, error) { return confidingFacet.Spawn(ctx, c), nil })
	if err != nil {
		t.Fatal(err)
	}
	holder, err := host.Publish(ctx, "holder", object)
	if err != nil {
		t.Fatal(err)
	}
	place, err := host.PublishKey(ctx, "key", key.Public(), object)
	if err != nil {
		t.Fatal(err)
	}
	_, err = host.Publish(ctx, "greeter", object)
	failures(err, host.Revoke(ctx, "gone"), host.Revoke(ctx, "gone"), host.Unpublish(ctx, "nothing"))
	doored := invite.Peer.Clone()
	doored.Hints["door"] = base64.RawURLEncoding.EncodeToString(door.Reveal())

	// Enlivening, in every way and in some that fail.
	unknown := sturdyref.Ref{Peer: invite.Peer, Swiss: sturdyref.NewSwissNum()}
	viaDoor := sturdyref.Ref{Peer: doored, Swiss: weak}
	deaf, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unreachable := at(invite, deaf.LocalAddr().String())
	anon, err := guest.Anonymous()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []*hawser.Node{guest, anon} {
		outcome(n.Enliven(unknown))
		outcome(n.Enliven(gone))
		outcome(n.Enliven(invite))
		outcome(n.Enliven(holder))
		outcome(n.Enliven(viaDoor))
		outcome(n.EnlivenKey(place, key))
		failures(greet(n.Enliven(invite)))
	}
	other, err := guest.As(ctx, newIdentity(t))
	if err != nil {
		t.Fatal(err)
	}
	outcome(guest.Enliven(holder).Send(ctx, "panic", other.Enliven(invite)))
	for _, how := range []string{"value", "pointer", "error", "nil", "return", "stack"} {
		outcome(guest.Enliven(holder).Send(ctx, "panic", how))
	}
	_, err = vat.Do(ctx, host.Vat("greeters"), func(ctx context.Context) (int, error) {
		vat.Go(ctx, func(context.Context) (int, error) { panic(invite) })
		return 0, nil
	})
	failures(err)
	lost := other.Enliven(unreachable)
	failures(other.Close())
	outcome(lost)
	_ = deaf.Close()

	// Grants whose secret travels along, shown as they are to be, and not.
	if _, err := host.Offer(ctx, "confidant", host.Vat("greeters"), map[string]hawser.Role{
		"friend": {Open: func(context.Context, hawser.Holder) (vat.Ref, error) { return object, nil }},
	}); err != nil {
		t.Fatal(err)
	}
	bearer, err := grant.IssueBearer(host.Signer(), grant.Root{Object: host.ObjectID("confidant"), Role: "friend"}, grant.Terms{Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []*hawser.Node{guest, anon} {
		friend := n.Redeem(bearer.Grant(), bearer.Signer(), host.Location())
		outcome(friend)
		outcome(friend.Send(ctx, "panic", "value"))
		outcome(n.Redeem(bearer.Grant(), guest.Signer(), host.Location()))
	}
	for _, bad := range []string{bearer.Reveal()[1:], bearer.Reveal() + "x", strings.Replace(bearer.Reveal(), ".", "", 1)} {
		_, err := grant.ParseBearer(bad)
		failures(err)
	}
	_, _, err = host.RevokeGrant(ctx, bearer.Grant(), "over")
	failures(err)
	outcome(guest.Redeem(bearer.Grant(), bearer.Signer(), host.Location()))
	seed, err := base64.RawURLEncoding.DecodeString(bearer.Reveal()[strings.LastIndex(bearer.Reveal(), ".")+1:])
	if err != nil || len(seed) != ed25519.SeedSize {
		t.Fatal(len(seed), err)
	}

	// Reading what is no sturdyref, and opening what cannot be opened.
	uri := invite.URI()
	for _, bad := range []string{uri[:len(uri)/2], uri + "/x", uri + "%", strings.Replace(uri, "/s/", "/t/", 1), uri + "\n", "http" + uri, strings.ToUpper(uri)} {
		_, err := sturdyref.Parse(bad)
		failures(err)
	}
	_, err = hawser.Open(ctx, &hawser.Config{Dir: dir})
	failures(err)
	_, err = hawser.Open(ctx, &hawser.Config{Listen: "127.0.0.1:0", Door: hawser.Door{Secret: weak}})
	failures(err)

	// Every value that holds a secret, alone and inside others.
	keys, err := invite.Swiss.Keys()
	if err != nil {
		t.Fatal(err)
	}
	shown, _ := invite.Key()
	lock, err := sturdyref.NewCapabilityLock(guestID, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	plain := *hostConfig
	plain.Logger, plain.Tracer = nil, nil // which fmt would look into while they are in use
	for _, v := range []any{
		invite, &invite, invite.Swiss, invite.Peer, anon, doored, &doored, viaDoor, holder, keys, keys.ProofKey(), keys.Lock(), shown, key, &key, lock,
		guestID, &guestID,
		tracing{KeyPair: guestID},
		door, plain, &plain, hostConfig.Door, &hostConfig.Door,
		hawser.Config{Identity: guestID},
		home.Publication{Name: "x", Swiss: invite.Swiss},
		[]any{invite, key},
		map[string]any{"x": invite, "y": doored},
		struct{ Ref sturdyref.Ref }{viaDoor},
		struct{ r *sturdyref.Ref }{&invite},
		host, guest.Location(),
		bearer, &bearer, bearer.Signer(), bearer.Grant(),
		struct{ b grant.Bearer }{bearer},
	} {
		e.said(v)
	}

	// The end, and after it.
	identity := readFile(t, dir, "identity")
	failures(host.Close())
	failures(greet(guest.Enliven(at(invite, "no address"))))
	failures(guest.Close())
	outcome(guest.Enliven(invite))
	_, err = host.Publish(ctx, "late", object)
	failures(err)

	revealed, err := guestID.Reveal()
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{
		"the swiss number": invite.Swiss.Reveal(), "an unknown one": unknown.Swiss.Reveal(), "a revoked one": gone.Swiss.Reveal(),
		"the holder's": holder.Swiss.Reveal(), "the weak one": weak.Reveal(), "the psk": keys.Reveal()[16:48], "the proof key": keys.Reveal()[48:],
		"the capability key": key.Reveal(), "the door's secret": door.Reveal(), "the guest's identity": revealed[5:],
		"the host's identity": identity[5:], "the secret of a grant": seed,
	}
	e.mu.Lock()
	out := e.out.String()
	e.mu.Unlock()
	if len(out) < 50_000 || !strings.Contains(out, "REDACTED") || !strings.Contains(out, "a handler panicked") || !strings.Contains(out, `"kind":"wire-send"`) {
		t.Fatalf("this is not everything: %d bytes", len(out))
	}
	for what, secret := range secrets {
		for _, s := range spellings(secret) {
			if i := strings.Index(out, s); i >= 0 {
				t.Errorf("%s stands there: …%q…", what, out[max(0, i-150):min(len(out), i+len(s)+50)])
				break
			}
		}
	}
	// The search finds what is there.
	for what, secret := range secrets {
		for name, spelt := range map[string]string{
			"raw": "x" + string(secret), "hex": fmt.Sprintf("%x", secret), "HEX": fmt.Sprintf("%X", secret), "decimal": fmt.Sprint(secret),
			"go": fmt.Sprintf("%#v", secret), "base64": base64.StdEncoding.EncodeToString(append([]byte("ab"), secret...)),
			"base64url": base64.URLEncoding.EncodeToString(secret), "base32": base32.StdEncoding.EncodeToString(append([]byte("abc"), secret...)),
			"lower base32": strings.ToLower(base32.StdEncoding.EncodeToString(secret)),
		} {
			found := false
			for _, s := range spellings(secret) {
				found = found || strings.Contains(spelt, s)
			}
			if !found {
				t.Errorf("%s in %s would not be found", what, name)
			}
		}
	}
}
