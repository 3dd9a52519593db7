package identity

import (
	"context"
	"errors"
	"strings"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

// Kinds of push address.
const (
	FCMToken = "fcm_token"
	WebPush  = "webpush"
)

const (
	// maxDevices of one person; a new one takes the place of the one that was not heard of for longest.
	maxDevices = 20
	// maxPushAddress in bytes: FCM tokens have about 200, Web Push subscriptions with their keys up to some thousand.
	maxPushAddress = 4096
	maxDeviceName  = 64
)

// PutDevice registers the viewer's device under the name that its app chose, or changes it; only Kind, Address, Platform and
// Locale of dev are read. Repeating it changes nothing but the time it was seen. An address that was registered before, by
// whomever, is theirs no more (SEC-44). It returns what was stored, ErrEnrolFirst, ErrSignedOut or a *FieldError.
func (d *Directory) PutDevice(ctx context.Context, v Viewer, name string, dev Device) (Device, error) {
	p, s, err := d.own(ctx, v)
	if err != nil {
		return Device{}, err
	}
	if v.MustEnrol {
		return Device{}, ErrEnrolFirst
	}
	if dev, err = checkDevice(name, dev); err != nil {
		return Device{}, err
	}
	dev.ID, dev.Name, dev.Person = deviceID(p.ID, name), name, p.ID
	dev.Session, dev.Epoch, dev.Seen = s.ID, s.Epoch, store.At(d.now())
	for {
		err = put(ctx, d.devices, dev.ID, &dev)
		if store.IsDuplicate(err, "address") {
			if err = d.takeAddress(ctx, dev); err == nil {
				continue
			}
		}
		if !errors.Is(err, store.ErrNotFound) { // not found: deleted between insert and update of put
			break
		}
	}
	if err != nil {
		return Device{}, err
	}
	if _, _, err := d.own(ctx, v); err != nil {
		// The session ended meanwhile and did not see the device.
		return Device{}, errors.Join(err, notFoundIsFine(d.devices.Delete(ctx, dev.ID)))
	}
	return dev, d.evict(ctx, p.ID)
}

// checkDevice returns dev with its texts in order, or a *FieldError.
func checkDevice(name string, dev Device) (Device, error) {
	if name == "" || len(name) > maxDeviceName || strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
	}) {
		return dev, &FieldError{Field: "id", Key: "identity.device.id"}
	}
	if dev.Kind != FCMToken && dev.Kind != WebPush {
		return dev, &FieldError{Field: "kind", Key: "identity.device.kind"}
	}
	if dev.Address == "" {
		return dev, &FieldError{Field: "address", Key: "identity.field.required"}
	}
	if len(dev.Address) > maxPushAddress {
		return dev, &FieldError{Field: "address", Key: "identity.field.long"}
	}
	if strings.ContainsFunc(dev.Address, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return dev, &FieldError{Field: "address", Key: "identity.field.characters"}
	}
	var err error
	if dev.Platform, err = plain("platform", dev.Platform, maxDeviceName); err != nil {
		return dev, err
	}
	dev.Locale, err = knownLocale(dev.Locale)
	return dev, err
}

func deviceID(person, name string) string { return person + "." + name }

// takeAddress removes the other device that holds dev's address.
func (d *Directory) takeAddress(ctx context.Context, dev Device) error {
	held, err := d.devices.First(ctx, store.Query{Index: "address", Eq: []any{dev.Address}})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if held.ID == dev.ID {
		return nil
	}
	err = d.devices.DeleteIf(ctx, held.ID, func(latest *Device) error {
		if latest.Address != dev.Address {
			return errKeep
		}
		return nil
	})
	if err == nil && held.Value.Person != dev.Person {
		d.log.InfoContext(ctx, "push address left a person", "action", "register device",
			"person", held.Value.Person, "to", dev.Person, "result", "ok")
	}
	if errors.Is(err, errKeep) {
		return nil
	}
	return notFoundIsFine(err)
}

// evict removes the person's devices beyond the most allowed, the one not seen for longest first.
func (d *Directory) evict(ctx context.Context, person string) error {
	newest := store.Query{Index: "person", Eq: []any{person}, Desc: true, Limit: store.MaxPage}
	items, _, err := d.devices.Find(ctx, newest)
	if err != nil {
		return err
	}
	for _, it := range items[min(len(items), maxDevices):] {
		if err := notFoundIsFine(d.devices.Delete(ctx, it.ID)); err != nil {
			return err
		}
	}
	return nil
}

// DeleteDevice removes one of the viewer's devices, or returns store.ErrNotFound.
func (d *Directory) DeleteDevice(ctx context.Context, v Viewer, name string) error {
	p, _, err := d.own(ctx, v)
	if err != nil {
		return err
	}
	return d.devices.Delete(ctx, deviceID(p.ID, name))
}

// DevicesOf returns where a person's pushes go now: none for who is unknown or deactivated or has ended all sessions.
func (d *Directory) DevicesOf(ctx context.Context, person string) ([]Device, error) {
	p, err := d.people.Get(ctx, person)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil || !p.Active {
		return nil, err
	}
	items, _, err := d.devices.Find(ctx, store.Query{Index: "person", Eq: []any{person}, Desc: true, Limit: maxDevices})
	if err != nil {
		return nil, err
	}
	var list []Device
	for _, it := range items {
		if it.Value.Epoch != p.Epoch {
			continue
		}
		// A session that ran out is no longer in the person's list, so nobody could end its pushes (SEC-40, SEC-44).
		s, err := d.sessions.Get(ctx, it.Value.Session)
		if errors.Is(err, store.ErrNotFound) || err == nil && !d.now().Before(s.Expires.Time) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, *it.Value)
	}
	return list, nil
}

// DropAddress removes the device with a push address that its service reported dead. Unknown addresses are no error.
func (d *Directory) DropAddress(ctx context.Context, address string) error {
	return d.takeAddress(ctx, Device{Address: address})
}

// dropDevices removes the devices of a person that match.
func (d *Directory) dropDevices(ctx context.Context, person string, match func(*Device) bool) error {
	var ids []string
	err := d.devices.Each(ctx, store.Query{Index: "person", Eq: []any{person}}, func(it store.Item[Device]) error {
		if match(it.Value) {
			ids = append(ids, it.ID)
		}
		return nil
	})
	for _, id := range ids {
		e := d.devices.DeleteIf(ctx, id, func(latest *Device) error {
			if !match(latest) {
				return errKeep
			}
			return nil
		})
		if !errors.Is(e, errKeep) {
			err = errors.Join(err, notFoundIsFine(e))
		}
	}
	return err
}

// moveDevices hands the devices of a session to the one that takes its place. A device that is lost here gets no pushes until
// its app registers it again, which apps do at each start.
func (d *Directory) moveDevices(ctx context.Context, from string, to Session) {
	err := d.devices.Each(ctx, store.Query{Index: "person", Eq: []any{to.Person}}, func(it store.Item[Device]) error {
		if it.Value.Session != from {
			return nil
		}
		_, err := d.devices.Update(ctx, it.ID, func(dev *Device) error {
			if dev.Session == from {
				dev.Session, dev.Epoch = to.ID, to.Epoch
			}
			return nil
		})
		return notFoundIsFine(err)
	})
	if err != nil {
		d.log.WarnContext(ctx, "devices lost with the session before", "person", to.Person, "error", err)
	}
}

func notFoundIsFine(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
