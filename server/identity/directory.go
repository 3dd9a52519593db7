package identity

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

// Names of the collections.
const (
	providerDocs = "providers"
	customerDocs = "customers"
	personDocs   = "people"
	sessionDocs  = "sessions"
	deviceDocs   = "devices"
	attemptDocs  = "attempts"
	doorDocs     = "controllers"
)

// Specs declares the collections of this package and their indexes.
func Specs() []store.Spec {
	return []store.Spec{
		{Name: providerDocs, Indexes: []store.Index{{Name: "company", Fields: []string{"company", "branch"}}}},
		{Name: customerDocs, Indexes: []store.Index{{Name: "provider", Fields: []string{"providers"}, Multi: true}}},
		{Name: personDocs, Indexes: []store.Index{
			{Name: "login", Fields: []string{"login"}, Unique: true},
			{Name: "provider", Fields: []string{"provider", "login"}},
			{Name: "customer", Fields: []string{"customer", "login"}},
		}},
		{Name: sessionDocs, Indexes: []store.Index{
			{Name: "person", Fields: []string{"person", "created"}},
			{Name: "expires", Fields: []string{"expires"}},
		}},
		{Name: deviceDocs, Indexes: []store.Index{
			{Name: "address", Fields: []string{"address"}, Unique: true},
			{Name: "person", Fields: []string{"person", "seen"}},
		}},
		{Name: doorDocs, Indexes: []store.Index{
			{Name: "provider", Fields: []string{"provider", "name"}},
			{Name: "key", Fields: []string{"key_hashes"}, Multi: true},
		}},
		{Name: attemptDocs, Indexes: []store.Index{{Name: "expires", Fields: []string{"expires"}}}},
	}
}

// Policy is what an installation demands of its people. The zero value of a length means its default.
type Policy struct {
	// RequireStaffFactor sends staff without a second factor to the enrolment (SEC-33).
	RequireStaffFactor bool
	// PasswordAlone and PasswordWithFactor are the fewest characters of a password without and with a second factor in
	// force; defaults 12 and 8 (standards.md section 5).
	PasswordAlone, PasswordWithFactor int
}

// Options holds what a [Directory] needs. Only Engine and Key are required.
type Options struct {
	Engine store.Engine
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Rand is the source of secrets, safe for concurrent use; nil means crypto/rand.
	Rand io.Reader
	// Key is the installation's key, from the configuration. Who loses it loses second factors and recovery codes (SEC-31).
	Key    [32]byte
	Policy Policy
	// Logger takes sign-ins, refusals and changes (SEC-92); nil means none.
	Logger *slog.Logger
	// HashParams replaces the argon2id parameters of SEC-27; nil means those. Cheaper ones are for tests and imports only.
	HashParams *argon2id.Params
}

// Directory is all people of an installation with what they sign in with. It is safe for concurrent use, and several of
// them, also in several processes, may work on one store.
type Directory struct {
	providers store.Collection[Provider]
	customers store.Collection[Customer]
	people    store.Collection[Person]
	sessions  store.Collection[Session]
	devices   store.Collection[Device]
	attempts  store.Collection[bucket]
	doors     store.Collection[Controller]

	now    func() time.Time
	rand   io.Reader
	log    *slog.Logger
	policy Policy
	hasher *hasher
	keys   keys
}

// keys are derived from the installation's key, one for each purpose, so that no value made for one passes for another.
type keys struct{ totp, recovery, device, attempt, controller []byte }

// New returns a Directory. The engine's schema must contain [Specs].
func New(o Options) (*Directory, error) {
	if o.Engine == nil {
		return nil, errors.New("identity: no engine")
	}
	if o.Key == [32]byte{} {
		return nil, errors.New("identity: the key is empty")
	}
	d := &Directory{
		providers: store.In[Provider](o.Engine, providerDocs),
		customers: store.In[Customer](o.Engine, customerDocs),
		people:    store.In[Person](o.Engine, personDocs),
		sessions:  store.In[Session](o.Engine, sessionDocs),
		devices:   store.In[Device](o.Engine, deviceDocs),
		attempts:  store.In[bucket](o.Engine, attemptDocs),
		doors:     store.In[Controller](o.Engine, doorDocs),
		now:       o.Now,
		rand:      o.Rand,
		log:       o.Logger,
		policy:    o.Policy,
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.rand == nil {
		d.rand = rand.Reader
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.policy.PasswordAlone == 0 {
		d.policy.PasswordAlone = 12
	}
	if d.policy.PasswordWithFactor == 0 {
		d.policy.PasswordWithFactor = 8
	}
	params := o.HashParams
	if params == nil {
		params = &argon2id.Params{Memory: 19456, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	}
	for name, key := range map[string]*[]byte{
		"totp": &d.keys.totp, "recovery": &d.keys.recovery, "device": &d.keys.device, "attempt": &d.keys.attempt,
		"controller": &d.keys.controller,
	} {
		derived, err := hkdf.Key(sha256.New, o.Key[:], nil, "tagwerk/identity/"+name, 32)
		if err != nil {
			return nil, fmt.Errorf("identity: derive key: %w", err)
		}
		*key = derived
	}
	var err error
	d.hasher, err = newHasher(params, d.rand)
	return d, err
}

// Sweep removes sessions and counters that ended by time, at most some hundred at a call, and returns how many. Nothing but the
// size of the store depends on it: what has ended is refused without it.
func (d *Directory) Sweep(ctx context.Context) (int, error) {
	before := store.At(d.now().Add(-clockSkew))
	sessions, err := sweep(ctx, d.sessions, before, func(s *Session) store.Time { return s.Expires })
	if err != nil {
		return sessions, err
	}
	counters, err := sweep(ctx, d.attempts, before, func(b *bucket) store.Time { return b.Expires })
	return sessions + counters, err
}

func sweep[T any](ctx context.Context, in store.Collection[T], before store.Time, expires func(*T) store.Time) (int, error) {
	items, _, err := in.Find(ctx, store.Query{Index: "expires", Hi: before.Key(), Limit: store.MaxPage})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, it := range items {
		err := in.DeleteIf(ctx, it.ID, func(latest *T) error {
			if expires(latest).After(before.Time) {
				return errKeep
			}
			return nil
		})
		switch {
		case err == nil:
			n++
		case !errors.Is(err, errKeep) && !errors.Is(err, store.ErrNotFound):
			return n, err
		}
	}
	return n, nil
}

// errKeep says that a document is not any more what it was when it was found, and stays.
var errKeep = errors.New("identity: still in use")

// crockford writes 5 bits a symbol without the letters that read like others.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// random returns n secret bytes.
func (d *Directory) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(d.rand, b); err != nil {
		return nil, fmt.Errorf("identity: random source: %w", err)
	}
	return b, nil
}

// newID returns a new document id of 26 symbols (128 bits).
func (d *Directory) newID() (string, error) {
	b, err := d.random(16)
	return crockford.EncodeToString(b), err
}
