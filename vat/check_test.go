package vat_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/vat"
)

// check fails the test if what is written at this moment is not sound.
func (w *world) check() (c vat.DepotContents) {
	w.t.Helper()
	if err := w.store.View(func(r store.Reader) (err error) {
		c, err = vat.CheckDepot(r)
		return err
	}); err != nil {
		w.t.Error(err)
	}
	return c
}

// dump is what a store holds, by bucket and key.
type dump map[string]map[string][]byte

func dumpOf(t testing.TB, view func(func(store.Reader) error) error) dump {
	t.Helper()
	d := make(dump)
	if err := view(func(r store.Reader) error {
		for _, bucket := range r.Buckets() {
			d[bucket] = make(map[string][]byte)
			r.Scan(bucket, nil, func(key, value []byte) bool {
				d[bucket][string(key)] = slices.Clone(value)
				return true
			})
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d dump) clone() dump {
	c := make(dump)
	for bucket, keys := range d {
		c[bucket] = maps.Clone(keys)
	}
	return c
}

// check is vat.CheckDepot of a store that holds this.
func (d dump) check(t testing.TB) (c vat.DepotContents, found error) {
	t.Helper()
	var batch store.Batch
	for bucket, keys := range d {
		for key, value := range keys {
			batch.Put(bucket, []byte(key), value)
		}
	}
	var b memory.Backend
	if err := b.Apply([]*store.Batch{&batch}); err != nil {
		t.Fatal(err)
	}
	_ = b.View(func(r store.Reader) error {
		c, found = vat.CheckDepot(r)
		return nil
	})
	return c, found
}

// edit changes a record, which is a list of fields.
func (d dump) edit(bucket, key string, change func(fields []any)) {
	var fields []any
	if err := detcbor.Unmarshal(d[bucket][key], &fields); err != nil {
		panic(err)
	}
	change(fields)
	b, err := detcbor.Marshal(fields)
	if err != nil {
		panic(err)
	}
	d[bucket][key] = b
}

func (d dump) field(bucket, key string, i int) (v any) {
	d.clone().edit(bucket, key, func(fields []any) { v = fields[i] })
	return v
}

// pick returns the first key of a bucket whose record is such.
func (d dump) pick(bucket string, such func(fields []any) bool) string {
	for _, key := range slices.Sorted(maps.Keys(d[bucket])) {
		var fields []any
		if err := detcbor.Unmarshal(d[bucket][key], &fields); err == nil && such(fields) {
			return key
		}
	}
	panic("no record of " + bucket + " is such")
}

func whatever([]any) bool { return true }

// The fields of records, by their places, and the sorts of slots.
const (
	slotSort, slotCount, slotBody, slotFacet, slotVat, slotKind, slotSettled                = 0, 1, 2, 3, 4, 5, 6
	slotResolver, slotNames, slotValue, slotFacets                                          = 7, 8, 9, 11
	messageTo, messageOp, messageArgs, messageAnswer, messageAwait, messageWays, messageDue = 0, 1, 4, 5, 6, 7, 8
	bodyNames, bodyState                                                                    = 0, 1
	kindNumber, kindBucket                                                                  = 0, 2

	sortFacet, sortVow, sortLost, sortBody, sortResolver, sortCaretaker, sortRevoker = 1, 2, 3, 4, 5, 6, 7
)

func (d dump) slot(sort uint64, such func(fields []any) bool) string {
	return d.pick("slots", func(f []any) bool { return f[slotSort] == sort && such(f) })
}

func number(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }
func id(key string) uint64   { return binary.BigEndian.Uint64([]byte(key)) }

// listOf is a list of one reference, encoded.
func listOf(slot uint64) []byte {
	b, err := modelcbor.Encode([]any{vat.NewVow(nil).Ref()}, func(passable.Reference) (uint64, error) { return slot, nil })
	if err != nil {
		panic(err)
	}
	return b
}

// furnished returns what a depot holds that has every sort of record.
func furnished(t *testing.T) (d dump) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind, kindV1)
		a, b := w.root("a", "a"), w.root("b", "b")
		far := object(t, newVat(t, nil), func(context.Context, []any) (any, error) { return vat.NewVow(nil).Ref(), nil })
		mustAnswer[any](t, b, "link", a, "a")
		mustAnswer[any](t, a, "link", b, "b")
		mustAnswer[any](t, a, "want", b.Send(context.Background(), "add", 5))
		mustAnswer[any](t, b, "want", b.Send(context.Background(), "fail", 5))
		made := mustAnswer[vat.Ref](t, a, "make")
		mustAnswer[any](t, made, "link", far, "far")
		mustAnswer[any](t, b, "link", made, "made")
		mustAnswer[any](t, made, "askFar", far)
		mustAnswer[vat.Timer](t, a, "later", time.Hour)
		hold := make(chan struct{})
		dying = func() { <-hold }
		dead := a.Send(context.Background(), "die")
		synctest.Wait()
		c := w.root("c", "c")
		mustAnswer[any](t, c, "link", a, "a")
		mustAnswer[any](t, c, "link", b, "b")
		mustAnswer[any](t, c, "hopeFor") // a promise whose resolver b has
		synctest.Wait()
		mustAnswer[any](t, c, "link", a, "a")
		mustAnswer[any](t, c, "ask", "add", 1) // waits in the store for a
		mustAnswer[any](t, c, "protect", a)
		mustAnswer[any](t, c, "link", mustAnswer[vat.Ref](t, c, "whois", "caret"), "caret")
		mustAnswer[any](t, c, "pass", 1) // waits for a, too,
		synctest.Wait()                  // behind the caretaker
		if got := w.check(); got.Messages != 6 || got.Caretakers != 1 || got.Pending != 3 || got.Lost != 1 || got.Resolvers != 1 || got.Objects() != 4 || got.Roots != 3 ||
			got.Vats != 3 || len(got.Kinds) != 2 || got.Kinds[1].Objects != 4 || got.Clean {
			t.Errorf("%+v", got)
		}
		d = dumpOf(t, w.store.View)
		close(hold)
		_, _ = dead.Await(context.Background())
	})
	return d
}

