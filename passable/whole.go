package passable

import "reflect"

// CheckWhole is Check for values that are to come back whole, as stored state is: it reports, too, why a part of values of
// type t would be lost without a word: a field that is not exported, and one that is left out by the tag `ocapn:"-"`. Fields
// of t itself with that tag are the caller's business.
func CheckWhole(t reflect.Type) error {
	if err := Check(t); err != nil {
		return err
	}
	return checkWhole(planFor(t), map[*plan]bool{}, true)
}

func checkWhole(p *plan, seen map[*plan]bool, top bool) error {
	if p == nil || seen[p] {
		return nil
	}
	seen[p] = true
	if p.op == opStruct {
		if err := checkFields(p.typ, top); err != nil {
			return err
		}
	}
	if err := checkWhole(p.elem, seen, false); err != nil {
		return under("[]", err)
	}
	for _, f := range p.fields {
		if err := checkWhole(f.plan, seen, false); err != nil {
			return underKey(f.key, err)
		}
	}
	return nil
}

// checkFields looks at the fields of a plain struct, and of those it embeds.
func checkFields(t reflect.Type, top bool) error {
	for i := range t.NumField() {
		f := t.Field(i)
		switch tag := f.Tag.Get("ocapn"); {
		case tag == "-" && top:
		case tag == "-":
			return fail(cannotPass(t, "field "+f.Name+" is left out and would be lost: keep it in the outermost struct, or store it"))
		case f.Anonymous && tag == "" && f.Type.Kind() == reflect.Struct && planFor(f.Type).op == opStruct:
			if err := checkFields(f.Type, false); err != nil {
				return err
			}
		case !f.IsExported():
			return fail(cannotPass(t, "field "+f.Name+" is not exported and would be lost: export it, or tag it `ocapn:\"-\"`"))
		}
	}
	return nil
}
