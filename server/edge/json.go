package edge

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
)

// maxFieldErrors ends the list of complaints about one body.
const maxFieldErrors = 20

// DecodeJSON reads one JSON value into v, a non-nil pointer, and accepts nothing that two readers could understand differently
// (SEC-50, row 12): keys are compared exactly, unknown and repeated keys, trailing data, more than [DepthLimit] levels, broken
// UTF-8 (lone surrogates too), numbers out of range and wrong types are refused. The error is a *[Problem] "bad_json" whose
// fields point at each fault.
func DecodeJSON(data []byte, v any) error {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer {
		panic("edge: DecodeJSON needs a pointer")
	}
	if err := checkJSON(data, shapeOf(t.Elem())); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return badJSON([]FieldError{{Code: "invalid"}}, err)
	}
	return nil
}

func badJSON(fields []FieldError, cause error) *Problem {
	return &Problem{Code: "bad_json", Status: fiber.StatusBadRequest, Fields: fields, Cause: cause}
}

// checkJSON reports every fault that decoding data into the shape could meet or, worse, pass over. A nil shape is any value.
func checkJSON(data []byte, s *shape) error {
	w := walker{data: data}
	w.space()
	if w.value(s, 0) {
		if w.space(); w.pos < len(w.data) {
			w.complain("trailing_data", nil)
		}
	}
	if len(w.errs) > 0 {
		return badJSON(w.errs, nil)
	}
	return nil
}

// walker reads JSON once, from left to right, beside the shape it should have. Its methods report whether reading can go on:
// after a wrong type it can, after a broken syntax it cannot.
type walker struct {
	data []byte
	pos  int
	path []string
	errs []FieldError
}

func (w *walker) complain(code string, args map[string]any) {
	if len(w.errs) < maxFieldErrors {
		w.errs = append(w.errs, FieldError{Pointer: pointer(w.path), Code: code, Args: args})
	}
}

func (w *walker) stop(code string) bool {
	w.complain(code, map[string]any{"Offset": w.pos})
	return false
}

// pointer writes RFC 6901. Names come from the client, so their length is bounded and broken UTF-8 replaced.
func pointer(path []string) string {
	var b strings.Builder
	for _, name := range path {
		if len(name) > 64 {
			name = name[:64]
		}
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(strings.ToValidUTF8(name, "\ufffd")))
	}
	return b.String()
}

func (w *walker) space() {
	for w.pos < len(w.data) {
		switch w.data[w.pos] {
		case ' ', '\t', '\n', '\r':
			w.pos++
		default:
			return
		}
	}
}

func (w *walker) peek() byte {
	if w.pos < len(w.data) {
		return w.data[w.pos]
	}
	return 0
}

func (w *walker) value(s *shape, depth int) bool {
	if depth > DepthLimit {
		return w.stop("too_deep")
	}
	begin, before := w.pos, len(w.errs)
	if s != nil && s.custom != nil {
		if !w.value(nil, depth) {
			return false
		}
		if len(w.errs) == before && json.Unmarshal(w.data[begin:w.pos], reflect.New(s.custom).Interface()) != nil {
			w.complain("invalid", nil)
		}
		return true
	}
	switch c := w.peek(); {
	case c == '{':
		return w.object(w.expect(s, reflect.Struct, reflect.Map), depth)
	case c == '[':
		return w.array(w.expect(s, reflect.Slice), depth)
	case c == '"':
		w.expect(s, reflect.String)
		_, ok := w.text()
		return ok
	case c == '-' || (c >= '0' && c <= '9'):
		return w.number(w.expect(s, reflect.Int64, reflect.Uint64, reflect.Float64))
	case c == 't':
		w.expect(s, reflect.Bool)
		return w.literal("true")
	case c == 'f':
		w.expect(s, reflect.Bool)
		return w.literal("false")
	case c == 'n':
		if s != nil && !s.nullable {
			w.complain("wrong_type", nil)
		}
		return w.literal("null")
	}
	return w.stop("syntax")
}

// expect complains about a value that the shape does not take, and then lets its inside be read as anything.
func (w *walker) expect(s *shape, kinds ...reflect.Kind) *shape {
	if s == nil || s.kind == reflect.Invalid {
		return nil
	}
	for _, k := range kinds {
		if s.kind == k {
			return s
		}
	}
	w.complain("wrong_type", nil)
	return nil
}

func (w *walker) literal(word string) bool {
	if !bytes.HasPrefix(w.data[w.pos:], []byte(word)) {
		return w.stop("syntax")
	}
	w.pos += len(word)
	return true
}

func (w *walker) object(s *shape, depth int) bool {
	w.pos++
	seen := map[string]struct{}{}
	if w.space(); w.peek() == '}' {
		w.pos++
		return true
	}
	for {
		if w.space(); w.peek() != '"' {
			return w.stop("syntax")
		}
		key, ok := w.text()
		if !ok {
			return false
		}
		w.path = append(w.path, key)
		if _, twice := seen[key]; twice {
			w.complain("repeated_key", nil)
		}
		seen[key] = struct{}{}
		var inner *shape
		if s != nil && s.kind == reflect.Map {
			inner = s.elem
		} else if s != nil {
			if inner = s.fields[key]; inner == nil {
				w.complain("unknown_key", nil)
			}
		}
		if w.space(); w.peek() != ':' {
			return w.stop("syntax")
		}
		w.pos++
		w.space()
		if !w.value(inner, depth+1) {
			return false
		}
		w.path = w.path[:len(w.path)-1]
		w.space()
		switch w.peek() {
		case ',':
			w.pos++
		case '}':
			w.pos++
			return true
		default:
			return w.stop("syntax")
		}
	}
}

