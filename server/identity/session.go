package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
)

// Kinds of session. A token of one kind is not accepted as the other, so that what leaks from a program's file does not work in
// a cookie, and a cookie never counts as a bearer token, which is free of the cross-site rules (SEC-41).
const (
	Cookie = "cookie"
	Bearer = "bearer"
)

// lifetime is how long a session lives without use and at all (SEC-40).
type lifetime struct{ idle, absolute time.Duration }

// lifetimeOf: browsers stand on shared desks, so they forget over night; a phone in the pocket of a technician on call
// must not sign out over a weekend or a holiday, but does each quarter.
func lifetimeOf(kind string) lifetime {
	if kind == Bearer {
		return lifetime{idle: 14 * 24 * time.Hour, absolute: 90 * 24 * time.Hour}
	}
	return lifetime{idle: 12 * time.Hour, absolute: 14 * 24 * time.Hour}
}

const (
	// seenEvery is how often use of a session is written down at most.
	seenEvery = 5 * time.Minute
	// freshFor is how long proof of password and code counts as recent (SEC-37).
	freshFor = 10 * time.Minute
	// clockSkew is how far the clocks of instances may lie apart. A clock that is further behind a session's last use has
	// stepped back and is not believed.
	clockSkew = time.Minute
	// tokenPrefix marks session tokens, so that secret scanners recognise them.
	tokenPrefix = "tws_"
	tokenBytes  = 32
)

// Renewed is the session that takes the place of the viewer's after a change of rights or secrets (SEC-39).
type Renewed struct {
	Token   string
	Session Session
}

// tokenID returns the id of the session that a token opens, and whether the token has the right form.
func tokenID(token string) (string, bool) {
	text, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok || len(text) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return "", false
	}
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:]), true
}

// beginSession stores a new session of a person's epoch. Its token is random, so a plain SHA-256 of it cannot be searched.
func (d *Directory) beginSession(ctx context.Context, person string, epoch int64, kind, agent string) (string, Session, error) {
	b, err := d.random(tokenBytes)
	if err != nil {
		return "", Session{}, err
	}
	token := tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
	id, _ := tokenID(token)
	now := store.At(d.now())
	s := Session{
		ID: id, Person: person, Kind: kind, Epoch: epoch, Agent: agentText(agent),
		Created: now, Seen: now, Fresh: now, Expires: store.At(now.Add(lifetimeOf(kind).idle)),
	}
	if err := d.sessions.Insert(ctx, id, &s); err != nil {
		return "", Session{}, err
	}
	return token, s, nil
}

// Authenticate returns the viewer whose session of the given kind the token opens, or [Nobody] with the locale l: for no token,
// an unknown, ended, expired or foreign one, and a deactivated person alike. An error means that the store did not answer. As a bearer token
// the key of a door controller opens too; its viewer is no person, see [DoorController].
//
// It costs two reads by id, and one write in five minutes of use.
func (d *Directory) Authenticate(ctx context.Context, token, kind string, l locale.Tag) (Viewer, error) {
	if kind == Bearer && strings.HasPrefix(token, ControllerKeyPrefix) {
		return d.authenticateController(ctx, token, l)
	}
	id, ok := tokenID(token)
	if !ok {
		return Nobody(l), nil
	}
	s, err := d.sessions.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return Nobody(l), nil
	}
	if err != nil {
		return Nobody(l), err
	}
	now := store.At(d.now())
	if s.Kind != kind || d.steppedBack(s, now) {
		return Nobody(l), nil
	}
	if s.expired(now) {
		// Removed at once, so that it does not come back with a clock that steps back later.
		if err := d.sessions.Delete(ctx, id); err != nil && !errors.Is(err, store.ErrNotFound) {
			d.log.WarnContext(ctx, "expired session not removed", "person", s.Person, "error", err)
		}
		return Nobody(l), nil
	}
	p, err := d.people.Get(ctx, s.Person)
	if errors.Is(err, store.ErrNotFound) {
		return Nobody(l), nil
	}
	if err != nil {
		return Nobody(l), err
	}
	if !p.Active || p.Epoch != s.Epoch {
		return Nobody(l), nil
	}
	if now.Sub(s.Seen.Time) >= seenEvery {
		d.markSeen(ctx, id, now)
	}
	return d.viewer(p, id, l), nil
}

