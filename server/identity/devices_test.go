package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
)

// addresses returns where a person's pushes go.
func (w *world) addresses(p Person) string {
	w.t.Helper()
	list, err := w.DevicesOf(w.t.Context(), p.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	var s []string
	for _, dev := range list {
		s = append(s, dev.Name+"="+dev.Address)
	}
	return strings.Join(s, " ")
}

func (w *world) put(v Viewer, name, address string) {
	w.t.Helper()
	if _, err := w.PutDevice(w.t.Context(), v, name, Device{Kind: FCMToken, Address: address, Platform: "android", Locale: locale.Swedish}); err != nil {
		w.t.Fatal(err)
	}
}

func TestDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	ute, lars := w.enter(w.staff), w.enter(w.user)
	want := func(p Person, addresses string) {
		t.Helper()
		if got := w.addresses(p); got != addresses {
			t.Errorf("%s: %q, want %q", p.Name, got, addresses)
		}
	}
	w.put(ute, "phone", "a")
	w.put(ute, "phone", "a")
	want(w.staff, "phone=a")
	w.put(ute, "phone", "b")
	want(w.staff, "phone=b")
	t.Run("SEC-44 another person takes the address", func(t *testing.T) {
		w.put(lars, "my-phone", "b")
		want(w.staff, "")
		want(w.user, "my-phone=b")
	})
	t.Run("SEC-44 a registered device changes to a taken address", func(t *testing.T) {
		w.put(ute, "phone", "c")
		w.put(ute, "phone", "b")
		want(w.staff, "phone=b")
		want(w.user, "")
	})
	t.Run("the same person under another name", func(t *testing.T) {
		w.put(ute, "phone-2", "b")
		want(w.staff, "phone-2=b")
	})
	t.Run("SEC-44 sign-out takes the session's devices only", func(t *testing.T) {
		other := w.enter(w.staff)
		w.put(other, "tablet", "t")
		if err := w.SignOut(ctx, other); err != nil {
			t.Fatal(err)
		}
		want(w.staff, "phone-2=b")
		if _, err := w.PutDevice(ctx, other, "tablet", Device{Kind: FCMToken, Address: "t"}); !errors.Is(err, ErrSignedOut) {
			t.Errorf("after sign-out: %v", err)
		}
	})
	t.Run("SEC-44 the session that takes the place keeps the device", func(t *testing.T) {
		next, err := w.ChangePassword(ctx, ute, goodPassword, "Neun Seile halten gut", "")
		if err != nil {
			t.Fatal(err)
		}
		want(w.staff, "phone-2=b")
		ute = w.viewerOf(next.Token, Bearer)
		if err := w.SignOut(ctx, ute); err != nil {
			t.Fatal(err)
		}
		want(w.staff, "")
	})
	t.Run("deleting", func(t *testing.T) {
		w.put(lars, "phone", "l")
		if err := w.DeleteDevice(ctx, lars, "other"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("unknown: %v", err)
		}
		if err := w.DeleteDevice(ctx, lars, "phone"); err != nil {
			t.Error(err)
		}
		want(w.user, "")
	})
	t.Run("dead address", func(t *testing.T) {
		w.put(lars, "phone", "l")
		for range 2 {
			if err := w.DropAddress(ctx, "l"); err != nil {
				t.Error(err)
			}
		}
		want(w.user, "")
	})
	t.Run("nobody", func(t *testing.T) {
		if _, err := w.PutDevice(ctx, Nobody(locale.English), "phone", Device{Kind: FCMToken, Address: "n"}); !errors.Is(err, ErrSignedOut) {
			t.Error(err)
		}
		if list, err := w.DevicesOf(ctx, "nobody"); len(list) != 0 || err != nil {
			t.Errorf("%v, %v", list, err)
		}
	})
	t.Run("at most twenty, the latest stay", func(t *testing.T) {
		for i := range maxDevices + 2 {
			w.clock.turn(time.Second)
			w.put(lars, fmt.Sprintf("d%d", i), fmt.Sprintf("l%d", i))
		}
		list, err := w.DevicesOf(ctx, w.user.ID)
		if err != nil || len(list) != maxDevices || list[0].Name != "d21" || list[maxDevices-1].Name != "d2" {
			t.Errorf("%d, %v", len(list), err)
		}
		if n, err := w.devices.Count(ctx, store.Query{Index: "person", Eq: []any{w.user.ID}}, 100); n != maxDevices || err != nil {
			t.Errorf("%d stored, %v", n, err)
		}
	})
}

func TestAddressRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	viewers := []Viewer{w.enter(w.staff), w.enter(w.user)}
	const racers = 20
	turns := make(chan int, racers)
	for i := range racers {
		turns <- i
	}
	n := race(t, racers, func(ctx context.Context) error {
		i := <-turns
		_, err := w.PutDevice(ctx, viewers[i%2], fmt.Sprintf("d%d", i), Device{Kind: WebPush, Address: "shared"})
		return err
	})
	if n != racers {
		t.Errorf("%d of %d registered", n, racers)
	}
	if got := w.addresses(w.staff) + w.addresses(w.user); strings.Count(got, "shared") != 1 {
		t.Errorf("SEC-44 the address is held by %q", got)
	}
}

func TestDeviceInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.enter(w.user)
	good := Device{Kind: FCMToken, Address: "a", Platform: "ios", Locale: locale.German}
	for _, row := range []struct {
		name, id string
		change   func(*Device)
		field    string
	}{
		{"empty id", "", func(*Device) {}, "id"},
		{"long id", strings.Repeat("x", 65), func(*Device) {}, "id"},
		{"slash in the id", "a/b", func(*Device) {}, "id"},
		{"unknown kind", "d", func(d *Device) { d.Kind = "apns" }, "kind"},
		{"no address", "d", func(d *Device) { d.Address = "" }, "address"},
		{"long address", "d", func(d *Device) { d.Address = strings.Repeat("x", 4097) }, "address"},
		{"SEC-74 line break in the address", "d", func(d *Device) { d.Address = "a\r\nb" }, "address"},
		{"letters outside ASCII in the address", "d", func(d *Device) { d.Address = "å" }, "address"},
		{"line break in the platform", "d", func(d *Device) { d.Platform = "a\nb" }, "platform"},
		{"unknown language", "d", func(d *Device) { d.Locale = "fr" }, "locale"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dev := good
			row.change(&dev)
			var field *FieldError
			if _, err := w.PutDevice(t.Context(), v, row.id, dev); !errors.As(err, &field) || field.Field != row.field {
				t.Errorf("%v, want a FieldError of %s", err, row.field)
			}
		})
	}
	t.Run("server-owned fields are not taken over", func(t *testing.T) {
		dev := good
		dev.ID, dev.Name, dev.Person, dev.Session, dev.Epoch = "x", "y", w.staff.ID, "z", 7
		got, err := w.PutDevice(t.Context(), v, "d", dev)
		if err != nil || got.Person != w.user.ID || got.Session != v.Session || got.Name != "d" || got.Epoch != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestDevicesEndWithTheirSession: pushes stop when the session that asked for them runs out by time.
func TestDevicesEndWithTheirSession(t *testing.T) {
	w := newWorld(t)
	v := w.enter(w.user)
	if _, err := w.PutDevice(t.Context(), v, "phone", Device{Kind: FCMToken, Address: "token-1"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		turn time.Duration
		want int
	}{{"SEC-44 in use", time.Hour, 1}, {"SEC-40 the session ran out", 15 * 24 * time.Hour, 0}} {
		t.Run(c.name, func(t *testing.T) {
			w.clock.turn(c.turn)
			if list, err := w.DevicesOf(t.Context(), w.user.ID); err != nil || len(list) != c.want {
				t.Errorf("%d devices, %v; want %d", len(list), err, c.want)
			}
		})
	}
}
