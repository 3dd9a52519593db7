package identity

import (
	"context"
	"errors"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

// Controller is a door controller or the connector in front of several: a program with a key of its own, which reads its access
// list and reports events. A manual one has no connector; staff acknowledge for it.
type Controller struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	Customer string `json:"customer"` // whose tags alone it gets; "" for all of the provider
	Name     string `json:"name"`
	Place    string `json:"place"`
	Manual   bool   `json:"manual"`
	Active   bool   `json:"active"`
	// Keys are its API keys; KeyHashes repeats their hashes for the look-up.
	Keys      []ControllerKey `json:"keys,omitempty"`
	KeyHashes []string        `json:"key_hashes"`
	// Secrets sign lists and webhooks, encrypted with the installation's key; the newest first, two while they overlap (SEC-82).
	Secrets [][]byte   `json:"secrets,omitempty"`
	Webhook string     `json:"webhook"` // address for events; "" for none
	Created store.Time `json:"created"`
}

// ControllerKey is one API key: 256 random bits of which the SHA-256 is kept (SEC-42).
type ControllerKey struct {
	Hash    string     `json:"hash"`
	Hint    string     `json:"hint"` // its last four symbols, to tell keys apart
	Created store.Time `json:"created"`
	Expires store.Time `json:"expires"`
	Used    store.Time `json:"used"` // exact to a few minutes
}

// NewController is what a controller is made from.
type NewController struct {
	Name, Place, Customer, Webhook string
	Manual                         bool
}

// ControllerSecrets are shown once.
type ControllerSecrets struct {
	Key    string // twc_ and 52 symbols
	Secret string // whsec_ and base64, Standard Webhooks
}

// ControllerKeyPrefix begins each key, so that it can be recognised where it leaks.
const ControllerKeyPrefix = "twc_"

// AddController makes a controller of the viewer's provider; administrators and dispatchers. Its customer must be served by the provider.
func (d *Directory) AddController(ctx context.Context, v Viewer, n NewController) (Controller, ControllerSecrets, error) {
	return Controller{}, ControllerSecrets{}, errors.ErrUnsupported
}

// ChangeController renames a controller or changes its webhook; an empty webhook ends it.
func (d *Directory) ChangeController(ctx context.Context, v Viewer, id string, n NewController) (Controller, error) {
	return Controller{}, errors.ErrUnsupported
}

// RotateController makes a new key and signing secret; those before stay valid for a day, then end (SEC-42, SEC-82).
func (d *Directory) RotateController(ctx context.Context, v Viewer, id string) (ControllerSecrets, error) {
	return ControllerSecrets{}, errors.ErrUnsupported
}

// DeactivateController ends a controller and all its keys at once.
func (d *Directory) DeactivateController(ctx context.Context, v Viewer, id string) error {
	return errors.ErrUnsupported
}

// Controllers lists the active controllers of the viewer's provider by name, at most 200.
func (d *Directory) Controllers(ctx context.Context, v Viewer) ([]Controller, error) {
	return nil, errors.ErrUnsupported
}

// Controller returns one controller of the viewer's provider, or store.ErrNotFound.
func (d *Directory) Controller(ctx context.Context, v Viewer, id string) (Controller, error) {
	return Controller{}, errors.ErrUnsupported
}

// ControllersFor lists the active controllers that have to know of a tag of the provider and customer; it is for the domain and the workers.
func (d *Directory) ControllersFor(ctx context.Context, provider, customer string) ([]Controller, error) {
	return nil, errors.ErrUnsupported
}

// SigningSecrets opens the secrets of a controller, newest first.
func (d *Directory) SigningSecrets(c Controller) ([][]byte, error) {
	return nil, errors.ErrUnsupported
}

// ActiveController returns an active controller by id, for workers and for signing; else store.ErrNotFound.
func (d *Directory) ActiveController(ctx context.Context, id string) (Controller, error) {
	return Controller{}, errors.ErrUnsupported
}

// ProvedRecently returns ErrProofNeeded unless the viewer's session proved password or second factor in the last five minutes
// (SEC-8). [Operator], who sits at the box, has no session and needs none.
func (d *Directory) ProvedRecently(ctx context.Context, v Viewer) error {
	return errors.ErrUnsupported
}