// viewer is [ViewerFor] a person in a session, with l where the person chose no language.
func (d *Directory) viewer(p *Person, session string, l locale.Tag) Viewer {
	v := ViewerFor(*p)
	v.Session = session
	v.MustEnrol = v.Kind == Staff && d.policy.RequireStaffFactor && !p.Factor.Confirmed()
	if v.Locale == "" {
		v.Locale = l
	}
	return v
}

// expired reports whether the session reached its idle or absolute limit.
func (s *Session) expired(now store.Time) bool {
	life := lifetimeOf(s.Kind)
	return now.Sub(s.Seen.Time) >= life.idle || now.Sub(s.Created.Time) >= life.absolute
}

// steppedBack reports whether the clock shows a time before the session's last use: no limit can be held against such a clock.
func (d *Directory) steppedBack(s *Session, now store.Time) bool {
	return s.Seen.Sub(now.Time) > clockSkew
}

// markSeen writes down that a session is in use. That it cannot be written, as with a full disk, ends no session early.
func (d *Directory) markSeen(ctx context.Context, id string, now store.Time) {
	_, err := d.sessions.Update(ctx, id, func(s *Session) error {
		if now.Sub(s.Seen.Time) < seenEvery {
			return nil
		}
		life := lifetimeOf(s.Kind)
		s.Seen = now
		s.Expires = store.At(now.Add(life.idle))
		if end := store.At(s.Created.Add(life.absolute)); end.Before(s.Expires.Time) {
			s.Expires = end
		}
		return nil
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		d.log.WarnContext(ctx, "use of session not written", "error", err)
	}
}

// own returns the viewer's person and session as they are now, or ErrSignedOut.
func (d *Directory) own(ctx context.Context, v Viewer) (Person, Session, error) {
	if !v.SignedIn() || v.Session == "" {
		return Person{}, Session{}, ErrSignedOut
	}
	s, err := d.sessions.Get(ctx, v.Session)
	if err != nil {
		return Person{}, Session{}, signedOut(err)
	}
	p, err := d.people.Get(ctx, v.User)
	if err != nil {
		return Person{}, Session{}, signedOut(err)
	}
	now := store.At(d.now())
	if s.Person != p.ID || s.Epoch != p.Epoch || !p.Active || s.expired(now) || d.steppedBack(s, now) {
		return Person{}, Session{}, ErrSignedOut
	}
	return *p, *s, nil
}

// signedOut turns the absence of the viewer's own documents into ErrSignedOut.
func signedOut(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ErrSignedOut
	}
	return err
}

// fresh returns ErrProofNeeded unless password and code were proved in the last ten minutes.
func (d *Directory) fresh(s Session) error {
	if age := d.now().Sub(s.Fresh.Time); age >= freshFor || age < -clockSkew {
		return ErrProofNeeded
	}
	return nil
}

// SignOut ends the viewer's session and removes the devices that it registered, so that their push address leaves the
// person (SEC-44). An error means that the session may still live; call again.
func (d *Directory) SignOut(ctx context.Context, v Viewer) error {
	if !v.SignedIn() {
		return ErrSignedOut
	}
	return d.endSession(ctx, v.User, v.Session)
}

// Sessions lists the viewer's living sessions, the newest first, at most 200.
func (d *Directory) Sessions(ctx context.Context, v Viewer) ([]Session, error) {
	p, _, err := d.own(ctx, v)
	if err != nil {
		return nil, err
	}
	items, _, err := d.sessions.Find(ctx, store.Query{Index: "person", Eq: []any{p.ID}, Desc: true, Limit: maxList})
	if err != nil {
		return nil, err
	}
	now := store.At(d.now())
	var list []Session
	for _, it := range items {
		if s := it.Value; s.Epoch == p.Epoch && !s.expired(now) && !d.steppedBack(s, now) {
			list = append(list, *s)
		}
	}
	return list, nil
}

