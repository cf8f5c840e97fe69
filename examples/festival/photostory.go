package main

import (
	"os"
	"path/filepath"

	"github.com/hawser-go/hawser/examples/play"
)

// photos is the story of the demo about photos.
func (d *demo) photos() error {
	if d.Dir, d.Err = os.MkdirTemp("", "hawser-photos-demo-"); d.Err != nil {
		return d.Err
	}
	choir, ferry, nets := d.photo("choir.png"), d.photo("ferry.png"), d.photo("nets.png")
	to := func(name string) string { return filepath.Join(d.Dir, name) }
	ada, _ := d.opens("ada")
	bob, _ := d.opens("bob")
	vera, verasKey := d.opens("vera")
	fred, fredsKey := d.opens("fred")
	kit, kitsKey := d.opens("kit")

	d.Scene("Ada and Bob have an album each, at home with them. Nobody is above the two, and neither knows of the other.")
	d.Says(ada, "album Harbour at night")
	d.Sees(ada, `made album 1: "Harbour at night"`)
	d.Gets(ada, "add 1 "+choir+" | The last encore")
	d.Sees(ada, `added 1.1 "choir.png"`)
	d.Says(bob, "album Ferries")
	d.Sees(bob, `made album 1: "Ferries"`)
	d.Gets(bob, "add 1 "+ferry)
	d.Sees(bob, `added 1.1 "ferry.png"`)

	d.Scene("Both let Vera read theirs. What she gets is for her key, and no secret.")
	d.shared(ada, "1", "reader", verasKey, "vera", vera)
	d.Sees(vera, `accepted album 1: "Harbour at night", 1 photo, as reader`)
	d.shared(bob, "1", "reader", verasKey, "vera", vera)
	d.Sees(vera, `accepted album 2: "Ferries", 1 photo, as reader`)
	d.Says(vera, "read 1")
	d.Sees(vera, `= 1.1 "choir.png"`, "The last encore")
	d.Gets(vera, "fetch 2 1 "+to("ferry at veras.png"))
	d.Sees(vera, "fetched 2.1", "from its owner")
	d.same(vera, ferry, to("ferry at veras.png"))

	d.Scene("Kit keeps Ada's album for others. All Kit gets are names and sizes: what is kept cannot be read, and there is no method that would give the keys.")
	d.shared(ada, "1", "keeper", kitsKey, "kit", kit)
	d.Sees(kit, "accepted album 1: (sealed), 1 photo, as keeper")
	d.Says(kit, "keep 1 100")
	d.Sees(kit, "kept 1: 1 photo")
	d.Says(kit, "read 1")
	d.Sees(kit, "= 1.1 sealed")
	d.Gets(kit, "fetch 1 1 "+to("choir at kits.png"))
	d.Sees(kit, "! ", "have no keys (photos.may-not)")
	d.Says(kit, "try 1 photos")
	d.Sees(kit, "! ", "hawser.no-such-method")
	d.Says(vera, "read 1")
	d.Sees(vera, `= 1.1 "choir.png"`)

	d.Scene("Ada's program is killed. Vera still has the list, and the photo from Kit, who cannot see it. What she was granted she passes on to Fred.")
	d.kill(ada)
	d.Gets(vera, "fetch 1 1 "+to("choir at veras.png"))
	d.Sees(vera, "fetched 1.1", "from kit")
	d.same(vera, choir, to("choir at veras.png"))
	d.Says(vera, "pass 1 "+fredsKey)
	d.Gets(fred, "accept "+d.Hears(vera, "invitation hawser-grant:"))
	d.Sees(fred, "accepted album 1: (not read yet)", "its owner is away")

	d.Scene("Kit's disk goes bad; Vera could not tell from a Kit who lies. Each piece is compared with the photo's name, and nothing is left of one that is not it.")
	d.kill(kit)
	d.spoil(kit)
	kit, _ = d.opens("kit")
	d.Gets(vera, "fetch 1 1 "+to("choir once more.png"))
	d.Sees(vera, "! kit has something else in its place, of which nothing was used")
	d.Sees(vera, "! no shelf that can be reached has that photo")
	d.none(vera, to("choir once more.png"))

	d.Scene("Ada is back, and has never heard of Fred. He reads the album by Vera's signature and his own.")
	ada, _ = d.opens("ada")
	d.Says(fred, "read 1")
	d.Sees(fred, `= 1: "Harbour at night", 1 photo, as reader`)
	d.Gets(fred, "fetch 1 1 "+to("choir at freds.png"))
	d.Sees(fred, "fetched 1.1", "from its owner")
	d.same(fred, choir, to("choir at freds.png"))
	d.Gets(vera, "fetch 1 1 "+to("choir once more.png"))
	d.Sees(vera, "fetched 1.1", "from its owner")
	d.same(vera, choir, to("choir once more.png"))

	d.Scene("Ada takes back what she granted Vera, and adds another photo, sealed to a key of its own. That is of this one album: Vera and Fred are out, and Kit goes on.")
	d.Says(ada, "given")
	d.Sees(ada, "given 1: album 1, reader, to vera")
	d.Says(ada, "revoke 1 enough")
	d.Sees(ada, "revoked 1: album 1, vera")
	d.Gets(ada, "add 1 "+nets+" | For family only")
	d.Sees(ada, `added 1.2 "nets.png"`)
	d.Says(vera, "read 1")
	d.Sees(vera, `= 1: "Harbour at night", 1 photo`, "its owner refuses")
	d.Sees(vera, "! you are not a reader of this album any more")
	d.Says(fred, "read 1")
	d.Sees(fred, "! you are not a reader of this album any more")
	d.Gets(vera, "fetch 1 2 "+to("nets at veras.png"))
	d.Sees(vera, "! there is no such photo")
	d.Says(kit, "sync")
	d.Sees(kit, "kept 1: 2 photos")

	d.Scene("What Vera has read she has: it cannot be unread. And Bob's album is Bob's: she reads that as before, and what he adds.")
	d.Says(vera, "albums")
	d.Sees(vera, `album 1: "Harbour at night", 1 photo`)
	d.Gets(bob, "add 1 "+nets+" | Seen from the ferry")
	d.Sees(bob, `added 1.2 "nets.png"`)
	d.Says(vera, "read 2")
	d.Sees(vera, `= 2: "Ferries", 2 photos`)
	d.Gets(vera, "fetch 2 2 "+to("nets at veras.png"))
	d.Sees(vera, "fetched 2.2", "from its owner")
	d.same(vera, nets, to("nets at veras.png"))

	d.Scene("They leave.")
	for _, p := range []*play.Process{kit, fred, vera, bob, ada} {
		d.ends(p)
	}
	return d.Err
}
