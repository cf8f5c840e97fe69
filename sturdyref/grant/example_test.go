package grant_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

// The owner of a festival lets Anna organise it. Anna, on her own, lets Billie add events to one stage.
func Example() {
	now := time.Date(2030, 6, 1, 9, 0, 0, 0, time.UTC)
	festival := grant.ObjectID{1}
	g, err := grant.Issue(home, grant.Root{Object: festival, Role: "organiser"}, grant.Terms{
		Audience: anna.key(), Expires: now.AddDate(0, 1, 0), Depth: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	g, err = g.Delegate(anna, grant.Terms{
		Audience: billie.key(), Expires: now.AddDate(0, 0, 7),
		Methods: []string{"add"}, Caveats: []grant.Caveat{grant.ArgPrefix(0, "/tent")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	// Billie sends the grant and, for this session, a presentation. Nothing of it has to be kept secret.
	binding := [32]byte{42} // what Billie and the host know of their session
	sent := g.Bytes()
	presentation, err := grant.Present(billie, g, binding, home.key(), 1)
	if err != nil {
		fmt.Println(err)
		return
	}

	// The host.
	v := &grant.Verifier{Now: func() time.Time { return now }, Cache: new(grant.Cache)}
	got, err := grant.Parse(sent)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := v.Verify(got); err != nil {
		fmt.Println(err)
		return
	}
	counter, err := got.CheckPresentation(presentation, binding, home.key())
	fmt.Println(got.Role(), counter, err)

	call := grant.Call{Method: "add", Args: []any{"/tent/friday", "Fiddlers"}, Live: true}
	fmt.Println(got.Permits(call, now, nil))
	call.Args[0] = "/main/friday"
	fmt.Println(got.Permits(call, now, nil))
	v.Now = func() time.Time { return now.AddDate(0, 0, 8) }
	err = v.Current(got)
	fmt.Println(errors.Is(err, grant.ErrRefused), errors.Is(err, grant.Expired))
	// Output:
	// organiser 1 <nil>
	// <nil>
	// grant: refused, beyond the grant: link 2: the caveat does not hold: argument 0 is a path below "/tent"
	// true true
}

// Billie's phone is stolen: Anna, who gave Billie the grant, takes it back.
func ExampleGrant_Revoke() {
	now := time.Date(2030, 6, 1, 9, 0, 0, 0, time.UTC)
	g, err := grant.Issue(home, grant.Root{Object: grant.ObjectID{1}}, grant.Terms{Audience: anna.key(), Expires: now.AddDate(0, 1, 0), Depth: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	billies, err := g.Delegate(anna, grant.Terms{Audience: billie.key(), Expires: now.AddDate(0, 0, 7)})
	if err != nil {
		fmt.Println(err)
		return
	}
	annas, err := grant.NewSet(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	notice, err := billies.Revoke(anna, grant.Withdrawal{Link: billies.ID(), Reason: "the phone was stolen"}, annas.Feed(anna.key(), home.key()))
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := annas.Add(notice, now); err != nil {
		fmt.Println(err)
		return
	}

	// The host hears of it from anybody.
	hosts, err := grant.NewSet(&grant.SetConfig{Wanted: func(subject grant.Key) bool { return subject == home.key() }})
	if err != nil {
		fmt.Println(err)
		return
	}
	added, err := hosts.Merge(annas.All(), now)
	fmt.Println(len(added), err)
	v := &grant.Verifier{Now: func() time.Time { return now }, Revoked: hosts.Has, Cut: hosts.Cut}
	fmt.Println(v.Verify(g), errors.Is(v.Verify(billies), grant.Withdrawn))
	// Output:
	// 1 <nil>
	// <nil> true
}

// A ticket that anybody can use who has it, of which the festival stores nothing.
func ExampleIssueBearer() {
	now := time.Date(2030, 6, 1, 9, 0, 0, 0, time.UTC)
	ticket, err := grant.IssueBearer(home, grant.Root{Object: grant.ObjectID{1}, Role: "visitor"}, grant.Terms{Expires: now.AddDate(0, 1, 0)})
	if err != nil {
		fmt.Println(err)
		return
	}
	printed := ticket.Reveal() // a secret: on paper, or in a QR code

	found, err := grant.ParseBearer(printed)
	if err != nil {
		fmt.Println(err)
		return
	}
	binding := [32]byte{42}
	shown, err := grant.Present(found.Signer(), found.Grant(), binding, home.key(), 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	v := &grant.Verifier{Now: func() time.Time { return now }}
	_, err = found.Grant().CheckPresentation(shown, binding, home.key())
	fmt.Println(v.Verify(found.Grant()), err)
	// Output:
	// <nil> <nil>
}
