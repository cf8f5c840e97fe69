package main

import (
	"os"
	"path/filepath"

	"github.com/hawser-go/hawser/examples/play"
)

// play is the story of the demo.
func (d *demo) play() error {
	if d.Dir, d.Err = os.MkdirTemp("", "hawser-festival-demo-"); d.Err != nil {
		return d.Err
	}
	post := d.Start("post", "post", "--dir", filepath.Join(d.Dir, "post"), "--listen", loopback)
	d.Hears(post, "ready")
	places := make(map[string][]string)
	for _, who := range []string{"mara", "ada", "bob", "cleo", "vera", "zoe"} {
		places[who] = d.box(post, who)
	}
	keep := append([]string{"keep", "--name", "Quayside", "--stages", "Harbour,Boathouse", "--you", "mara"}, places["mara"]...)

	d.Scene("Mara keeps a festival, on her own machine. She grants two keys to organise, and one to visit.")
	mara := d.Start("mara", keep...)
	d.Sees(mara, "* admin of Quayside, mara")
	ada := d.granted(mara, "organiser", "ada", places["ada"])
	bob := d.granted(mara, "organiser", "bob", places["bob"])
	vera := d.granted(mara, "visitor", "vera", places["vera"])
	zoe, key := d.joins("zoe", places["zoe"])
	d.Says(mara, "grant visitor "+key+" zoe")
	ticket := d.Hears(mara, "invitation hawser-grant:")

	d.Scene("Ada adds an event: it is at home with her. Mara's list has a copy, and Vera's program shows it at once.")
	d.Says(ada, "add Foghorn Choir | Harbour | 2027-07-03 | 20:00 | 75 | Bring a coat.")
	d.Sees(vera, `+ 1: "Foghorn Choir" Harbour 2027-07-03 20:00`, "by ada, version 1")
	d.Sees(bob, `+ 1: "Foghorn Choir"`)
	d.Says(bob, "add Slow Ferry | Boathouse | 2027-07-03 | 01:15 | 45")
	d.Sees(vera, `+ 2: "Slow Ferry" Boathouse 2027-07-03 01:15`, "by bob")
	d.Sees(ada, `+ 2: "Slow Ferry"`)
	d.Says(vera, "ask 1")
	d.Sees(vera, `now 1: "Foghorn Choir"`)

	d.Scene("Nobody can do what their facet does not have: there is no such method, and no list of who may call it.")
	d.Says(vera, "add Karaoke | Harbour | 2027-07-03 | 21:00 | 60")
	d.Sees(vera, "! ", "festival.may-not")
	d.Says(vera, "try add")
	d.Sees(vera, "! ", "hawser.no-such-method")
	d.Says(bob, "edit 1 Foghorn Karaoke")
	d.Sees(bob, "! ", "festival.gone")
	d.Says(bob, "try unlist")
	d.Sees(bob, "! ", "hawser.no-such-method")

	d.letters(ada, bob, vera)
	d.Scene("Mara's program is killed. Ada changes her event and adds another; Vera still reads what there was. Bob passes on what he was granted: that takes his signature, and nobody else.")
	d.kill(mara)
	d.Says(ada, "edit 1 | | | 20:30")
	d.Says(ada, "add Net Menders' Jam | Boathouse | 2027-07-04 | 19:00 | 60")
	d.Sees(ada, `"Net Menders' Jam"`, "waiting for the festival")
	d.Says(vera, "list")
	d.Sees(vera, `= 1: "Foghorn Choir" Harbour 2027-07-03 20:00`, "version 1")
	d.Says(vera, "ask 1")
	d.Says(bob, "add Night Swim | Harbour | 2027-07-04 | 22:00 | 30")
	d.Sees(bob, `"Night Swim"`, "waiting for the festival")
	cleo, key := d.joins("cleo", places["cleo"])
	d.Says(bob, "pass "+key)
	passed := d.Hears(bob, "invitation hawser-grant:")
	d.Sees(vera, "! ", "festival.silent")

	d.Scene("Zoe has an invitation, but comes too late for Mara. Vera sees that it is genuine, and shows her what she has read: its organisers have signed it.")
	d.Gets(vera, "share "+ticket)
	d.Gets(zoe, d.Hears(vera, "invitation hawser-grant:"))
	d.Sees(zoe, "* visitor of Quayside, ")
	d.Sees(zoe, `"Foghorn Choir" Harbour 2027-07-03 20:00`, "by ada, version 1")
	d.Sees(zoe, `"Slow Ferry"`)

	d.Scene("Ada's program is killed, too. Then Mara's starts again: what Ada said was in Mara's mailbox.")
	d.posted(post, "mara")
	d.kill(ada)
	mara = d.Start("mara", keep...)
	d.Sees(mara, `"Foghorn Choir" Harbour 2027-07-03 20:30`, "version 2")
	d.Sees(mara, `"Net Menders' Jam"`)
	d.Sees(vera, `~ 1: "Foghorn Choir" Harbour 2027-07-03 20:30`, "version 2")
	d.Sees(vera, `"Net Menders' Jam"`)
	d.Sees(vera, `"Night Swim"`)
	d.Sees(zoe, `"Foghorn Choir" Harbour 2027-07-03 20:30`, "version 2")
	d.Gets(zoe, "follow "+ticket)
	d.Sees(zoe, "* followed")

	d.Scene("Ada is back, without an invitation: her program knows the festival, and nothing of hers is waiting any more.")
	ada = d.Start("ada", append([]string{"join"}, places["ada"]...)...)
	d.Sees(ada, `"Night Swim"`)
	d.Says(ada, "pending")
	d.Sees(ada, "pending nothing")

	d.Scene("Mara takes Bob's ferry off the list: Vera does not see it, Bob sees why. She cannot change it, but can put it back.")
	d.Says(mara, "unlist 2 the quay is closed")
	d.Sees(vera, `- 2: "Slow Ferry"`)
	d.Sees(bob, `"Slow Ferry"`, "off the list: the quay is closed")
	d.Says(mara, "edit 2 Fast Ferry")
	d.Sees(mara, "! ", "festival.may-not")
	d.Says(mara, "relist 2")
	d.Sees(vera, `+ 2: "Slow Ferry"`)

	d.Scene("Cleo has what Bob passed on. Mara has never heard of her, and lets her in by Bob's signature and her own.")
	d.Gets(cleo, passed)
	d.Sees(cleo, "* organiser of Quayside, bob's ")
	d.Says(cleo, "add Late Soup | Boathouse | 2027-07-04 | 23:30 | 60")
	d.Sees(vera, `"Late Soup"`, "by bob's ")

	d.Scene("Mara takes back what she granted Bob: he and Cleo can write no more. What they published stays, and Ada goes on.")
	d.Says(mara, "given")
	d.Sees(mara, "given 2: 1. ")
	d.Says(mara, "revoke 2 too many ferries")
	d.Sees(mara, "revoked 2")
	d.Says(bob, "edit 2 Fast Ferry")
	d.Sees(bob, `"Fast Ferry"`, "refused: ")
	d.Says(cleo, "add Early Soup | Boathouse | 2027-07-04 | 06:30 | 60")
	d.Sees(cleo, `"Early Soup"`, "refused: ")
	d.Says(ada, "edit 1 Foghorn Choir, the last night")
	d.Sees(vera, `"Foghorn Choir, the last night"`)
	d.Says(vera, "list")
	d.Sees(vera, `= 2: "Slow Ferry"`, "version 1")
	d.Sees(vera, `"Late Soup"`)

	d.Scene("Each of them has a page, too, for a browser on their machine: whoever has its address sees the same.")
	d.page(vera, "Foghorn Choir, the last night", "Slow Ferry", "Late Soup")

	d.Scene("They leave.")
	for _, p := range []*play.Process{zoe, vera, cleo, bob, ada, mara, post} {
		d.ends(p)
	}
	return d.Err
}