// EndSession ends one of the viewer's sessions and removes its devices; store.ErrNotFound if it is not theirs.
func (d *Directory) EndSession(ctx context.Context, v Viewer, id string) error {
	p, _, err := d.own(ctx, v)
	if err != nil {
		return err
	}
	return d.endSession(ctx, p.ID, id)
}

// endSession removes the devices first: what fails after it can be repeated, since the session still names them.
func (d *Directory) endSession(ctx context.Context, person, id string) error {
	ctx = store.Essential(ctx)
	s, err := d.sessions.Get(ctx, id)
	if err != nil {
		return err
	}
	if s.Person != person {
		return store.ErrNotFound
	}
	if err := d.dropDevices(ctx, person, func(dev *Device) bool { return dev.Session == id }); err != nil {
		return err
	}
	if err := d.sessions.Delete(ctx, id); err != nil {
		return err
	}
	d.log.InfoContext(ctx, "session ended", "action", "sign-out", "person", person, "result", "ok")
	return nil
}

// EndAllSessions ends all sessions of the viewer, this one too, in one write.
func (d *Directory) EndAllSessions(ctx context.Context, v Viewer) error {
	p, _, err := d.own(ctx, v)
	if err != nil {
		return err
	}
	return d.endAll(ctx, p.ID, func(*Person) error { return nil })
}

// endAll applies change to a person and ends all their sessions and devices in the same write.
func (d *Directory) endAll(ctx context.Context, person string, change func(*Person) error) error {
	ctx = store.Essential(ctx)
	p, err := d.people.Update(ctx, person, func(latest *Person) error {
		if err := change(latest); err != nil {
			return err
		}
		latest.Epoch++
		return nil
	})
	if err != nil {
		return err
	}
	d.log.InfoContext(ctx, "all sessions ended", "action", "end sessions", "person", person, "result", "ok")
	d.clearDead(ctx, p)
	return nil
}

// renew applies change to a person and ends all their sessions but for a new one in the place of the viewer's, all in one
// write: the new session is stored before under the epoch that the write brings into force. ErrSignedOut means that another
// call ended the sessions first.
func (d *Directory) renew(ctx context.Context, p Person, s Session, change func(*Person) error) (Renewed, error) {
	ctx = store.Essential(ctx)
	token, fresh, err := d.beginSession(ctx, p.ID, p.Epoch+1, s.Kind, s.Agent)
	if err != nil {
		return Renewed{}, err
	}
	latest, err := d.people.Update(ctx, p.ID, func(latest *Person) error {
		if latest.Epoch != p.Epoch || !latest.Active {
			return ErrSignedOut
		}
		if err := change(latest); err != nil {
			return err
		}
		latest.Epoch++
		return nil
	})
	if err != nil {
		return Renewed{}, errors.Join(err, d.sessions.Delete(ctx, fresh.ID))
	}
	d.moveDevices(ctx, s.ID, fresh)
	d.clearDead(ctx, latest)
	return Renewed{Token: token, Session: fresh}, nil
}

// clearDead removes the documents of sessions and devices of earlier epochs. They are dead already, so a failure is logged only.
func (d *Directory) clearDead(ctx context.Context, p *Person) {
	err := d.dropDevices(ctx, p.ID, func(dev *Device) bool { return dev.Epoch < p.Epoch })
	var dead []string
	err = errors.Join(err, d.sessions.Each(ctx, store.Query{Index: "person", Eq: []any{p.ID}}, func(it store.Item[Session]) error {
		if it.Value.Epoch < p.Epoch {
			dead = append(dead, it.ID)
		}
		return nil
	}))
	for _, id := range dead {
		if e := d.sessions.Delete(ctx, id); e != nil && !errors.Is(e, store.ErrNotFound) {
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		d.log.WarnContext(ctx, "ended sessions or devices not removed yet", "person", p.ID, "error", err)
	}
}
