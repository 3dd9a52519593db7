// Package scan answers what a scanned or typed code leads to: one resolver behind the page for the camera app, the API and the
// photo. A stranger learns whom to call and nothing else; a portal user sees exactly the granted blocks; staff see all.
//
// The field policy in one place:
//
//	stranger, or no right on the tag   contact of the host that was asked, sign-in
//	portal user, any grant             tag, provider of the asset, asset
//	  + components (F-24)              component with master data
//	  + due dates (F-27)               due dates of component and asset
//	  + appointments (F-18)            next appointment
//	  + faults (F-28)                  open faults, fault form
//	staff of the provider              all of it, the state of the tag, binding of a blank label
package scan

import (
	"context"
	"errors"
	"net"
	"strings"
	"unicode/utf8"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
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

// Answer is what a code leads to for one viewer. Fields that the viewer may not see are zero.
type Answer struct {
	// Granted is false for everybody who gets the stranger's answer.
	Granted  bool
	Provider identity.Provider
	Tag      *Tag
	Access   asset.Access
	// Component has the fields that the viewer may see; nil for a blank label, and without SeeComponents.
	Component *asset.Component
	Due       *Due
	Next      *asset.Appointment
	// Faults says that OpenFaults and FaultForm hold for this viewer, even if empty.
	Faults     bool
	OpenFaults []desk.View
	FaultForm  []desk.FaultType
	Actions    []Action
}

// Tag is the public part of a tag.
type Tag struct {
	Code  tagging.Code
	Kind  asset.TagKind
	State string // "unbound", "active", "blocked", "retired" or "replaced"
}

// Due holds the due dates that a scan shows; empty days are unknown.
type Due struct{ Component, Asset asset.Day }

// Action is something that this viewer may do now.
type Action string

// The actions.
const (
	SignIn      Action = "sign_in"
	ReportFault Action = "report_fault"
	OpenAsset   Action = "open_asset"
	BindLabel   Action = "bind"
)

// Resolver finds what codes lead to.
type Resolver struct {
	assets   *asset.Service
	desk     *desk.Service
	people   *identity.Directory
	contacts map[string]string
	contact  string
	own      tagging.Config
}

// Options are the parts that a Resolver is built from.
type Options struct {
	Assets *asset.Service
	Desk   *desk.Service
	People *identity.Directory
	// Hosts are all hosts under which our labels may be printed, in lower case, with port if there is one.
	Hosts []string
	// Contacts names the provider whose contact a stranger sees, by host; Contact is the one for all other hosts, "" for the
	// first provider in the order of names (SEC-3).
	Contacts map[string]string
	Contact  string
}

// New returns a resolver.
func New(o Options) *Resolver {
	return &Resolver{assets: o.Assets, desk: o.Desk, people: o.People, contacts: o.Contacts, contact: o.Contact,
		own: tagging.Config{OwnHosts: o.Hosts}}
}

// Payload resolves anything that a camera, reader or keyboard delivered. A mistyped code of ours is a *tagging.CodeError, before any
// look-up (SEC-2).
func (r *Resolver) Payload(ctx context.Context, v identity.Viewer, host, payload string) (Answer, error) {
	if payload == "" || utf8.RuneCountInString(payload) > MaxPayload {
		return Answer{}, ErrPayload
	}
	reading := tagging.ParseComponent(payload, r.own)
	if code, ok := reading.Own(); ok {
		return r.Code(ctx, v, host, code)
	}
	if reading.Has("not_an_identifier") {
		return Answer{}, ErrNoIdentifier
	}
	// The barcode of a trade item has 13 digits too; one with a right check digit is no mistyped code of ours.
	if text := lastSegment(payload); reading.Has("own_check_failed") && !tagging.CheckGS1Mod10.Valid(text) {
		var typo *tagging.CodeError
		if _, err := tagging.ParseCode(text); errors.As(err, &typo) {
			return Answer{}, err
		}
	}
	return r.stranger(ctx, v, host)
}

// Photo resolves what a photo shows, and returns it with the answered code first: the first one that leads somewhere for this
// viewer. A mistyped code counts only if nothing better is there.
func (r *Resolver) Photo(ctx context.Context, v identity.Viewer, host string, shown []tagging.Payload) (Answer, []tagging.Payload, error) {
	if len(shown) == 0 {
		return Answer{}, nil, tagging.ErrNoCode
	}
	best, answer, failure := -1, Answer{}, error(nil)
	for i, p := range shown {
		a, err := r.Payload(ctx, v, host, p.Input())
		if err != nil && !errors.Is(err, ErrNoIdentifier) && !errors.Is(err, ErrPayload) && !errors.As(err, new(*tagging.CodeError)) {
			return Answer{}, nil, err
		}
		if err != nil {
			failure = err
			continue
		}
		if best < 0 || a.Granted {
			best, answer = i, a
		}
		if a.Granted {
			break
		}
	}
	if best < 0 {
		return Answer{}, nil, failure
	}
	return answer, append(shown[best:best+1:best+1], append(shown[:best:best], shown[best+1:]...)...), nil
}

// lastSegment is the code of one of our printed URLs, or what was typed or read; without what scanners put around it (C0 of
// standards.md 1.6).
func lastSegment(payload string) string {
	const around = "\x00\x02\x03 \t\r\n"
	payload = strings.Trim(payload, around)
	if len(payload) > 3 && payload[0] == ']' {
		payload = strings.Trim(payload[3:], around)
	}
	if i := strings.IndexAny(payload, "?#"); i >= 0 {
		payload = payload[:i]
	}
	payload = strings.TrimSuffix(payload, "/")
	return payload[strings.LastIndexByte(payload, '/')+1:]
}

// Code resolves one of our own codes. host is the host that was asked; it decides whose contact a stranger sees.
func (r *Resolver) Code(ctx context.Context, v identity.Viewer, host string, code tagging.Code) (Answer, error) {
	if !v.SignedIn() || v.MustEnrol {
		return r.stranger(ctx, v, host)
	}
	t, err := r.assets.ByCode(ctx, v, code)
	if errors.Is(err, asset.ErrNotFound) {
		return r.stranger(ctx, v, host)
	}
	if err != nil {
		return Answer{}, err
	}
	return r.granted(ctx, v, t)
}

// stranger is the one answer for everybody without rights on the code, whatever the code is (X-2, SEC-1).
func (r *Resolver) stranger(ctx context.Context, v identity.Viewer, host string) (Answer, error) {
	p, err := r.Contact(ctx, host)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Provider: p}
	if !v.SignedIn() {
		a.Actions = []Action{SignIn}
	}
	return a, nil
}