func (w *walker) array(s *shape, depth int) bool {
	w.pos++
	var inner *shape
	if s != nil {
		inner = s.elem
	}
	n := 0
	if w.space(); w.peek() == ']' {
		w.pos++
		return w.count(s, n)
	}
	for {
		w.path = append(w.path, strconv.Itoa(n))
		w.space()
		if !w.value(inner, depth+1) {
			return false
		}
		w.path = w.path[:len(w.path)-1]
		n++
		w.space()
		switch w.peek() {
		case ',':
			w.pos++
		case ']':
			w.pos++
			return w.count(s, n)
		default:
			return w.stop("syntax")
		}
	}
}

// count holds a Go array to its length; encoding/json would drop or invent elements.
func (w *walker) count(s *shape, n int) bool {
	if s != nil && s.length >= 0 && n != s.length {
		w.complain("wrong_type", nil)
	}
	return true
}

func (w *walker) number(s *shape) bool {
	begin := w.pos
	digits := func() bool {
		from := w.pos
		for c := w.peek(); c >= '0' && c <= '9'; c = w.peek() {
			w.pos++
		}
		return w.pos > from
	}
	if w.peek() == '-' {
		w.pos++
	}
	if w.peek() == '0' {
		w.pos++
	} else if !digits() {
		return w.stop("syntax")
	}
	whole := true
	if w.peek() == '.' {
		whole = false
		w.pos++
		if !digits() {
			return w.stop("syntax")
		}
	}
	if c := w.peek(); c == 'e' || c == 'E' {
		whole = false
		w.pos++
		if c := w.peek(); c == '+' || c == '-' {
			w.pos++
		}
		if !digits() {
			return w.stop("syntax")
		}
	}
	text := string(w.data[begin:w.pos])
	var err error
	switch {
	case s != nil && s.kind != reflect.Float64 && !whole:
		w.complain("wrong_type", nil)
		return true
	case s != nil && s.kind == reflect.Int64:
		_, err = strconv.ParseInt(text, 10, s.bits)
	case s != nil && s.kind == reflect.Uint64:
		_, err = strconv.ParseUint(text, 10, s.bits)
	default:
		bits := 64
		if s != nil {
			bits = s.bits
		}
		var f float64
		if f, err = strconv.ParseFloat(text, bits); math.IsInf(f, 0) {
			err = strconv.ErrRange
		}
	}
	if err != nil {
		w.complain("out_of_range", nil)
	}
	return true
}

// text reads a string and returns it decoded. A lone surrogate is as broken as a lone continuation byte: encoding/json would put
// U+FFFD in its place, and two different keys could become one.
func (w *walker) text() (string, bool) {
	w.pos++
	begin := w.pos
	var out []byte // nil as long as the string stands for itself
	for {
		if w.pos >= len(w.data) {
			return "", w.stop("syntax")
		}
		switch c := w.data[w.pos]; {
		case c == '"':
			w.pos++
			if out == nil {
				return string(w.data[begin : w.pos-1]), true
			}
			return string(out), true
		case c < 0x20:
			return "", w.stop("syntax")
		case c == '\\':
			if out == nil {
				out = append(make([]byte, 0, 64), w.data[begin:w.pos]...)
			}
			r, ok := w.escape()
			if !ok {
				return "", false
			}
			out = utf8.AppendRune(out, r)
		default:
			r, size := utf8.DecodeRune(w.data[w.pos:])
			if r == utf8.RuneError && size == 1 {
				return "", w.stop("bad_utf8")
			}
			if out != nil {
				out = append(out, w.data[w.pos:w.pos+size]...)
			}
			w.pos += size
		}
	}
}

func (w *walker) escape() (rune, bool) {
	w.pos++
	c := w.peek()
	w.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
	default:
		return 0, w.stop("syntax")
	}
	r, ok := w.hex4()
	if !ok {
		return 0, false
	}
	switch {
	case r >= 0xDC00 && r <= 0xDFFF:
		return 0, w.stop("bad_utf8")
	case r >= 0xD800 && r <= 0xDBFF:
		if !bytes.HasPrefix(w.data[w.pos:], []byte(`\u`)) {
			return 0, w.stop("bad_utf8")
		}
		w.pos += 2
		low, ok := w.hex4()
		if !ok {
			return 0, false
		}
		if low < 0xDC00 || low > 0xDFFF {
			return 0, w.stop("bad_utf8")
		}
		return (r-0xD800)<<10 | (low - 0xDC00) + 0x10000, true
	}
	return r, true
}

func (w *walker) hex4() (rune, bool) {
	if w.pos+4 > len(w.data) {
		return 0, w.stop("syntax")
	}
	n, err := strconv.ParseUint(string(w.data[w.pos:w.pos+4]), 16, 32)
	if err != nil {
		return 0, w.stop("syntax")
	}
	w.pos += 4
	return rune(n), true
}
