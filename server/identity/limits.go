package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

const (
	// passwordTries in passwordWindow reach the hash, per account and per address (SEC-29, reliability.md B1).
	passwordTries  = 10
	passwordWindow = 15 * time.Minute
	// knownFor is how long a device that signed in keeps its own allowance; each sign-in begins it anew.
	knownFor = 180 * 24 * time.Hour
)

// bucket counts the tries under one key. It lies in the store, so that several instances share it.
type bucket struct {
	ID      string       `json:"id"`
	Tries   []store.Time `json:"tries"`
	Expires store.Time   `json:"expires"`
}

// recent drops times before the window and moves times of a clock that was ahead to now, so that no limit outlives its window
// when the clock steps back (SEC-88).
func recent(times []store.Time, now store.Time, window time.Duration) []store.Time {
	kept := make([]store.Time, 0, len(times)+1)
	for _, t := range times {
		if now.Sub(t.Time) >= window {
			continue
		}
		if t.After(now.Time) {
			t = now
		}
		kept = append(kept, t)
	}
	return kept
}

// full returns a *TooManyError if no try is left under key, without writing: refusing must cost less than asking.
func (d *Directory) full(ctx context.Context, key string) error {
	b, err := d.attempts.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	now := store.At(d.now())
	if slices.ContainsFunc(b.Tries, func(t store.Time) bool { return t.After(now.Time) }) {
		return nil // the clock stepped back: reserve must write the times down again
	}
	return refusal(recent(b.Tries, now, passwordWindow), now)
}

// refusal is the *TooManyError of a window whose tries are used up, else nil.
func refusal(tries []store.Time, now store.Time) error {
	if len(tries) < passwordTries {
		return nil
	}
	oldest := slices.MinFunc(tries, func(x, y store.Time) int { return x.Compare(y.Time) })
	return &TooManyError{RetryAfter: oldest.Add(passwordWindow).Sub(now.Time)}
}

// reserve takes one try under key, or returns a *TooManyError. Racing callers, also of other instances, never take more
// than passwordTries in a window.
func (d *Directory) reserve(ctx context.Context, key string) (try store.Time, err error) {
	now := store.At(d.now())
	for {
		var refused error
		_, err := d.attempts.Update(ctx, key, func(b *bucket) error {
			b.Tries = recent(b.Tries, now, passwordWindow)
			if refused = refusal(b.Tries, now); refused != nil {
				return nil // not the error: shortened times of a clock that stepped back must be stored
			}
			b.Tries = append(b.Tries, now)
			b.Expires = store.At(now.Add(passwordWindow))
			return nil
		})
		if errors.Is(err, store.ErrNotFound) {
			err = d.attempts.Insert(ctx, key, &bucket{ID: key, Tries: []store.Time{now}, Expires: store.At(now.Add(passwordWindow))})
			if store.IsDuplicate(err, "id") {
				continue
			}
		}
		if err != nil {
			return now, err
		}
		return now, refused
	}
}

// refund gives back a try that was no failure.
func (d *Directory) refund(ctx context.Context, key string, try store.Time) error {
	_, err := d.attempts.Update(ctx, key, func(b *bucket) error {
		if i := slices.Index(b.Tries, try); i >= 0 {
			b.Tries = slices.Delete(b.Tries, i, i+1)
		}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// allowance is the tries that one sign-in took.
type allowance struct {
	keys []string
	at   []store.Time
}

// allow takes one try under each key, or none: what was taken before a refusal is given back.
func (d *Directory) allow(ctx context.Context, keys ...string) (allowance, error) {
	var a allowance
	for _, key := range keys {
		if err := d.full(ctx, key); err != nil {
			return a, err
		}
	}
	for _, key := range keys {
		try, err := d.reserve(ctx, key)
		if err != nil {
			return a, errors.Join(err, d.giveBack(ctx, a))
		}
		a.keys, a.at = append(a.keys, key), append(a.at, try)
	}
	return a, nil
}

// giveBack undoes allow, after a success and after a try that did not reach the hash. It works when the request has ended
// already, else a disconnecting owner would use up his own tries.
func (d *Directory) giveBack(ctx context.Context, a allowance) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	var errs []error
	for i, key := range a.keys {
		errs = append(errs, d.refund(ctx, key, a.at[i]))
	}
	return errors.Join(errs...)
}

// accountKey counts tries on a login without storing it in clear: it may be somebody's who is not ours.
func (d *Directory) accountKey(login string) string {
	return "account:" + hex.EncodeToString(mac(d.keys.attempt, login)[:16])
}

// addressKey counts tries from one address, or from one /64 net of IPv6, which is what one connection gets.
func addressKey(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if net, err := a.Prefix(64); err == nil {
			return "address:" + net.Addr().String()
		}
	}
	return "address:" + a.String()
}

// mac is HMAC-SHA256 over parts that are told apart by their lengths.
func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	var size [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(p)))
		h.Write(size[:])
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}

// knownPrefix marks the token of a known device, so that secret scanners and readers recognise it.
const knownPrefix = "twd_"

// newKnown returns a token by which a browser or app shows later that the person signed in there before. It gives no right
// but a share of tries of its own, which nobody else can use up (SEC-29): 16 random bytes, the end of its life, and an
// HMAC over both and the person (SEC-45).
func (d *Directory) newKnown(person string) (string, error) {
	b, err := d.random(16)
	if err != nil {
		return "", err
	}
	b = binary.BigEndian.AppendUint64(b, uint64(d.now().Add(knownFor).Unix()))
	b = append(b, mac(d.keys.device, person, string(b))...)
	return knownPrefix + base64.RawURLEncoding.EncodeToString(b), nil
}

// knownKey returns the key of the device's own tries, and whether the token is the person's and in force.
func (d *Directory) knownKey(token, person string) (string, bool) {
	text, ok := strings.CutPrefix(token, knownPrefix)
	if !ok || len(text) > 100 {
		return "", false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != 16+8+sha256.Size {
		return "", false
	}
	if subtle.ConstantTimeCompare(b[24:], mac(d.keys.device, person, string(b[:24]))) == 0 {
		return "", false
	}
	if int64(binary.BigEndian.Uint64(b[16:24])) <= d.now().Unix() {
		return "", false
	}
	return "device:" + hex.EncodeToString(b[:16]), true
}