// Contact is the provider whose public contact belongs to a host (SEC-3).
func (r *Resolver) Contact(ctx context.Context, host string) (identity.Provider, error) {
	host = strings.ToLower(host)
	id, ok := r.contacts[host]
	if !ok {
		if name, _, err := net.SplitHostPort(host); err == nil {
			id, ok = r.contacts[name]
		}
	}
	if !ok {
		id = r.contact
	}
	if id != "" {
		return r.people.Provider(ctx, id)
	}
	all, err := r.people.Providers(ctx)
	if err != nil || len(all) == 0 {
		return identity.Provider{}, err
	}
	return all[0], nil
}

// openFaultsShown is how many open faults a scan lists.
const openFaultsShown = 5

func (r *Resolver) granted(ctx context.Context, v identity.Viewer, t asset.Tagged) (Answer, error) {
	a := Answer{Granted: true, Access: t.Access, Tag: &Tag{Code: tagging.Code(t.Tag.ID), Kind: t.Tag.Kind, State: publicState(t.Tag)}}
	var err error
	if a.Provider, err = r.people.Provider(ctx, t.Tag.Provider); err != nil {
		return Answer{}, err
	}
	if t.Component == nil {
		if t.Tag.State == tagging.Minted || t.Tag.State == tagging.Printed {
			a.Actions = []Action{BindLabel}
		}
		return a, nil
	}
	may := t.Access.May
	if may.Has(asset.SeeComponents) {
		seen := t.Component.As(t.Access)
		a.Component = &seen
	}
	if may.Has(asset.SeeDueDates) {
		a.Due = &Due{Component: t.Component.Due(), Asset: t.Access.Asset.Due()}
	}
	if a.Next, err = r.assets.NextAppointment(ctx, t.Access); err != nil {
		return Answer{}, err
	}
	if may.Has(asset.Faults) {
		a.Faults = true
		if a.OpenFaults, err = r.desk.OpenFaults(ctx, v, t.Access, t.Component.ID, openFaultsShown); err != nil {
			return Answer{}, err
		}
		if a.FaultForm, err = r.desk.FaultTypes(ctx, t.Access); err != nil {
			return Answer{}, err
		}
		if len(a.FaultForm) > 0 {
			a.Actions = append(a.Actions, ReportFault)
		}
	}
	a.Actions = append(a.Actions, OpenAsset)
	return a, nil
}

func publicState(t *asset.Tag) string {
	switch t.State {
	case tagging.Minted, tagging.Printed:
		return "unbound"
	case tagging.Bound, tagging.Damaged:
		return "active"
	default:
		return string(t.State)
	}
}
