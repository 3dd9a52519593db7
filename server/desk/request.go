// Package desk owns requests: what customers ask for and staff work off. A fault is a request of type fault_report; all types
// share one aggregate, one number series, one thread, one status machine and one queue (requirements.md, decisions).
//
// A request is one document. Its thread, its photos' references and the notices about it live in it, so that each act is one
// atomic write and nothing is sent before it is stored (design.md section 3).
package desk

import (
	"errors"

	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
)

// Type is one of the request types of standards.md section 6.
type Type string

// The types that can be placed.
const (
	FaultReport Type = "fault_report"
	TagBlock    Type = "tag_block" // documents that access tags were blocked or reactivated (B-16)
)

// TagAct is what a request of type TagBlock documents.
type TagAct string

// What is done to tags.
const (
	ActBlock      TagAct = "block"
	ActReactivate TagAct = "reactivate"
)

// Decision is what staff made of an order to reactivate a tag that needs their approval (SEC-8).
type Decision string

// The decisions; "" stands in requests that need none.
const (
	Pending  Decision = "pending"
	Approved Decision = "approved"
	Refused  Decision = "refused"
)

// Status is how far a request is (B-5).
type Status string

// The statuses, in order.
const (
	WaitingHandling Status = "waiting_handling"
	InProgress      Status = "in_progress"
	WaitingCustomer Status = "waiting_customer"
	Done            Status = "done"
)

// Statuses lists them in order.
var Statuses = []Status{WaitingHandling, InProgress, WaitingCustomer, Done}

// Known reports whether the status exists.
func (s Status) Known() bool {
	for _, k := range Statuses {
		if s == k {
			return true
		}
	}
	return false
}

// mayBecome is the status machine for staff (B-6, B-7, B-8): anything open may move on or back to work, a finished request may
// be opened again, and nothing returns to the start of the queue.
func (s Status) mayBecome(next Status) bool {
	switch next {
	case InProgress:
		return s == WaitingHandling || s == WaitingCustomer || s == Done
	case WaitingCustomer:
		return s == WaitingHandling || s == InProgress
	case Done:
		return s != Done
	}
	return false
}

// Limits of one request. A thread at its limit refuses further messages clearly rather than growing without bound.
const (
	MaxText     = 4000 // characters of a report or a message
	MaxMessages = 150
	MaxPhotos   = 5         // of a report, by its reporter (F-29)
	maxThread   = 640 << 10 // bytes of a thread as it is stored; leaves a document room for status changes, photos and notices
)

var (
	// ErrNotFound is the one answer for requests that are not there and those the viewer may not see (SEC-16).
	ErrNotFound = errors.New("desk: not found")
	// ErrNotAllowed is for callers who may see the request, but may not do this.
	ErrNotAllowed = errors.New("desk: not allowed")
	// ErrKeyReused says that an Idempotency-Key came again with other content (SEC-86).
	ErrKeyReused = errors.New("desk: idempotency key used for other content")
	// ErrStatus says that a request cannot go from its status to the wished one.
	ErrStatus = errors.New("desk: status change not possible")
	// ErrThreadFull says that a request has MaxMessages messages, or fewer that are very long.
	ErrThreadFull = errors.New("desk: thread is full")
	// ErrTooManyPhotos says that a request has MaxPhotos photos.
	ErrTooManyPhotos = errors.New("desk: too many photos")
)

// FieldError says which field of an input is wrong and why. Field is the wire name, Code the stable reason.
type FieldError struct{ Field, Code string }

// Error names field and reason.
func (e *FieldError) Error() string { return "desk: field " + e.Field + ": " + e.Code }

// The reasons of a [FieldError].
const (
	Missing   = "missing"
	TooLong   = "too_long"
	NotChosen = "not_in_list"
	BadText   = "bad_text"
	OneOf     = "exactly_one"
	TooMany   = "out_of_range"
	Owners    = "several_owners" // tags of more than one customer or provider
)

