package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
)

// ControllerKeyPrefix begins each key, so that it can be recognised where it leaks.
const ControllerKeyPrefix = "twc_"

// controllerSecretPrefix begins each signing secret (Standard Webhooks, standards.md section 5).
const controllerSecretPrefix = "whsec_"

const (
	controllerKeyBytes = 32                   // 256 bits, 52 symbols (SEC-42)
	controllerKeyLife  = 365 * 24 * time.Hour // (SEC-42)
	// overlap is how long a key and a secret go on after a rotation, so that a controller can be changed over.
	overlap = 24 * time.Hour
	// maxOverlapping bounds the keys, and the secrets, of a controller that is rotated again and again; the oldest end early.
	maxOverlapping = 4
)

// ControllerKey is one API key: 256 random bits of which the SHA-256 is kept (SEC-42).
type ControllerKey struct {
	Hash    string     `json:"hash"`
	Hint    string     `json:"hint"` // its last four symbols, to tell keys apart
	Created store.Time `json:"created"`
	Expires store.Time `json:"expires"`
	Used    store.Time `json:"used"` // exact to a few minutes; the zero time for never
}

// ControllerSecret is a signing secret, encrypted with the installation's key and bound to the controller.
type ControllerSecret struct {
	Sealed  []byte     `json:"sealed"`
	Expires store.Time `json:"expires"` // [store.Never] for the one in force
}

// ControllerSecrets are shown once.
type ControllerSecrets struct {
	Key    string // twc_ and 52 symbols
	Secret string // whsec_ and base64, Standard Webhooks
}

// freshSecrets is a new key and signing secret: what is shown, and what is stored.
type freshSecrets struct {
	shown  ControllerSecrets
	hash   string
	sealed []byte
}

func (d *Directory) newControllerSecrets(controller string) (freshSecrets, error) {
	key, err := d.random(controllerKeyBytes)
	if err != nil {
		return freshSecrets{}, err
	}
	secret, err := d.random(controllerKeyBytes)
	if err != nil {
		return freshSecrets{}, err
	}
	f := freshSecrets{shown: ControllerSecrets{
		Key:    ControllerKeyPrefix + crockford.EncodeToString(key),
		Secret: controllerSecretPrefix + base64.StdEncoding.EncodeToString(secret),
	}}
	f.hash, _ = controllerKeyHash(f.shown.Key)
	f.sealed, err = d.seal(d.keys.controller, controller, secret)
	return f, err
}

// addTo puts the key and the secret in force. Those before end after the overlap, or when they would have ended anyway.
func (f freshSecrets) addTo(c *Controller, now store.Time) {
	end := store.At(now.Add(overlap))
	keys := []ControllerKey{{Hash: f.hash, Hint: f.shown.Key[len(f.shown.Key)-4:], Created: now, Expires: store.At(now.Add(controllerKeyLife))}}
	for _, k := range c.Keys {
		if k.Expires.After(end.Time) {
			k.Expires = end
		}
		if k.Expires.After(now.Time) && len(keys) < maxOverlapping {
			keys = append(keys, k)
		}
	}
	secrets := []ControllerSecret{{Sealed: f.sealed, Expires: store.Never}}
	for _, s := range c.Secrets {
		if s.Expires.After(end.Time) {
			s.Expires = end
		}
		if s.Expires.After(now.Time) && len(secrets) < maxOverlapping {
			secrets = append(secrets, s)
		}
	}
	c.Keys, c.Secrets, c.KeyHashes = keys, secrets, nil
	for _, k := range keys {
		c.KeyHashes = append(c.KeyHashes, k.Hash)
	}
}

// RotateController makes a new key and signing secret, to be shown once; those before stay valid for a day, then end (SEC-42,
// SEC-82). Errors are those of [Directory.ChangeController]; a manual controller, which has no keys, is a *FieldError.
func (d *Directory) RotateController(ctx context.Context, v Viewer, id string) (ControllerSecrets, error) {
	if err := mayControl(v); err != nil {
		return ControllerSecrets{}, err
	}
	before, err := d.ownController(ctx, v, id)
	if err != nil {
		return ControllerSecrets{}, err
	}
	if before.Manual {
		return ControllerSecrets{}, &FieldError{Field: "manual", Key: "identity.controller.manual"}
	}
	fresh, err := d.newControllerSecrets(id)
	if err != nil {
		return ControllerSecrets{}, err
	}
	now := store.At(d.now())
	_, err = d.doors.Update(ctx, id, func(c *Controller) error {
		if !c.Active {
			return store.ErrNotFound
		}
		fresh.addTo(c, now)
		return nil
	})
	if err != nil {
		return ControllerSecrets{}, err
	}
	d.log.InfoContext(ctx, "controller keys rotated", "action", "rotate controller", "person", v.User, "controller", id, "result", "ok")
	return fresh.shown, nil
}

// SigningSecrets opens the secrets of a controller that are in force, newest first.
func (d *Directory) SigningSecrets(c Controller) ([][]byte, error) {
	now := d.now()
	var list [][]byte
	for _, s := range c.Secrets {
		if !s.Expires.After(now) {
			continue
		}
		secret, err := unseal(d.keys.controller, c.ID, s.Sealed)
		if err != nil {
			return nil, fmt.Errorf("identity: signing secret of controller %s: %w", c.ID, err)
		}
		list = append(list, secret)
	}
	return list, nil
}

// controllerKeyHash returns what a key is stored under, and whether it has the form of one. The key is random, so a plain SHA-256
// of it cannot be searched.
func controllerKeyHash(key string) (string, bool) {
	symbols, ok := strings.CutPrefix(key, ControllerKeyPrefix)
	if !ok || len(symbols) != crockford.EncodedLen(controllerKeyBytes) {
		return "", false
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:]), true
}

// authenticateController returns the viewer of a controller's key, or [Nobody]: for an unknown and an expired key and for a
// deactivated controller alike (SEC-20).
func (d *Directory) authenticateController(ctx context.Context, key string, l locale.Tag) (Viewer, error) {
	hash, ok := controllerKeyHash(key)
	if !ok {
		return Nobody(l), nil
	}
	it, err := d.doors.First(ctx, store.Query{Index: "key", Eq: []any{hash}})
	if errors.Is(err, store.ErrNotFound) {
		return Nobody(l), nil
	}
	if err != nil {
		return Nobody(l), err
	}
	c, now := it.Value, store.At(d.now())
	i := slices.IndexFunc(c.Keys, func(k ControllerKey) bool { return k.Hash == hash })
	if !c.Active || i < 0 || !c.Keys[i].Expires.After(now.Time) {
		return Nobody(l), nil
	}
	if now.Sub(c.Keys[i].Used.Time) >= seenEvery {
		d.markUsed(ctx, c.ID, hash, now)
	}
	return Viewer{Kind: DoorController, User: c.ID, Name: c.Name, Provider: c.Provider, Customer: c.Customer, Locale: l}, nil
}

// markUsed writes down that a key is in use. That it cannot be written, as with a full disk, shuts no controller out.
func (d *Directory) markUsed(ctx context.Context, controller, hash string, now store.Time) {
	_, err := d.doors.Update(ctx, controller, func(c *Controller) error {
		for i := range c.Keys {
			if k := &c.Keys[i]; k.Hash == hash && now.Sub(k.Used.Time) >= seenEvery {
				k.Used = now
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		d.log.WarnContext(ctx, "use of a controller's key not written", "controller", controller, "error", err)
	}
}
