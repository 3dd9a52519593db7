package edge

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
)

// shape is what a Go type takes as JSON, worked out once for each operation.
type shape struct {
	kind     reflect.Kind // Struct, Map, Slice, String, Bool, Float64, Int64, Uint64; Invalid takes anything
	bits     int
	length   int // of an array, else -1
	nullable bool
	fields   map[string]*shape
	elem     *shape
	// custom is a type that reads its JSON itself.
	custom reflect.Type
}

func shapeOf(t reflect.Type) *shape { return shapeIn(t, map[reflect.Type]*shape{}) }

func shapeIn(t reflect.Type, seen map[reflect.Type]*shape) *shape {
	if s := seen[t]; s != nil {
		return s
	}
	s := &shape{length: -1}
	seen[t] = s
	if reads(t) {
		s.custom, s.nullable = t, true
		return s
	}
	switch t.Kind() {
	case reflect.Pointer:
		*s = *shapeIn(t.Elem(), seen)
		s.nullable = true
	case reflect.Struct:
		s.kind, s.fields = reflect.Struct, map[string]*shape{}
		structFields(t, s.fields, seen)
	case reflect.Map:
		s.kind, s.nullable, s.elem = reflect.Map, true, shapeIn(t.Elem(), seen)
	case reflect.Slice:
		s.nullable = true
		if t.Elem().Kind() == reflect.Uint8 {
			s.custom = t
			break
		}
		s.kind, s.elem = reflect.Slice, shapeIn(t.Elem(), seen)
	case reflect.Array:
		s.kind, s.length, s.elem = reflect.Slice, t.Len(), shapeIn(t.Elem(), seen)
	case reflect.String, reflect.Bool:
		s.kind = t.Kind()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.kind, s.bits = reflect.Int64, t.Bits()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s.kind, s.bits = reflect.Uint64, t.Bits()
	case reflect.Float32, reflect.Float64:
		s.kind, s.bits = reflect.Float64, t.Bits()
	default:
		s.nullable = true
	}
	return s
}

func reads(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// structFields collects the JSON names of t and of structs embedded without a name of their own; outer fields win.
func structFields(t reflect.Type, into map[string]*shape, seen map[reflect.Type]*shape) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer && f.IsExported() {
			inner = inner.Elem()
		}
		if f.Tag.Get("json") == "-" || !(f.IsExported() || f.Anonymous && inner.Kind() == reflect.Struct) {
			continue
		}
		if f.Anonymous && name == "" && inner.Kind() == reflect.Struct && !reads(inner) {
			promoted := map[string]*shape{}
			structFields(inner, promoted, seen)
			for k, v := range promoted {
				if into[k] == nil {
					into[k] = v
				}
			}
			continue
		}
		if name == "" {
			name = f.Name
		}
		into[name] = shapeIn(f.Type, seen)
		if strings.Contains(","+options+",", ",string,") {
			into[name] = &shape{kind: reflect.String, length: -1}
		}
	}
}