// Request is what a customer asked for, with all that happened to it.
type Request struct {
	Number    string `json:"number"`
	Type      Type   `json:"type"`
	Provider  string `json:"provider"`
	Customer  string `json:"customer"`
	Asset     string `json:"asset"`     // "" for a request about tags
	Component string `json:"component"` // "" for the asset in general (F-29)
	FaultType string `json:"fault_type"`
	Severity  int    `json:"severity"` // 1 (highest) to 4, a fact of the fault type
	Text      string `json:"text"`
	Status    Status `json:"status"`
	Open      bool   `json:"open"` // Status is not done
	Reporter  string `json:"reporter"`
	// ReporterName is the reporter's name, as it was then.
	ReporterName string     `json:"reporter_name"`
	Followers    []string   `json:"followers,omitempty"` // persons who asked to be told too
	Thread       []Entry    `json:"thread,omitempty"`
	Photos       []Photo    `json:"photos,omitempty"`
	Key          string     `json:"key"` // person and Idempotency-Key, unique (SEC-86)
	Content      string     `json:"content"`
	Created      store.Time `json:"created"`
	Updated      store.Time `json:"updated"`
	Rank         string     `json:"rank"` // place in the queue, see rank
	// Tags are ids, Act what became of them or is asked for; Decision says how far an order that needs approval is.
	Tags     []string `json:"tags"`
	Act      TagAct   `json:"act,omitempty"`
	Decision Decision `json:"decision,omitempty"`
	Asked    *asked   `json:"asked,omitempty"`
	// Alarmed is set when staff were told that the reporter blocks unusually much (SEC-9).
	Alarmed bool `json:"alarmed,omitempty"`
	outbox.Box
}

// asked is what Key and Content of a request become once it is decided.
type asked struct {
	Key     string `json:"key"`
	Content string `json:"content"`
}

// Entry is one step of a thread: a message, or a change of status.
type Entry struct {
	ID     string     `json:"id"`
	At     store.Time `json:"at"`
	Author string     `json:"author"`
	Name   string     `json:"name"` // of the author, as it was then
	Staff  bool       `json:"staff"`
	Text   string     `json:"text,omitempty"`
	From   Status     `json:"from,omitempty"` // with To: a change of status
	To     Status     `json:"to,omitempty"`
	Key    string     `json:"key,omitempty"` // Idempotency-Key of its author
}

// Photo is a picture of a request; the blob holds it encoded anew, without place or serial number (SEC-62).
type Photo struct {
	ID     string     `json:"id"`
	Blob   string     `json:"blob"`
	At     store.Time `json:"at"`
	Author string     `json:"author"`
	Width  int        `json:"width"`
	Height int        `json:"height"`
	Hash   string     `json:"hash"` // of the file as it was sent: the same file again is no second photo
}

// FaultType is a kind of fault that a provider offers; customers choose among the released ones (F-30).
type FaultType struct {
	ID       string                `json:"id"`
	Names    map[locale.Tag]string `json:"names"`
	Severity int                   `json:"severity"`
	Released bool                  `json:"released"`
}

// Name is what the fault type is called in a language, or in the first one that it has.
func (f FaultType) Name(l locale.Tag) string {
	if n := f.Names[l]; n != "" {
		return n
	}
	for _, t := range locale.Tags {
		if n := f.Names[t]; n != "" {
			return n
		}
	}
	return f.ID
}

// Catalogue holds what a provider offers to report.
type Catalogue struct {
	Provider   string      `json:"provider"`
	FaultTypes []FaultType `json:"fault_types"`
}

// find returns a released fault type.
func (c *Catalogue) find(id string) (FaultType, bool) {
	for _, f := range c.FaultTypes {
		if f.ID == id && f.Released {
			return f, true
		}
	}
	return FaultType{}, false
}

// rank orders the queue: open before done, then severity, then time of receipt (S-4).
func rank(open bool, severity int, received store.Time) string {
	first := "1"
	if open {
		first = "0"
	}
	return first + string(rune('0'+severity)) + received.Key()
}