// Damage of each kind is found, and told in a line that names it.
func TestCheckDepot(t *testing.T) {
	whole := furnished(t)
	if _, err := whole.check(t); err != nil {
		t.Fatal(err)
	}
	if c, err := (dump{}).check(t); err != nil || c.Objects() != 0 {
		t.Errorf("of nothing: %+v, %v", c, err)
	}
	set := func(bucket, key string, field int, value any) func(dump) {
		return func(d dump) { d.edit(bucket, key, func(f []any) { f[field] = value }) }
	}
	remove := func(bucket, key string) func(dump) { return func(d dump) { delete(d[bucket], key) } }
	put := func(bucket, key string, value []byte) func(dump) {
		return func(d dump) {
			if d[bucket] == nil {
				d[bucket] = make(map[string][]byte)
			}
			d[bucket][key] = value
		}
	}
	var (
		body     = whole.slot(sortBody, whatever)
		ref      = whole.slot(sortFacet, func(f []any) bool { return f[slotBody] == id(body) })
		settled  = whole.slot(sortVow, func(f []any) bool { return f[slotSettled] == true && len(f[slotValue].([]byte)) > 0 })
		pending  = whole.slot(sortVow, func(f []any) bool { return f[slotSettled] == false && f[slotResolver] == uint64(0) })
		other    = whole.slot(sortFacet, func(f []any) bool { return f[slotBody] != id(body) })
		caret    = whole.slot(sortCaretaker, whatever)
		revoker  = whole.slot(sortRevoker, whatever)
		guarded  = whole.pick("messages", func(f []any) bool { return len(f[messageWays].([]any)) > 0 })
		resolver = whole.slot(sortResolver, whatever)
		promised = number(whole.field("slots", resolver, slotBody).(uint64))
		timer    = whole.pick("messages", func(f []any) bool { return f[messageDue] != uint64(0) })
		watch    = whole.pick("messages", func(f []any) bool { return f[messageAwait] != uint64(0) })
		waiting  = whole.pick("messages", func(f []any) bool { return f[messageAnswer] != uint64(0) })
		naming   = whole.pick("state-1", func(f []any) bool { return len(f[bodyNames].([]any)) > 1 })
		vatA     = whole["vats"]["a"]
		rootA    = string(vatA) + "a"
		kind     = "teller"
		count    = func(by int) func(dump) {
			return func(d dump) {
				d.edit("slots", ref, func(f []any) { f[slotCount] = f[slotCount].(uint64) + uint64(by) })
			}
		}
	)
	for name, c := range map[string]struct {
		damage func(dump)
		want   string
	}{
		"a count too high":         {count(1), fmt.Sprintf("slot %d: it counts ", id(ref))},
		"a count too low":          {count(-1), fmt.Sprintf("slot %d: it counts ", id(ref))},
		"an object's count":        {set("slots", body, slotCount, 7), "it counts 7 records that name it, and there are 1"},
		"a slot missing":           {remove("slots", ref), fmt.Sprintf("it names slot %d, which is not there", id(ref))},
		"an object's slot missing": {remove("slots", body), fmt.Sprintf("the state of object %d: of the kind \"teller\": there is no such object", id(body))},
		"an object without state":  {remove("state-1", body), fmt.Sprintf("slot %d: an object of the kind \"teller\" without its state", id(body))},
		"a state of nobody":        {put("state-1", number(4000), whole["state-1"][body]), "the state of object 4000: of the kind \"teller\": there is no such object"},
		"a state of a facet":       {put("state-1", ref, whole["state-1"][body]), fmt.Sprintf("slot %d is no object", id(ref))},
		"a state of another kind":  {func(d dump) { delete(d["state-1"], body); put("state-2", body, whole["state-1"][body])(d) }, "it is stored as one of the kind \"note\""},
		"a stray bucket": {func(d dump) {
			d.edit("kinds", "note", func(f []any) { f[kindBucket] = 3 })
			put("state-2", body, []byte{1})(d)
		}, `bucket "state-2": it has the state of 1 objects`},
		"a slot of no sort":                {set("slots", ref, slotSort, 9), "it is of sort 9"},
		"a slot of another sort":           {set("slots", ref, slotSort, sortLost), "it has what only slots of another sort have"},
		"a facet of no object":             {set("slots", ref, slotBody, id(pending)), "which is of the wrong sort"},
		"a facet the kind has not":         {set("slots", ref, slotFacet, "Odd"), `the facet "Odd" of an object of the kind "teller"`},
		"an object of no vat":              {set("slots", body, slotVat, 77), "an object of the vat number 77, which is not there"},
		"an object of no kind":             {set("slots", body, slotKind, 77), "an object of the kind number 77, which is not there"},
		"settled to nothing":               {set("slots", pending, slotSettled, true), "a promise with a value of 0 bytes and 0 errors, settled: true"},
		"not settled to something":         {set("slots", settled, slotSettled, false), "errors, settled: false"},
		"a facet that is not listed":       {set("slots", body, slotFacets, []any{}), fmt.Sprintf("it is a facet of object %d, which does not list it", id(body))},
		"a facet of another listed":        {set("slots", body, slotFacets, []any{id(ref), id(other)}), fmt.Sprintf("its facet, slot %d, is that of object", id(other))},
		"a facet listed and not there":     {set("slots", body, slotFacets, []any{id(ref), 4001}), "it names slot 4001, which is not there"},
		"a caretaker of two":               {set("slots", caret, slotNames, []any{id(ref), id(settled)}), "a caretaker that names 2 slots"},
		"a caretaker of what is not there": {set("slots", caret, slotNames, []any{4001}), "it names slot 4001"},
		"a caretaker of no vat":            {set("slots", caret, slotVat, 77), "a caretaker of the vat number 77, which is not there"},
		"a revoker of nothing":             {set("slots", revoker, slotNames, []any{}), "a revoker that names 0 slots"},
		"a revoker of no caretaker":        {set("slots", revoker, slotNames, []any{id(ref)}), "which is of the wrong sort"},
		"a way through no caretaker":       {set("messages", guarded, messageWays, []any{id(ref)}), "which is of the wrong sort"},
		"a resolver of no promise":         {set("slots", resolver, slotBody, id(body)), "which is of the wrong sort"},
		"a resolver of another":            {set("slots", resolver, slotBody, id(settled)), fmt.Sprintf("it resolves the promise in slot %d, whose resolver is slot 0", id(settled))},
		"a promise of another's resolver":  {set("slots", pending, slotResolver, id(resolver)), fmt.Sprintf("its resolver, slot %d, is that of slot %d", id(resolver), id(promised))},
		"a resolver forgotten":             {set("slots", promised, slotResolver, 0), fmt.Sprintf("slot %d, whose resolver is slot 0", id(promised))},
		"a resolver in a message":          {set("messages", waiting, messageArgs, listOf(id(resolver))), "which is of the wrong sort"},
		"a garbled value":                  {set("slots", settled, slotValue, []byte{0xff}), "its content cannot be read"},
		"a promise lists what not":         {set("slots", settled, slotNames, []any{id(ref)}), fmt.Sprintf("it lists the slots [%d], and [] are in it", id(ref))},
		"a garbled slot":                   {put("slots", ref, []byte("garbage")), fmt.Sprintf("slot %d: it cannot be read", id(ref))},
		"a slot cut short":                 {put("slots", ref, whole["slots"][ref][:5]), fmt.Sprintf("slot %d: it cannot be read", id(ref))},
		"a slot under no number":           {put("slots", "xy", whole["slots"][ref]), "slot: 7879 is no number"},
		"a number never given":             {put("slots", number(1<<40), whole["slots"][ref]), "slot 1099511627776: its number was never given out"},
		"a garbled state":                  {put("state-1", body, []byte{0x82}), fmt.Sprintf("the state of object %d: it cannot be read", id(body))},
		"a garbled content":                {set("state-1", body, bodyState, []byte{0xff}), fmt.Sprintf("the state of object %d: its content cannot be read", id(body))},
		"a state lists too little":         {set("state-1", naming, bodyNames, []any{}), "it lists the slots [], and ["},
		"a message to nowhere":             {set("messages", waiting, messageTo, 4001), fmt.Sprintf("message %d: it names slot 4001, which is not there", id(waiting))},
		"a message to no facet":            {set("messages", waiting, messageTo, id(body)), fmt.Sprintf("message %d: it names slot %d, which is of the wrong sort", id(waiting), id(body))},
		"an answer to no promise":          {set("messages", waiting, messageAnswer, id(ref)), "which is of the wrong sort"},
		"an answer to nowhere":             {set("messages", waiting, messageAnswer, 4001), "which is not there"},
		"a message of no operation":        {set("messages", waiting, messageOp, 9), "operation 9"},
		"a message without a list":         {set("messages", waiting, messageArgs, []byte{1}), "its arguments are no list"},
		"garbled arguments":                {set("messages", timer, messageArgs, []byte{}), fmt.Sprintf("message %d: its content cannot be read", id(timer))},
		"arguments from nowhere":           {set("messages", waiting, messageArgs, listOf(4001)), "it names slot 4001, which is not there"},
		"a wait for nothing":               {set("messages", watch, messageAwait, 4001), fmt.Sprintf("message %d: it names slot 4001", id(watch))},
		"a timer before time":              {set("messages", timer, messageDue, -1), "due -1"},
		"a timer that waits":               {set("messages", timer, messageAwait, id(pending)), "awaiting"},
		"a timer of a promise":             {set("messages", timer, messageTo, id(pending)), "which is of the wrong sort"},
		"a message that is a slot":         {put("messages", ref, whole["messages"][timer]), "there is a slot of that number"},
		"a root missing":                   {remove("roots", rootA), "it counts "},
		"a root to nowhere":                {put("roots", rootA, []byte(number(4001))), `root "a": it names slot 4001, which is not there`},
		"a root to an object":              {put("roots", rootA, []byte(body)), `root "a": it names slot`},
		"a garbled root":                   {put("roots", rootA, []byte("x")), `root "a": 78 is no number`},
		"a root of no vat":                 {put("roots", number(4001)+"z", []byte(ref)), "one of the vat number 4001"},
		"a root of nobody":                 {put("roots", "z", []byte(ref)), "it does not say of which vat"},
		"a vat missing":                    {remove("vats", "a"), "which is not there"},
		"a vat without number":             {put("vats", "z", nil), `vat "z":  is no number`},
		"two vats of one number":           {put("vats", "z", vatA), `it has the number of the vat "a"`},
		"a kind missing":                   {remove("kinds", kind), "of the kind number 1, which is not there"},
		"a garbled kind":                   {put("kinds", kind, []byte{7}), `kind "teller": it cannot be read`},
		"two kinds of one number":          {set("kinds", "note", kindNumber, 1), `kind "teller": it has the number of the kind "note"`},
		"two kinds in one bucket":          {set("kinds", "note", kindBucket, 1), `its state is in the bucket of the kind "note"`},
		"no numbers":                       {remove("depot", "next"), "was never given out: all are below 1"},
		"numbers taken back":               {put("depot", "next", []byte(number(3))), "was never given out: all are below 3"},
		"garbled numbers":                  {put("depot", "next", []byte("z")), "the numbers that were given out: 7a is no number"},
		"a garbled mark":                   {put("depot", "poison", []byte("z")), "the message that runs alone: it cannot be read"},
		"an impossible mark":               {put("depot", "poison", []byte{0x82, 1, 9}), "it says message 1, 9 tries"},
		"what nobody knows":                {put("depot", "odd", []byte("z")), `it has "odd"`},
	} {
		d := whole.clone()
		c.damage(d)
		_, err := d.check(t)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		for _, line := range lines {
			if !strings.HasPrefix(line, "vat: ") || len(line) > 420 {
				t.Errorf("%s: %q", name, line)
			}
		}
		if len(lines) > 11 || len(lines) == 11 && !strings.HasSuffix(lines[10], " more faults") {
			t.Errorf("%s: %d findings", name, len(lines))
		}
	}
}

