package main

import (
	"os"
	"path/filepath"
)

// play is the story of the demo.
func (d *demo) play() error {
	if d.dir, d.err = os.MkdirTemp("", "hawser-festival-demo-"); d.err != nil {
		return d.err
	}
	post := d.start("post", "post", "--dir", filepath.Join(d.dir, "post"), "--listen", loopback)
	d.hears(post, "ready")
	places := make(map[string][]string)
	for _, who := range []string{"mara", "ada", "bob", "cleo", "vera", "zoe"} {
		places[who] = d.box(post, who)
	}
	keep := append([]string{"keep", "--name", "Quayside", "--stages", "Harbour,Boathouse", "--you", "mara"}, places["mara"]...)

	d.scene("Mara keeps a festival, on her own machine. She grants two keys to organise, and one to visit.")
	mara := d.start("mara", keep...)
	d.sees(mara, "* admin of Quayside, mara")
	ada := d.granted(mara, "organiser", "ada", places["ada"])
	bob := d.granted(mara, "organiser", "bob", places["bob"])
	vera := d.granted(mara, "visitor", "vera", places["vera"])
	zoe, key := d.joins("zoe", places["zoe"])
	d.says(mara, "grant visitor "+key+" zoe")
	ticket := d.hears(mara, "invitation hawser-grant:")

	d.scene("Ada adds an event: it is at home with her. Mara's list has a copy, and Vera's program shows it at once.")
	d.says(ada, "add Foghorn Choir | Harbour | 2027-07-03 | 20:00 | 75 | Bring a coat.")
	d.sees(vera, `+ 1: "Foghorn Choir" Harbour 2027-07-03 20:00`, "by ada, version 1")
	d.sees(bob, `+ 1: "Foghorn Choir"`)
	d.says(bob, "add Slow Ferry | Boathouse | 2027-07-03 | 01:15 | 45")
	d.sees(vera, `+ 2: "Slow Ferry" Boathouse 2027-07-03 01:15`, "by bob")
	d.sees(ada, `+ 2: "Slow Ferry"`)
	d.says(vera, "ask 1")
	d.sees(vera, `now 1: "Foghorn Choir"`)

	d.scene("Nobody can do what their facet does not have: there is no such method, and no list of who may call it.")
	d.says(vera, "add Karaoke | Harbour | 2027-07-03 | 21:00 | 60")
	d.sees(vera, "! ", "festival.may-not")
	d.says(vera, "try add")
	d.sees(vera, "! ", "hawser.no-such-method")
	d.says(bob, "edit 1 Foghorn Karaoke")
	d.sees(bob, "! ", "festival.gone")
	d.says(bob, "try unlist")
	d.sees(bob, "! ", "hawser.no-such-method")

	d.letters(ada, bob, vera)
	d.scene("Mara's program is killed. Ada changes her event and adds another; Vera still reads what there was. Bob passes on what he was granted: that takes his signature, and nobody else.")
	d.kill(mara)
	d.says(ada, "edit 1 | | | 20:30")
	d.says(ada, "add Net Menders' Jam | Boathouse | 2027-07-04 | 19:00 | 60")
	d.sees(ada, `"Net Menders' Jam"`, "waiting for the festival")
	d.says(vera, "list")
	d.sees(vera, `= 1: "Foghorn Choir" Harbour 2027-07-03 20:00`, "version 1")
	d.says(vera, "ask 1")
	d.says(bob, "add Night Swim | Harbour | 2027-07-04 | 22:00 | 30")
	d.sees(bob, `"Night Swim"`, "waiting for the festival")
	cleo, key := d.joins("cleo", places["cleo"])
	d.says(bob, "pass "+key)
	passed := d.hears(bob, "invitation hawser-grant:")
	d.sees(vera, "! ", "festival.silent")

	d.scene("Zoe has an invitation, but comes too late for Mara. Vera sees that it is genuine, and shows her what she has read: its organisers have signed it.")
	d.gets(vera, "share "+ticket)
	d.gets(zoe, d.hears(vera, "invitation hawser-grant:"))
	d.sees(zoe, "* visitor of Quayside, ")
	d.sees(zoe, `"Foghorn Choir" Harbour 2027-07-03 20:00`, "by ada, version 1")
	d.sees(zoe, `"Slow Ferry"`)

	d.scene("Ada's program is killed, too. Then Mara's starts again: what Ada said was in Mara's mailbox.")
	d.posted(post, "mara")
	d.kill(ada)
	mara = d.start("mara", keep...)
	d.sees(mara, `"Foghorn Choir" Harbour 2027-07-03 20:30`, "version 2")
	d.sees(mara, `"Net Menders' Jam"`)
	d.sees(vera, `~ 1: "Foghorn Choir" Harbour 2027-07-03 20:30`, "version 2")
	d.sees(vera, `"Net Menders' Jam"`)
	d.sees(vera, `"Night Swim"`)
	d.sees(zoe, `"Foghorn Choir" Harbour 2027-07-03 20:30`, "version 2")
	d.gets(zoe, "follow "+ticket)
	d.sees(zoe, "* followed")

	d.scene("Ada is back, without an invitation: her program knows the festival, and nothing of hers is waiting any more.")
	ada = d.start("ada", append([]string{"join"}, places["ada"]...)...)
	d.sees(ada, `"Night Swim"`)
	d.says(ada, "pending")
	d.sees(ada, "pending nothing")

	d.scene("Mara takes Bob's ferry off the list: Vera does not see it, Bob sees why. She cannot change it, but can put it back.")
	d.says(mara, "unlist 2 the quay is closed")
	d.sees(vera, `- 2: "Slow Ferry"`)
	d.sees(bob, `"Slow Ferry"`, "off the list: the quay is closed")
	d.says(mara, "edit 2 Fast Ferry")
	d.sees(mara, "! ", "festival.may-not")
	d.says(mara, "relist 2")
	d.sees(vera, `+ 2: "Slow Ferry"`)

	d.scene("Cleo has what Bob passed on. Mara has never heard of her, and lets her in by Bob's signature and her own.")
	d.gets(cleo, passed)
	d.sees(cleo, "* organiser of Quayside, bob's ")
	d.says(cleo, "add Late Soup | Boathouse | 2027-07-04 | 23:30 | 60")
	d.sees(vera, `"Late Soup"`, "by bob's ")

	d.scene("Mara takes back what she granted Bob: he and Cleo can write no more. What they published stays, and Ada goes on.")
	d.says(mara, "given")
	d.sees(mara, "given 2: 1. ")
	d.says(mara, "revoke 2 too many ferries")
	d.sees(mara, "revoked 2")
	d.says(bob, "edit 2 Fast Ferry")
	d.sees(bob, `"Fast Ferry"`, "refused: ")
	d.says(cleo, "add Early Soup | Boathouse | 2027-07-04 | 06:30 | 60")
	d.sees(cleo, `"Early Soup"`, "refused: ")
	d.says(ada, "edit 1 Foghorn Choir, the last night")
	d.sees(vera, `"Foghorn Choir, the last night"`)
	d.says(vera, "list")
	d.sees(vera, `= 2: "Slow Ferry"`, "version 1")
	d.sees(vera, `"Late Soup"`)

	d.scene("Each of them has a page, too, for a browser on their machine: whoever has its address sees the same.")
	d.page(vera, "Foghorn Choir, the last night", "Slow Ferry", "Late Soup")

	d.scene("They leave.")
	for _, p := range []*process{zoe, vera, cleo, bob, ada, mara, post} {
		d.ends(p)
	}
	return d.err
}
