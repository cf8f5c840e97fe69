package warden_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// identity is an object in the model: one of the inside, or one of the holder's.
type identity struct {
	inside bool
	n      int
}

// membraneOp is something that crosses, or happens between.
type membraneOp struct {
	what    string
	a, b, n int
}

// membraneModel knows what each side of a mandate should see of each object.
type membraneModel struct {
	s      *site
	t      *testing.T
	lab    vat.Ref
	r      vat.Ref
	fn     func(any) vat.Ref
	raw    map[identity]vat.Ref // as their own side sees them
	faces  map[identity]vat.Ref // as the other side does
	names  map[string]identity  // of what the lab keeps
	held   []identity           // what the holder has
	wrong  string
	serial int
}

func (m *membraneModel) fail(format string, args ...any) {
	if m.wrong == "" {
		m.wrong = fmt.Sprintf(format, args...)
	}
}

// begin is called anew after each restart.
func (m *membraneModel) begin() {
	inside, g := m.s.openLab()
	r, err := m.s.office.Open(g).Await(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	m.lab, m.r = inside, r
}

// seen checks a reference as a side sees it.
func (m *membraneModel) seen(inside bool, id identity, r vat.Ref, where string) {
	if id.inside == inside {
		if r != m.raw[id] {
			m.fail("%s: its own side sees %v as %v, and not as itself", where, id, r)
		}
		return
	}
	if r == m.raw[id] {
		m.fail("%s: %v has crossed unwrapped", where, id)
	}
	face, known := m.faces[id]
	if known && face != r {
		m.fail("%s: %v is seen as two", where, id)
	}
	for other, f := range m.faces {
		if other != id && f == r {
			m.fail("%s: %v and %v are seen as one", where, id, other)
		}
	}
	m.faces[id] = r
}

// view returns what the holder has for an object.
func (m *membraneModel) view(id identity) vat.Ref {
	if id.inside {
		return m.faces[id]
	}
	return m.raw[id]
}

// wrap puts a reference somewhere into a value.
func wrap(n int, r vat.Ref) any {
	switch n % 4 {
	case 0:
		return r
	case 1:
		return []any{int64(n), []any{r}}
	case 2:
		return passable.Tagged{Tag: "t", Value: []any{r}}
	}
	return passable.Struct{{Key: "a", Value: r}, {Key: "b", Value: r}}
}

// unwrap finds it again.
func unwrap(v any) vat.Ref {
	switch x := v.(type) {
	case vat.Ref:
		return x
	case []any:
		return unwrap(x[len(x)-1])
	case passable.Tagged:
		return unwrap(x.Value)
	case passable.Struct:
		if unwrap(x[0].Value) != unwrap(x[1].Value) {
			return vat.Ref{}
		}
		return unwrap(x[0].Value)
	}
	return vat.Ref{}
}

func (m *membraneModel) do(op membraneOp) {
	t := m.t
	name := fmt.Sprint("name ", op.n%5)
	id, named := m.names[name]
	switch op.what {
	case "make": // the inside makes an object
		id = identity{true, m.serial}
		m.serial++
		m.raw[id] = must[[]vat.Ref](t, m.lab, "make", 1)[0]
		must[any](t, m.lab, "put", name, m.raw[id])
		m.names[name] = id
	case "lend": // the holder shows what it has, itself or by way of a promise
		if len(m.held) == 0 || op.a%3 == 0 {
			id = identity{false, m.serial}
			m.serial++
			m.raw[id] = m.fn(func() string { return "mine" })
			m.held = append(m.held, id)
		} else {
			id = m.held[op.a%len(m.held)]
		}
		r := m.view(id)
		if op.b%2 == 0 {
			must[any](t, m.r, "put", name, r)
		} else {
			w := vat.NewVow(nil)
			told := m.r.Send(t.Context(), "put", name, w.Ref())
			synctest.Wait()
			w.Resolve(r)
			if _, err := told.Await(t.Context()); err == nil {
				m.fail("a put is answered with a reference")
			}
			synctest.Wait()
		}
		m.names[name] = id
	case "fetch": // the holder gets what the inside keeps
		if named {
			m.seen(false, id, must[vat.Ref](t, m.r, "get", name), "fetched")
			m.held = append(m.held, id)
		}
	case "echo": // what goes in and out is what it was
		if len(m.held) > 0 {
			id = m.held[op.a%len(m.held)]
			if got := unwrap(must[any](t, m.r, "echo", wrap(op.b, m.view(id)))); got != m.view(id) {
				m.fail("%v came back as %v", id, got)
			}
		}
	case "look": // what the inside sees
		if named {
			r := must[vat.Ref](t, m.lab, "get", name)
			if got, err := vat.Result[vat.Ref](r).Await(t.Context()); err == nil && !got.IsNull() {
				r = got // a promise that has settled
			}
			m.seen(true, id, r, "looked at")
		}
	case "crash":
		if m.s.m == nil {
			return
		}
		m.s.restart(op.a%2 == 0)
		m.begin()
		m.faces, m.held = make(map[identity]vat.Ref), nil
		raw := make(map[identity]vat.Ref)
		for name, id := range m.names {
			if !id.inside {
				delete(m.names, name) // it was in a process that has ended
				continue
			}
			raw[id] = must[vat.Ref](t, m.lab, "get", name)
			if got, err := vat.Result[vat.Ref](raw[id]).Await(t.Context()); err == nil && !got.IsNull() {
				raw[id] = got
			}
		}
		m.raw = raw
	}
	if named || op.what == "make" {
		// What works is called by way of whoever has it.
		if id := m.names[name]; id.inside && !m.faces[id].IsNull() {
			must[string](t, m.faces[id], "read")
		}
	}
}

// Whatever crosses, in whatever order, in values and promises, over restarts: each side sees its own objects as themselves, those of
// the other wrapped, each as one, and no two as one.
func TestMembraneModel(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprintf("durable=%v", durable), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				ops := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) membraneOp {
					return membraneOp{
						rapid.SampledFrom([]string{"make", "lend", "lend", "fetch", "fetch", "echo", "look", "crash"}).Draw(t, "what"),
						rapid.IntRange(0, 20).Draw(t, "a"), rapid.IntRange(0, 20).Draw(t, "b"), rapid.IntRange(0, 20).Draw(t, "n"),
					}
				}), 1, 40).Draw(rt, "ops")
				m := &membraneModel{raw: make(map[identity]vat.Ref), faces: make(map[identity]vat.Ref), names: make(map[string]identity)}
				synctest.Test(t, func(t *testing.T) {
					s := &site{t: t}
					m.s, m.t = s, t
					if durable {
						inBubble(s)
						defer s.m.Stop()
					} else {
						s.office = s.newOffice()
						s.v = vat.New(&vat.Config{Name: "folders", Kinds: append(s.office.Kinds(), testKinds...)})
						defer s.v.Close()
						s.office.Start()
					}
					defer func() { s.office.Close() }()
					v, fn := outside(t)
					defer v.Close()
					m.fn = fn
					m.begin()
					for _, op := range ops {
						if m.wrong == "" {
							m.do(op)
						}
					}
				})
				if m.wrong != "" {
					rt.Fatal(m.wrong)
				}
			})
		})
	}
}
