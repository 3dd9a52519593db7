package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// IDIndex is the index over the document id; each collection has it without declaring it. Its one field is the id.
const IDIndex = "id"

// MaxID is the longest document id in bytes.
const MaxID = 512

// ErrBadDocument says that a body is no JSON object, is over [MaxDoc], or lacks an indexed field of the right type; it is a
// programming error.
var ErrBadDocument = errors.New("store: document does not fit its collection")

// Layout is a checked [Spec] with the two things that all engines must do alike: read the indexed fields of a document and
// read a query. It is for engines; a domain package declares a Spec and uses a [Collection].
type Layout struct {
	Spec    Spec
	indexes map[string]Index
	// fields says for each indexed field whether it is an array of strings.
	fields map[string]bool
}

// Keys are the indexed fields of one document: string, int64 or bool, and []string (sorted, each once) under a Multi index.
type Keys map[string]any

// NewLayout checks a declaration: names, at least one field per index, exactly one under Multi.
func NewLayout(s Spec) (*Layout, error) {
	name := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)
	if !name.MatchString(s.Name) {
		return nil, fmt.Errorf("store: bad collection name %q", s.Name)
	}
	l := &Layout{Spec: s, indexes: map[string]Index{IDIndex: {Name: IDIndex, Fields: []string{"id"}, Unique: true}}, fields: map[string]bool{}}
	for _, ix := range s.Indexes {
		if _, twice := l.indexes[ix.Name]; twice || !name.MatchString(ix.Name) {
			return nil, fmt.Errorf("store: bad or repeated index name %q in %s", ix.Name, s.Name)
		}
		if len(ix.Fields) == 0 || ix.Multi && len(ix.Fields) != 1 {
			return nil, fmt.Errorf("store: index %s of %s has %d fields", ix.Name, s.Name, len(ix.Fields))
		}
		for i, f := range ix.Fields {
			if !name.MatchString(f) || slices.Contains(ix.Fields[:i], f) {
				return nil, fmt.Errorf("store: bad or repeated field %q in index %s of %s", f, ix.Name, s.Name)
			}
			if multi, known := l.fields[f]; known && multi != ix.Multi {
				return nil, fmt.Errorf("store: field %q of %s is under a Multi index and another one", f, s.Name)
			}
			l.fields[f] = ix.Multi
		}
		l.indexes[ix.Name] = ix
	}
	return l, nil
}

// Keys reads the indexed fields of a body and returns ErrBadDocument if the body does not fit the declaration. A null under
// a Multi index is an empty array, because that is how Go writes a nil slice. A field that stands twice in the object is
// refused: decoders disagree about which one counts.
func (l *Layout) Keys(id string, body []byte) (Keys, error) {
	bad := func(format string, args ...any) (Keys, error) {
		return nil, fmt.Errorf("%w: %s %.40q: %s", ErrBadDocument, l.Spec.Name, id, fmt.Sprintf(format, args...))
	}
	if id == "" || len(id) > MaxID || !indexable(id) {
		return bad("id is empty, over %d bytes, or holds U+0000 or broken UTF-8", MaxID)
	}
	if len(body) > MaxDoc {
		return bad("%d bytes are over the limit of %d", len(body), MaxDoc)
	}
	if !utf8.Valid(body) || !json.Valid(body) {
		return bad("not JSON in UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return bad("not a JSON object")
	}
	keys := make(Keys, len(l.fields))
	for len(l.fields) > 0 && dec.More() {
		t, err := dec.Token()
		if err != nil {
			return bad("%v", err)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return bad("%v", err)
		}
		field := t.(string)
		multi, wanted := l.fields[field]
		if !wanted {
			continue
		}
		if _, twice := keys[field]; twice {
			return bad("field %q stands twice", field)
		}
		v, ok := keyValue(raw, multi)
		if !ok {
			return bad("indexed field %q is no string, integer or boolean, or no array of strings under a Multi index", field)
		}
		keys[field] = v
	}
	for field := range l.fields {
		if _, ok := keys[field]; !ok {
			return bad("indexed field %q is missing", field)
		}
	}
	return keys, nil
}

// keyValue reads one indexed field.
func keyValue(raw json.RawMessage, multi bool) (any, bool) {
	if multi {
		var list []*string
		if json.Unmarshal(raw, &list) != nil {
			return nil, false
		}
		words := make([]string, 0, len(list))
		for _, w := range list {
			if w == nil || !indexable(*w) {
				return nil, false
			}
			words = append(words, *w)
		}
		slices.Sort(words)
		return slices.Compact(words), true
	}
	switch {
	case raw[0] == '"':
		var s string
		if json.Unmarshal(raw, &s) != nil || !indexable(s) {
			return nil, false
		}
		if strings.ContainsRune(s, utf8.RuneError) && bytes.Contains(bytes.ToLower(raw), []byte(`\ud`)) {
			// Half a surrogate pair: Go reads U+FFFD, SQLite keeps the half.
			return nil, false
		}
		return s, true
	case string(raw) == "true":
		return true, true
	case string(raw) == "false":
		return false, true
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return n, err == nil
}

// indexable refuses what the engines order differently or cut short.
func indexable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }
