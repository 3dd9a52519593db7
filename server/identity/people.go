// Package identity knows who exists and who asks: providers, customers, people, their passwords and second factors, sessions
// and devices. It produces the [Viewer] that every domain call takes. What a viewer may see of assets and requests is decided
// in the packages that own those.
package identity

import (
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
)

// Provider is one service company or one branch of it (requirements.md, decisions). Its contact is public.
type Provider struct {
	ID      string     `json:"id"`
	Company string     `json:"company"`
	Branch  string     `json:"branch"`
	Locale  locale.Tag `json:"locale"`
	Phone   string     `json:"phone"`
	Email   string     `json:"email"`
	Web     string     `json:"web"`
	Address string     `json:"address"`
	Hours   string     `json:"hours"`
}

// Customer is an organisation with a customer number at its service company.
type Customer struct {
	ID     string     `json:"id"`
	Number string     `json:"number"`
	Name   string     `json:"name"`
	Locale locale.Tag `json:"locale"`
	// Providers are the branches that serve it; staff of others do not see it.
	Providers []string `json:"providers"`
}

// Person is somebody who can sign in: staff of a provider or a user of a customer, never both.
type Person struct {
	ID       string     `json:"id"`
	Email    string     `json:"email"` // as it was typed
	Login    string     `json:"login"` // normalised e-mail address, unique
	Name     string     `json:"name"`
	Role     Role       `json:"role"`
	Provider string     `json:"provider"` // "" for customer users
	Customer string     `json:"customer"` // "" for staff
	Locale   locale.Tag `json:"locale"`
	Active   bool       `json:"active"`
	Password string     `json:"password"` // argon2id PHC string (SEC-27); empty: no sign-in by password
	// Short says that the password is shorter than what is allowed without a second factor.
	Short  bool   `json:"short,omitempty"`
	Factor Factor `json:"factor"`
	// Epoch counts the times that all sessions of the person were ended: a session or device of another epoch is dead, so
	// that one write of this document ends them all (SEC-40).
	Epoch   int64      `json:"epoch"`
	Created store.Time `json:"created"`
}

// Factor is a person's second factor (RFC 6238) and its recovery codes.
type Factor struct {
	// Secret is encrypted with the installation's key and bound to the person (SEC-31); Pending holds one that is not confirmed yet.
	Secret   []byte       `json:"secret,omitempty"`
	Pending  []byte       `json:"pending,omitempty"`
	Step     int64        `json:"step"`               // last accepted time step: each works once (SEC-30)
	Recovery []string     `json:"recovery,omitempty"` // keyed hashes of unused recovery codes (SEC-32)
	Failures []store.Time `json:"failures,omitempty"` // wrong codes of the last 24 hours
}

// Confirmed reports whether the second factor is in force.
func (f Factor) Confirmed() bool { return len(f.Secret) > 0 }

// Session is a signed-in browser or program. Its id is the SHA-256 of the secret that the client holds (SEC-39).
type Session struct {
	ID      string     `json:"id"`
	Person  string     `json:"person"`
	Kind    string     `json:"kind"`  // [Cookie] or [Bearer]
	Epoch   int64      `json:"epoch"` // of the person when it began
	Created store.Time `json:"created"`
	Seen    store.Time `json:"seen"`    // written at most every few minutes
	Expires store.Time `json:"expires"` // the idle or the absolute limit, whichever comes first
	Agent   string     `json:"agent"`   // what the client called itself, for the list of own sessions
	// Fresh is when password or second factor were proved last, for actions that ask for recent proof.
	Fresh store.Time `json:"fresh"`
}

// Device is where a person's push messages go.
type Device struct {
	ID       string     `json:"id"`      // Person + "." + Name
	Name     string     `json:"name"`    // the id that the app chose
	Person   string     `json:"person"`  //
	Session  string     `json:"session"` // that registered it: sign-out removes the device (SEC-44)
	Epoch    int64      `json:"epoch"`   // of the person when it was registered
	Kind     string     `json:"kind"`    // "fcm_token" or "webpush"
	Address  string     `json:"address"` // unique: belongs to whoever registered it last
	Platform string     `json:"platform"`
	Locale   locale.Tag `json:"locale"`
	Seen     store.Time `json:"seen"`
}