// No slot, state, root or kind can be missing without notice, nor be empty.
func TestCheckMissing(t *testing.T) {
	whole := furnished(t)
	for bucket, keys := range whole {
		for key := range keys {
			d := whole.clone()
			d[bucket][key] = []byte{}
			if _, err := d.check(t); err == nil && !(bucket == "depot" && key == "clean") {
				t.Errorf("%s %x is empty: nothing found", bucket, key)
			}
			delete(d[bucket], key)
			switch {
			case bucket == "messages", bucket == "kinds" && key == "note", bucket == "depot" && key != "next":
			case bucket == "slots" && whole.field(bucket, key, slotCount) == uint64(0): // as the next start would
			default:
				if _, err := d.check(t); err == nil {
					t.Errorf("%s %x is missing: nothing found", bucket, key)
				}
			}
		}
	}
}

// What an upgrade that was cut short leaves is no fault, nor is a mark of a message that has been given up.
func TestCheckLeftovers(t *testing.T) {
	d := furnished(t)
	d["state-3"] = maps.Clone(d["state-1"])
	d["state-of-mind"] = map[string][]byte{"somebody": []byte("else")}
	d["depot"]["poison"] = []byte{0x82, 1, 3}
	if c, err := d.check(t); err != nil || c.Leftover != 4 {
		t.Errorf("%+v, %v", c, err)
	}
}

// An upgrade may be cut short at every write.
func TestCheckUpgradeCutShort(t *testing.T) {
	for at := range 6 {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, tellerKind, kindV1)
			a := w.root("a", "a")
			note := do(t, w.vat("a"), func(ctx context.Context) (vat.Ref, error) { return NoteFacet.Spawn(ctx, &noteV1{"abc", a}), nil })
			mustAnswer[any](t, a, "link", note, "note")
			w.close()
			w.cfg.Kinds = []vat.Kind{tellerKind, kindV3}
			w.disk.dieAt.Store(w.disk.writes.Load() + int64(at))
			_ = w.tryOpen()
			w.kill()
			w.disk.dieAt.Store(0)
			if _, err := dumpOf(t, w.disk.View).check(t); err != nil {
				t.Errorf("dead at %d: %v", at, err)
			}
			w.open()
			w.check()
		})
	}
}

// Whatever the records are, checking them ends without a panic, and tells in lines.
func FuzzCheckDepot(f *testing.F) {
	var whole dump
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7})
	f.Add([]byte("\x10\x00\xff\x20\x01\x01\x30\x05\x80\x01\x02\x04"))
	f.Fuzz(func(t *testing.T, flips []byte) {
		if whole == nil {
			whole = furnished(t)
		}
		d := whole.clone()
		var at [][2]string
		for _, bucket := range slices.Sorted(maps.Keys(d)) {
			for _, key := range slices.Sorted(maps.Keys(d[bucket])) {
				at = append(at, [2]string{bucket, key})
			}
		}
		for ; len(flips) >= 4; flips = flips[4:] {
			p := at[(int(flips[0])|int(flips[1])<<8)%len(at)]
			value := slices.Clone(d[p[0]][p[1]])
			switch i := int(flips[2]); {
			case len(value) > 0 && i < 240:
				value[i%len(value)] ^= flips[3]
			case i < 248:
				value = append(value, flips[3])
			default:
				value = value[:len(value)*int(flips[3])/256]
			}
			d[p[0]][p[1]] = value
		}
		if _, err := d.check(t); err != nil && strings.Count(err.Error(), "\n") > 10 {
			t.Errorf("too much: %v", err)
		}
	})
}
