package asset

import (
	"slices"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// Tag is a label, a foreign code bound as an alias, or an access tag. Each has a code of ours for its id, printed or not, so
// that a card beside a fob can carry it.
type Tag struct {
	ID        string        `json:"id"`
	Kind      TagKind       `json:"kind"`
	Provider  string        `json:"provider"`
	Customer  string        `json:"customer"` // whose access tag it is; "" for labels, which follow their component
	State     tagging.State `json:"state"`
	Component string        `json:"component"` // of a label; "" while unbound
	// Foreign marks a label that we did not print: its Number leads to its component.
	Foreign bool `json:"foreign,omitempty"`
	// Number is the foreign code or the tag number in the form that people know: as it was entered first. Readings are what it may
	// mean (standards.md 1.6, 2.1), Keys where matching finds them.
	Number   string   `json:"number,omitempty"`
	Hint     string   `json:"hint,omitempty"` // kind of reader that Number came from
	Readings []string `json:"readings,omitempty"`
	Keys     []string `json:"keys"`
	// Holder is who has an access tag, nil while it lies in the drawer; Words are what the holder is found by.
	Holder  *Holder    `json:"holder,omitempty"`
	Words   []string   `json:"words"`
	Expires store.Time `json:"expires"` // [store.Never] for none; then it blocks itself
	Seen    store.Time `json:"seen"`    // last sighting, exact to an hour; the zero time for none
	// Replaces and ReplacedBy link the tags of a replacement.
	Replaces   string `json:"replaces,omitempty"`
	ReplacedBy string `json:"replaced_by,omitempty"`
	// Reused is the tag that has the number of a retired or replaced one now; doors go by that one then.
	Reused string `json:"reused,omitempty"`
	// Listed is the version of the provider's access list that brought the last change for doors: 0 for a tag that was never on it,
	// [listPending] for one that waits for its number. Change counts those changes, ListedAt is when the last one was made, and Barred
	// what it was: doors refuse the tag, or let it pass again. Proofs are what controllers made of it.
	Listed   int64      `json:"listed"`
	Change   int64      `json:"change,omitempty"`
	ListedAt store.Time `json:"listed_at"`
	Barred   bool       `json:"barred,omitempty"`
	Proofs   []Proof    `json:"proofs,omitempty"`
	// Request is the number of the request that documents the last block (B-16).
	Request string `json:"request,omitempty"`
	outbox.Box
	Updated store.Time `json:"updated"`
	History []TagEvent `json:"history"`
}

// TagKind tells printed labels from key fobs and cards.
type TagKind string

// The kinds of tag.
const (
	Label     TagKind = "label"
	AccessTag TagKind = "access"
)

// TagEvent is one step in the life of a tag: what, who, when, why.
type TagEvent struct {
	Step tagging.Step `json:"step"`
	Who  string       `json:"who"`
	Name string       `json:"name,omitempty"` // of who, as it was then
	At   store.Time   `json:"at"`
	Note string       `json:"note,omitempty"`
}

// listPending is the Listed of a tag whose change waits for its version, see [Service.AccessList].
const listPending = -1

// maxHistory bounds the history of one tag; see [Tag.add].
const maxHistory = 200

func tagSpec() store.Spec {
	return store.Spec{Name: "tags", Indexes: []store.Index{
		{Name: "provider", Fields: []string{"provider", "updated"}},
		{Name: "kind", Fields: []string{"provider", "kind", "updated"}},
		{Name: "state", Fields: []string{"provider", "kind", "state", "updated"}},
		{Name: "customer", Fields: []string{"customer", "provider", "updated"}},
		{Name: "component", Fields: []string{"component"}},
		{Name: "key", Fields: []string{"keys"}, Multi: true},
		{Name: "word", Fields: []string{"words"}, Multi: true},
		{Name: "listed", Fields: []string{"provider", "listed"}},
		{Name: "customer_listed", Fields: []string{"provider", "customer", "listed"}},
		{Name: "seen", Fields: []string{"provider", "kind", "state", "seen"}},
		{Name: "unseen", Fields: []string{"customer", "provider", "state", "seen"}},
		{Name: "expires", Fields: []string{"kind", "state", "expires"}},
		outbox.Index(),
	}}
}

func newTag(code tagging.Code, kind TagKind, provider string) *Tag {
	return &Tag{ID: string(code), Kind: kind, Provider: provider, State: tagging.Minted, Expires: store.Never, Box: outbox.New()}
}

// add notes a step. A very long history loses its oldest step but one, so that where the tag came from stays known.
func (t *Tag) add(step tagging.Step, v identity.Viewer, at store.Time, note string) {
	if len(t.History) >= maxHistory {
		t.History = slices.Delete(t.History, 1, 2)
	}
	t.History = append(t.History, TagEvent{Step: step, Who: v.User, Name: v.Name, At: at, Note: note})
	t.Updated = at
}

// Code is the id as a code.
func (t *Tag) Code() tagging.Code { return tagging.Code(t.ID) }

// Gone reports whether the tag ended for good: it was retired or replaced.
func (t *Tag) Gone() bool { return t.State == tagging.Retired || t.State == tagging.Replaced }

// Live reports whether scanning the tag leads to what it is bound to: a damaged label still does.
func (t *Tag) Live() bool { return t.State == tagging.Bound || t.State == tagging.Damaged }
