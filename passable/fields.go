package passable

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// fillStruct plans a Go struct that is data.
func (b planner) fillStruct(p *plan, t reflect.Type) {
	if i := embeddedReference(t); i >= 0 {
		p.refuse = mixedReference(t, i)
		return
	}
	fields, err := b.collect(nil, t, nil)
	if err == nil && len(fields) == 0 && t.NumField() > 0 && !allSkipped(t) {
		err = cannotPass(t, "it has no exported fields and would arrive empty")
	}
	if err == nil {
		slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.key, b.key) })
		for i := 1; i < len(fields); i++ {
			if fields[i].key == fields[i-1].key {
				err = cannotPass(t, fmt.Sprintf("two fields are called %s on the wire: rename one with a tag `ocapn:\"…\"`", quoteKey(fields[i].key)))
			}
		}
	}
	if err != nil {
		p.refuse = err
		return
	}
	p.op, p.fields = opStruct, fields
}

// collect appends the fields of t, and of the plain structs it embeds.
func (b planner) collect(fields []field, t reflect.Type, index []int) ([]field, error) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("ocapn")
		if tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		at := append(slices.Clone(index), i)
		if f.Anonymous && name == "" {
			flattened, err := b.embedded(fields, t, f, at)
			if err != nil {
				return nil, err
			}
			if flattened != nil {
				fields = flattened
				continue
			}
		}
		if !f.IsExported() {
			if tagged {
				return nil, cannotPass(t, fmt.Sprintf("field %s has a tag and is not exported", f.Name))
			}
			continue
		}
		if options != "" && options != "omitempty" {
			return nil, cannotPass(t, fmt.Sprintf("field %s has an unknown tag option %s: the only one is omitempty", f.Name, quoteKey(options)))
		}
		if name == "" {
			name = LowerCamel(f.Name)
		}
		if !utf8.ValidString(name) {
			return nil, cannotPass(t, fmt.Sprintf("the tag of field %s is not valid UTF-8", f.Name))
		}
		fields = append(fields, field{key: name, index: at, omitEmpty: options == "omitempty", plan: b.plan(f.Type)})
	}
	return fields, nil
}

// embedded flattens an embedded plain struct. It returns nil fields for an
// embedded type that is treated as an ordinary field.
func (b planner) embedded(fields []field, t reflect.Type, f reflect.StructField, at []int) ([]field, error) {
	if f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct {
		return nil, cannotPass(t, fmt.Sprintf("it embeds the pointer %s: embed the struct itself, or give the field a name", f.Type))
	}
	if f.Type.Kind() != reflect.Struct {
		return nil, nil
	}
	// A time.Time or an error that is embedded is a value, not a bag of fields.
	if p := b.plan(f.Type); p.op != opStruct && p.op != opRefuse {
		return nil, nil
	} else if p.op == opRefuse {
		return nil, p.refuse
	}
	flattened, err := b.collect(fields, f.Type, at)
	if flattened == nil && err == nil {
		flattened = []field{}
	}
	return flattened, err
}

// allSkipped reports whether every field was left out on purpose.
func allSkipped(t reflect.Type) bool {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("ocapn") != "-" {
			return false
		}
	}
	return true
}

// mixedReference is the refusal of a struct that embeds a reference and holds
// other fields: promotion would make the whole struct pass as the reference and
// lose them.
func mixedReference(t reflect.Type, embedded int) error {
	other := 0
	if embedded == 0 && t.NumField() > 1 {
		other = 1
	}
	return cannotPass(t, fmt.Sprintf("it embeds the reference %s and has other fields (%s): give the reference a field name of its own",
		t.Field(embedded).Type, t.Field(other).Name))
}
