package grant_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

func sortNames(names [][32]byte) {
	slices.SortFunc(names, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
}

// A receipt is signed by the home that the notice is about, and of that notice only.
func TestReceipt(t *testing.T) {
	g := chainOf(t, home, anna, billie)
	s := newSet(t, nil)
	b := revoke(t, s, g, 2, anna, nil)
	of, err := grant.ConcernOf(b)
	if err != nil || of.Home != home.key() || of.By != anna.key() || of.Link != g.ID() || !of.Revokes {
		t.Fatalf("%+v, %v", of, err)
	}
	receipt, err := grant.SignReceipt(home, of, start.Add(time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	r, err := grant.ParseReceipt(receipt)
	if err != nil || !r.Confirms(of) || r.Home != home.key() || r.Link != g.ID() || !r.AsOf.Equal(start.Add(time.Second)) {
		t.Errorf("%+v, %v", r, err)
	}
	again, err := grant.ParseReceiptText(grant.ReceiptText(receipt))
	if err != nil || !bytes.Equal(again, receipt) {
		t.Errorf("as text: %v", err)
	}
	if _, err := grant.ParseReceiptText(grant.NoticeText(b)); err == nil {
		t.Error("the text of a notice is read as that of a receipt")
	}

	head, err := s.Head(anna, g, g.ID(), start)
	if err != nil {
		t.Fatal(err)
	}
	ofHead, err := grant.ConcernOf(head)
	if err != nil || ofHead.Revokes || ofHead.Link != g.ID() {
		t.Errorf("%+v, %v", ofHead, err)
	}
	other, err := g.Revoke(home, grant.Withdrawal{Link: g.ID()}, grant.Feed{})
	if err != nil {
		t.Fatal(err)
	}
	ofOther, err := grant.ConcernOf(other)
	if err != nil {
		t.Fatal(err)
	}
	if r.Confirms(ofHead) || r.Confirms(ofOther) {
		t.Error("a receipt of one notice confirms another")
	}

	if _, err := grant.SignReceipt(anna, of, start); err == nil {
		t.Error("somebody who is not the home signs a receipt")
	}
	if _, err := grant.SignReceipt(nil, of, start); err == nil {
		t.Error("nobody signs a receipt")
	}
	if _, err := grant.SignReceipt(home, of, time.Time{}); err == nil {
		t.Error("a receipt of no time")
	}
	for i := range receipt {
		bad := bytes.Clone(receipt)
		bad[i] ^= 1
		if _, err := grant.ParseReceipt(bad); err == nil {
			t.Errorf("byte %d is changed and nobody notices", i)
		}
	}
	_, err = grant.ParseReceipt(make([]byte, 600))
	refused(t, "long", err, grant.Malformed)
}
