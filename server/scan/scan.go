// Package scan answers what a scanned or typed code leads to: one resolver behind the page for the camera app, the API and the
// photo. A stranger learns whom to call and nothing else; a portal user sees exactly what was granted; staff see all. It also
// keeps what scans and door controllers saw of tags that should not turn up ([Sightings]).
//
// The field policy in one place. The contact is that of the host that was asked, the same for each code and number:
//
//	any code or number
//	  stranger                      contact, sign-in; nothing is looked up
//	  person without a right on it  contact; why a number cannot be used, if its text alone says so
//	  staff, on record nowhere      contact, what it may mean, binding and enrolment
//	  several fit                   those that the viewer may see, to choose among
//	label, or foreign code bound as alias
//	  portal user, any grant        while in force: tag, provider of the asset, asset
//	    + components (F-24)         component with master data
//	    + due dates (F-27)          due dates of component and asset
//	    + appointments (F-18)       next appointment
//	    + faults (F-28)             open faults, fault form
//	  staff of the provider         all of it in every state, the tag that replaced it, binding of a blank label
//	access tag, by the code on its card or by its number
//	  portal user with See          tag in every state, provider, number, holder, last day, the tag that replaced it
//	    + Block (B-16)              blocking, reactivation
//	  staff of the provider         all of it, replacement
//
// See and Block are rights on the access tags of the user's own customer, granted by the provider ([asset.TagRight]).
package scan

import (
	"context"
	"errors"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// Sources say how a payload was read.
var Sources = []string{"qr", "nfc", "webnfc", "android", "ios", "wedge", "typed"}

var (
	// ErrNoIdentifier says that the payload is of a kind that names nothing: Wi-Fi, a contact, a payment (standards.md 1.5).
	ErrNoIdentifier = errors.New("scan: not an identifier")
	// ErrPayload says that the payload is empty or over MaxPayload characters.
	ErrPayload = errors.New("scan: payload empty or too long")
)

// MaxPayload is the longest payload in characters (standards.md 1.6).
const MaxPayload = 2048

// Input is what was read, and by what.
type Input struct {
	Payload string
	// Source is one of [Sources], "" if nobody said.
	Source string
	// Hint is the kind of reader as [tagging.ParseTag] knows it, where more is known than the source says.
	Hint string
}

// Answer is what a code leads to for one viewer. Fields that the viewer may not see are zero.
type Answer struct {
	// Granted is false for everybody who gets the stranger's answer.
	Granted  bool
	Provider identity.Provider
	// Tag is nil where Choices are to choose among.
	Tag    *Tag
	Access asset.Access
	// Component has the fields that the viewer may see; nil for a blank label, and without SeeComponents.
	Component *asset.Component
	Due       *Due
	Next      *asset.Appointment
	// Faults says that OpenFaults and FaultForm hold for this viewer, even if empty.
	Faults     bool
	OpenFaults []desk.View
	FaultForm  []desk.FaultType
	// Number, Holder and Expires are of an access tag. Expires is [store.Never] for none; Holder nil while nobody has it.
	Number  string
	Holder  *asset.Holder
	Expires store.Time
	// Confirm says that the number was read in part, and that the viewer has to say whether Tag is meant (standards.md 2.6): by
	// its code, then.
	Confirm bool
	// Choices are the tags that fit, of which the viewer has to say the one; MoreChoices that there are others.
	Choices     []Choice
	MoreChoices bool
	// Unknown is the reading of what is on record nowhere.
	Unknown *Unknown
	Actions []Action
}

// Tag is the public part of a tag.
type Tag struct {
	Code       tagging.Code
	Kind       asset.TagKind
	State      string       // "unbound", "active", "blocked", "retired" or "replaced"
	ReplacedBy tagging.Code // of a replaced tag, where the viewer may know
}

// Choice is one of several tags that fit, with what tells it from the others.
type Choice struct {
	Tag
	Asset     string // name, of a label's asset
	Component string // name, with SeeComponents
	Number    string // of an access tag
	Holder    *asset.Holder
}

// Due holds the due dates that a scan shows; empty days are unknown.
type Due struct{ Component, Asset asset.Day }

// Action is something that this viewer may do now.
type Action string

// The actions.
const (
	SignIn        Action = "sign_in"
	ReportFault   Action = "report_fault"
	OpenAsset     Action = "open_asset"
	BindLabel     Action = "bind"
	BlockTag      Action = "block"
	ReactivateTag Action = "reactivate"
	ReplaceTag    Action = "replace"
	BindCode      Action = "bind_code" // an unknown foreign code to a component
	Enrol         Action = "enrol"     // an unknown number as an access tag
)

// Resolver finds what codes lead to.
type Resolver struct {
	assets    *asset.Service
	desk      *desk.Service
	people    *identity.Directory
	contacts  Contacts
	sightings *Sightings
	own       tagging.Config
	now       func() time.Time
}

// Options are the parts that a Resolver is built from.
type Options struct {
	Assets   *asset.Service
	Desk     *desk.Service
	People   *identity.Directory
	Contacts Contacts
	// Hosts are all hosts under which our labels may be printed, in lower case, with port if there is one.
	Hosts []string
	// Sightings hears of each scan; nil for nobody.
	Sightings *Sightings
	Now       func() time.Time
}

// New returns a resolver.
func New(o Options) *Resolver {
	return &Resolver{assets: o.Assets, desk: o.Desk, people: o.People, contacts: o.Contacts, sightings: o.Sightings,
		own: tagging.Config{OwnHosts: o.Hosts}, now: o.Now}
}

// Contact is the provider whose public contact belongs to a host (SEC-3).
func (r *Resolver) Contact(ctx context.Context, host string) (identity.Provider, error) {
	return r.contacts.Of(ctx, host)
}
