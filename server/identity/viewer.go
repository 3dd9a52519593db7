package identity

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/tagwerk/tagwerk/server/locale"
)

// Kind is what a viewer is to the domain.
type Kind int

// The kinds of viewer; the zero value is the one without rights.
const (
	Stranger Kind = iota
	CustomerUser
	Staff
	// DoorController is a program with a key of its own, see [Controller]; it is nobody's user.
	DoorController
)

// Role refines Staff and CustomerUser.
type Role string

// The roles. Master and General belong to a customer (H-19, H-27), the others to a provider.
const (
	Technician Role = "technician"
	Dispatcher Role = "dispatcher"
	Admin      Role = "admin"
	Master     Role = "master"
	General    Role = "general"
)

// Staff reports whether the role belongs to a provider.
func (r Role) Staff() bool { return r == Technician || r == Dispatcher || r == Admin }

// Known reports whether the role exists.
func (r Role) Known() bool { return r.Staff() || r == Master || r == General }

// Viewer is who asks. Every domain call takes it as an argument. For a request it is made from a session by
// [Directory.Authenticate] and nowhere else, so provider and customer follow from the person, never from the request (SEC-14);
// workers use [ViewerFor], and commands at the box [Operator].
type Viewer struct {
	Kind     Kind
	Role     Role
	User     string // id of the person, or of the door controller; empty for a stranger
	Name     string
	Provider string // of staff, and of a door controller
	Customer string // of customer users, and of a door controller that belongs to one
	Session  string // id of the session, for sign-out
	Locale   locale.Tag
	// MustEnrol is set while staff have no confirmed second factor although the installation asks for one (SEC-33): such a
	// viewer reaches the enrolment and sign-out only.
	MustEnrol bool
}

// Nobody is the viewer of a request without a valid session.
func Nobody(l locale.Tag) Viewer { return Viewer{Locale: l} }

// SignedIn reports whether the viewer is a known person.
func (v Viewer) SignedIn() bool { return v.Kind == CustomerUser || v.Kind == Staff }

// ActsAsStaff reports whether the viewer is staff who may work: one who must still enrol may not (SEC-33).
func (v Viewer) ActsAsStaff() bool { return v.Kind == Staff && !v.MustEnrol }

// StaffOf reports whether the viewer works for the provider, and may.
func (v Viewer) StaffOf(provider string) bool {
	return v.ActsAsStaff() && provider != "" && v.Provider == provider
}

// MaxKey is the longest Idempotency-Key.
const MaxKey = 255

// StoredKey is an Idempotency-Key as it is stored: bound to the viewer, so that keys of different people do not meet (SEC-86).
func (v Viewer) StoredKey(key string) string {
	sum := sha256.Sum256([]byte(v.User + "\x00" + key))
	return hex.EncodeToString(sum[:])
}

// ViewerFor is what a person is to the domain; a deactivated person is nobody. Workers use it to check a recipient's rights
// again when something is sent (SEC-21); requests get their viewer from [Directory.Authenticate].
func ViewerFor(p Person) Viewer {
	if !p.Active {
		return Nobody(p.Locale)
	}
	v := Viewer{Role: p.Role, User: p.ID, Name: p.Name, Locale: p.Locale}
	if p.Role.Staff() {
		v.Kind, v.Provider = Staff, p.Provider
	} else {
		v.Kind, v.Customer = CustomerUser, p.Customer
	}
	return v
}

// Operator is the person at the box itself, who runs commands on the data of one provider.
func Operator(provider string) Viewer {
	return Viewer{Kind: Staff, Role: Admin, Provider: provider, Name: "operator", Locale: locale.English}
}
