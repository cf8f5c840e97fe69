package sturdyref_test

import (
	"fmt"

	"github.com/hawser-go/hawser/sturdyref"
)

func ExampleParse() {
	ref, err := sturdyref.Parse("ocapn://zeb3kdhoqvpmpwmaftdpr2i3ncyzc3jwmfnbvc6bfwqd3rfqy5va.hawser/s/0QJ_iSN7tB4ppERrWGOgsYSIA3pDkV-n1SF0Jc1jjRo?addr=192.168.1.5:4711")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ref)
	fmt.Println("peer:", ref.Peer.ID())
	fmt.Println("hint:", ref.Peer.Hints["addr"])
	fmt.Println("swiss number:", ref.Swiss, len(ref.Swiss.Reveal()), "bytes")

	_, err = sturdyref.Parse("ocapn://zeb3kdhoqvpmpwmaftdpr2i3ncyzc3jwmfnbvc6bfwqd3rfqy5va.hawser?addr=192.168.1.5:4711")
	fmt.Println(err)
	// Output:
	// ocapn://zeb3kdhoqvpmpwmaftdpr2i3ncyzc3jwmfnbvc6bfwqd3rfqy5va.hawser/s/REDACTED?addr=192.168.1.5:4711
	// peer: zeb3kdhoqvpmpwmaftdpr2i3ncyzc3jwmfnbvc6bfwqd3rfqy5va.hawser
	// hint: 192.168.1.5:4711
	// swiss number: REDACTED 32 bytes
	// sturdyref: this is the locator of a peer, not of an object: the part /s/... with the swiss number is missing
}

// A fetch proof shows, on one session, that its sender knows a swiss number, and reveals nothing of it.
func ExampleProofKey_Fetch() {
	swiss := sturdyref.NewSwissNum()
	keys, err := swiss.Keys()
	if err != nil {
		fmt.Println(err)
		return
	}
	binding := [32]byte{1} // netlayer.Info.Binding of the session
	proof, err := keys.ProofKey().Fetch(binding, sturdyref.Dialler)
	if err != nil {
		fmt.Println(err)
		return
	}
	// The owner finds its keys by the name in the proof, and checks.
	id, ok := sturdyref.ProofID(proof[:])
	fmt.Println(ok, id == keys.ID(), keys.ProofKey().CheckFetch(proof[:], binding, sturdyref.Dialler))
	// On any other session it is worth nothing.
	fmt.Println(keys.ProofKey().CheckFetch(proof[:], [32]byte{2}, sturdyref.Dialler))
	// Output:
	// true true true
	// false
}
