package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
)

// controllerWorld is a world with viewers of each role, and a second provider with a customer of its own.
type controllerWorld struct {
	*world
	admin, dispatcher, technician, user, other Viewer
	foreign                                    Customer
}

func newControllerWorld(t *testing.T) *controllerWorld {
	t.Helper()
	w := &controllerWorld{world: newWorld(t)}
	w.dispatcher, w.user = ViewerFor(w.staff), ViewerFor(w.world.user)
	w.admin = ViewerFor(w.add(NewPerson{Email: "adm@example.test", Name: "Ada", Role: Admin, Provider: w.provider.ID}))
	w.technician = ViewerFor(w.add(NewPerson{Email: "tec@example.test", Name: "Tom", Role: Technician, Provider: w.provider.ID}))
	syd, err := w.PutProvider(t.Context(), Provider{Company: "Syd Lås"})
	if err != nil {
		t.Fatal(err)
	}
	w.other = ViewerFor(w.add(NewPerson{Email: "syd@example.test", Name: "Siv", Role: Admin, Provider: syd.ID}))
	if w.foreign, err = w.PutCustomer(t.Context(), Customer{Name: "Brf Eken", Providers: []string{syd.ID}}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *controllerWorld) controller(n NewController) (Controller, ControllerSecrets) {
	w.t.Helper()
	c, s, err := w.AddController(w.t.Context(), w.dispatcher, n)
	if err != nil {
		w.t.Fatal(err)
	}
	return c, s
}

// door returns whom a key shows; a stranger for a key that opens nothing.
func (w *controllerWorld) door(key string) Viewer { return w.viewerOf(key, Bearer) }

func TestControllers(t *testing.T) {
	t.Parallel()
	w := newControllerWorld(t)
	ctx := t.Context()

	t.Run("SEC-12 administrators and dispatchers of the provider manage controllers, nobody else", func(t *testing.T) {
		c, _ := w.controller(NewController{Name: "Haustür"})
		enrol := w.admin
		enrol.MustEnrol = true
		for name, row := range map[string]struct {
			v    Viewer
			add  error
			work error
		}{
			"admin": {w.admin, nil, nil}, "dispatcher": {w.dispatcher, nil, nil},
			"technician":           {w.technician, ErrNotAllowed, ErrNotAllowed},
			"customer":             {w.user, ErrNotAllowed, ErrNotAllowed},
			"stranger":             {Viewer{}, ErrNotAllowed, ErrNotAllowed},
			"a controller":         {Viewer{Kind: DoorController, User: c.ID, Provider: w.provider.ID}, ErrNotAllowed, ErrNotAllowed},
			"not enrolled":         {enrol, ErrEnrolFirst, ErrEnrolFirst},
			"admin of another one": {w.other, nil, store.ErrNotFound},
		} {
			_, _, added := w.AddController(ctx, row.v, NewController{Name: "Tor"})
			_, changed := w.ChangeController(ctx, row.v, c.ID, NewController{Name: "Haustür"})
			_, rotated := w.RotateController(ctx, row.v, c.ID)
			if !errors.Is(added, row.add) || !errors.Is(changed, row.work) || !errors.Is(rotated, row.work) {
				t.Errorf("%s: add %v, change %v, rotate %v", name, added, changed, rotated)
			}
			if row.work != nil {
				if err := w.DeactivateController(ctx, row.v, c.ID); !errors.Is(err, row.work) {
					t.Errorf("%s deactivates: %v", name, err)
				}
			}
		}
		if got, err := w.ActiveController(ctx, c.ID); err != nil || !got.Active {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("SEC-24 staff see their provider's controllers, without what is secret", func(t *testing.T) {
		c, _ := w.controller(NewController{Name: "Aufzug", Place: "Kiel", Customer: w.customer.ID})
		for name, v := range map[string]Viewer{"technician": w.technician, "admin": w.admin} {
			list, err := w.Controllers(ctx, v)
			if err != nil || !slices.ContainsFunc(list, func(l Controller) bool { return l.ID == c.ID }) {
				t.Errorf("%s: %d, %v", name, len(list), err)
			}
			if !slices.IsSortedFunc(list, func(a, b Controller) int { return strings.Compare(a.Name, b.Name) }) {
				t.Errorf("%s: not by name", name)
			}
			one, err := w.Controller(ctx, v, c.ID)
			if err != nil || one.Place != "Kiel" || len(one.Keys) != 1 || one.Keys[0].Hint == "" {
				t.Errorf("%s: %+v, %v", name, one, err)
			}
			for _, shown := range append(list, one) {
				if shown.KeyHashes != nil || shown.Secrets != nil || slices.ContainsFunc(shown.Keys, func(k ControllerKey) bool { return k.Hash != "" }) {
					t.Errorf("%s sees %+v", name, shown)
				}
			}
		}
		if _, err := w.Controller(ctx, w.other, c.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another provider: %v", err)
		}
		for _, v := range []Viewer{w.user, {}} {
			if _, err := w.Controllers(ctx, v); !errors.Is(err, ErrNotAllowed) {
				t.Errorf("%v: %v", v.Kind, err)
			}
		}
		if list, err := w.Controllers(ctx, w.other); err != nil || slices.ContainsFunc(list, func(l Controller) bool { return l.Provider != w.other.Provider }) {
			t.Errorf("%+v, %v", list, err)
		}
	})
	t.Run("SEC-10 a tag concerns the controllers of its provider, and of its customer or of none", func(t *testing.T) {
		own, _ := w.controller(NewController{Name: "eigene", Customer: w.customer.ID})
		all, _ := w.controller(NewController{Name: "alle"})
		gone, _ := w.controller(NewController{Name: "fort"})
		if err := w.DeactivateController(ctx, w.admin, gone.ID); err != nil {
			t.Fatal(err)
		}
		has := func(provider, customer, id string) bool {
			list, err := w.ControllersFor(ctx, provider, customer)
			if err != nil {
				t.Fatal(err)
			}
			return slices.ContainsFunc(list, func(c Controller) bool { return c.ID == id })
		}
		if !has(w.provider.ID, w.customer.ID, own.ID) || !has(w.provider.ID, w.customer.ID, all.ID) || !has(w.provider.ID, "somebody", all.ID) {
			t.Error("missing")
		}
		if has(w.provider.ID, "somebody", own.ID) || has(w.other.Provider, w.customer.ID, own.ID) || has(w.other.Provider, "", all.ID) || has("", "", all.ID) || has(w.provider.ID, "", gone.ID) {
			t.Error("told of what is not theirs")
		}
	})
	for name, row := range map[string]struct {
		n   NewController
		key string
	}{
		"no name":                  {NewController{}, "identity.field.required"},
		"long name":                {NewController{Name: strings.Repeat("x", 201)}, "identity.field.long"},
		"line break":               {NewController{Name: "a\nb"}, "identity.field.characters"},
		"turned text":              {NewController{Name: "a\u202eb"}, "identity.field.characters"},
		"control in the place":     {NewController{Name: "a", Place: "\x1b[2J"}, "identity.field.characters"},
		"unknown customer":         {NewController{Name: "a", Customer: "nobody"}, "identity.reference.unknown"},
		"customer of another":      {NewController{Name: "a", Customer: w.foreign.ID}, "identity.reference.unknown"},
		"webhook of a manual":      {NewController{Name: "a", Manual: true, Webhook: "https://a.example"}, "identity.controller.manual"},
		"webhook with password":    {NewController{Name: "a", Webhook: "https://u:p@a.example/"}, "identity.webhook.invalid"},
		"webhook with fragment":    {NewController{Name: "a", Webhook: "https://a.example/#"}, "identity.webhook.invalid"},
		"webhook without host":     {NewController{Name: "a", Webhook: "https:///x"}, "identity.webhook.invalid"},
		"webhook with a port only": {NewController{Name: "a", Webhook: "https://:443/x"}, "identity.webhook.invalid"},
		"webhook of a file":        {NewController{Name: "a", Webhook: "file:///etc/passwd"}, "identity.webhook.invalid"},
		"webhook without //":       {NewController{Name: "a", Webhook: "https:a.example"}, "identity.webhook.invalid"},
		"webhook with blank":       {NewController{Name: "a", Webhook: "https://a.example/a b"}, "identity.webhook.invalid"},
		"webhook with CR":          {NewController{Name: "a", Webhook: "https://a.example/\r\nX: y"}, "identity.field.characters"},
		"long webhook":             {NewController{Name: "a", Webhook: "https://a.example/" + strings.Repeat("x", 500)}, "identity.field.long"},
	} {
		t.Run("SEC-81 X-9 refused: "+name, func(t *testing.T) {
			var refused *FieldError
			if _, _, err := w.AddController(ctx, w.admin, row.n); !errors.As(err, &refused) || refused.Key != row.key {
				t.Errorf("%v, want %s", err, row.key)
			}
		})
	}
	t.Run("X-9 a controller is renamed and keeps its scope", func(t *testing.T) {
		c, _ := w.controller(NewController{Name: "alt", Customer: w.customer.ID, Webhook: "http://192.168.1.9:8080/hook"})
		got, err := w.ChangeController(ctx, w.dispatcher, c.ID, NewController{Name: " neu ", Place: "Hof", Customer: "", Manual: true})
		if err != nil || got.Name != "neu" || got.Place != "Hof" || got.Webhook != "" || got.Customer != w.customer.ID || got.Manual {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("X-9 a manual controller has no key", func(t *testing.T) {
		c, s := w.controller(NewController{Name: "Hand", Manual: true})
		if s != (ControllerSecrets{}) || len(c.Keys) > 0 {
			t.Errorf("%+v", c)
		}
		var refused *FieldError
		if _, err := w.RotateController(ctx, w.admin, c.ID); !errors.As(err, &refused) {
			t.Errorf("rotated: %v", err)
		}
	})
	t.Run("SEC-49 a provider has 200 controllers at most", func(t *testing.T) {
		ids, docs := make([]string, maxControllers), make([]*Controller, maxControllers)
		for i := range ids {
			id, err := w.newID()
			if err != nil {
				t.Fatal(err)
			}
			ids[i], docs[i] = id, &Controller{ID: id, Provider: w.other.Provider, Name: id, Active: i > 0}
		}
		if err := w.doors.InsertAll(ctx, ids, docs); err != nil {
			t.Fatal(err)
		}
		// The tests before made one; the inactive one does not count.
		var refused *FieldError
		if _, _, err := w.AddController(ctx, w.other, NewController{Name: "one too many"}); !errors.As(err, &refused) || refused.Key != "identity.controller.many" {
			t.Errorf("%v", err)
		}
		if err := w.DeactivateController(ctx, w.other, ids[1]); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.AddController(ctx, w.other, NewController{Name: "in its place"}); err != nil {
			t.Error(err)
		}
	})
}

func TestControllerKeys(t *testing.T) {
	t.Parallel()
	w := newControllerWorld(t)
	ctx := t.Context()
	c, secrets := w.controller(NewController{Name: "Haustür", Customer: w.customer.ID, Webhook: "https://door.example/hook"})

	t.Run("SEC-42 a key is 256 random bits with a prefix and shows the controller", func(t *testing.T) {
		if !strings.HasPrefix(secrets.Key, "twc_") || len(secrets.Key) != 56 || !strings.HasPrefix(secrets.Secret, "whsec_") || len(secrets.Secret) != 50 {
			t.Errorf("%q %q", secrets.Key, secrets.Secret)
		}
		want := Viewer{Kind: DoorController, User: c.ID, Name: "Haustür", Provider: w.provider.ID, Customer: w.customer.ID, Locale: locale.Swedish}
		v, err := w.Authenticate(ctx, secrets.Key, Bearer, locale.Swedish)
		if err != nil || v != want || v.SignedIn() || v.ActsAsStaff() || v.StaffOf(w.provider.ID) {
			t.Errorf("%+v, %v", v, err)
		}
	})
	stored, err := w.ActiveController(ctx, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	flipped := []byte(secrets.Key)
	flipped[len(flipped)-1] ^= 1
	for name, token := range map[string]string{
		"lower case": strings.ToLower(secrets.Key), "cut": secrets.Key[:55], "longer": secrets.Key + "0", "other": string(flipped), "prefix": "twc_",
		"hash": stored.KeyHashes[0], "hash with prefix": "twc_" + stored.KeyHashes[0], "id": c.ID, "secret": secrets.Secret, "huge": "twc_" + strings.Repeat("0", 1<<20),
	} {
		t.Run("SEC-42 no key: "+name, func(t *testing.T) {
			if v, err := w.Authenticate(ctx, token, Bearer, locale.German); err != nil || v != Nobody(locale.German) {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
	t.Run("SEC-41 a key in a cookie is nobody", func(t *testing.T) {
		if v := w.viewerOf(secrets.Key, Cookie); v.Kind != Stranger {
			t.Errorf("%+v", v)
		}
	})
	t.Run("SEC-43 SEC-82 nothing secret is stored in clear or logged", func(t *testing.T) {
		opened, err := w.SigningSecrets(stored)
		if err != nil || len(opened) != 1 || len(opened[0]) != 32 {
			t.Fatalf("%d, %v", len(opened), err)
		}
		body, err := json.Marshal(stored)
		if err != nil {
			t.Fatal(err)
		}
		for _, hidden := range []string{secrets.Key, secrets.Key[4:40], secrets.Secret, secrets.Secret[6:]} {
			if bytes.Contains(body, []byte(hidden)) || strings.Contains(w.log.String(), hidden) {
				t.Errorf("%s stands in the store or the log", hidden[:8])
			}
		}
		if !strings.Contains(w.log.String(), "controller added") || !strings.Contains(w.log.String(), w.dispatcher.User) {
			t.Error("SEC-92 not logged with its actor")
		}
		moved := stored
		moved.ID = "another"
		if _, err := w.SigningSecrets(moved); err == nil {
			t.Error("a secret opens for another controller")
		}
	})
	t.Run("SEC-42 last use is noted every five minutes at most", func(t *testing.T) {
		used := func() time.Time {
			got, err := w.ActiveController(ctx, c.ID)
			if err != nil {
				t.Fatal(err)
			}
			return got.Keys[0].Used.Time
		}
		first := used()
		w.clock.turn(seenEvery - time.Second)
		w.door(secrets.Key)
		if !used().Equal(first) {
			t.Error("written early")
		}
		w.clock.turn(time.Second)
		w.door(secrets.Key)
		if !used().Equal(w.clock.now()) {
			t.Errorf("%v", used())
		}
	})
	t.Run("SEC-42 SEC-82 after a rotation the old key and secret go on for a day", func(t *testing.T) {
		fresh, err := w.RotateController(ctx, w.admin, c.ID)
		if err != nil || fresh.Key == secrets.Key || fresh.Secret == secrets.Secret {
			t.Fatalf("%v", err)
		}
		signing := func() [][]byte {
			latest, err := w.ActiveController(ctx, c.ID)
			if err != nil {
				t.Fatal(err)
			}
			list, err := w.SigningSecrets(latest)
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		if w.door(secrets.Key).User != c.ID || w.door(fresh.Key).User != c.ID || len(signing()) != 2 {
			t.Error("no overlap")
		}
		newest := signing()[0]
		w.clock.turn(overlap - time.Millisecond)
		if w.door(secrets.Key).User != c.ID {
			t.Error("ended early")
		}
		w.clock.turn(time.Millisecond)
		if w.door(secrets.Key).Kind != Stranger || w.door(fresh.Key).User != c.ID {
			t.Error("after a day")
		}
		if list := signing(); len(list) != 1 || !bytes.Equal(list[0], newest) {
			t.Errorf("%d secrets", len(list))
		}
		secrets = fresh
	})
	t.Run("SEC-42 rotating again and again keeps the document small, and no old key longer than it had", func(t *testing.T) {
		old := secrets.Key
		for range 10 {
			if secrets, err = w.RotateController(ctx, w.admin, c.ID); err != nil {
				t.Fatal(err)
			}
			w.clock.turn(time.Hour)
		}
		latest, err := w.ActiveController(ctx, c.ID)
		if err != nil || len(latest.Keys) > maxOverlapping || len(latest.Secrets) > maxOverlapping || len(latest.KeyHashes) != len(latest.Keys) {
			t.Errorf("%d keys, %d secrets, %v", len(latest.Keys), len(latest.Secrets), err)
		}
		if w.door(old).Kind != Stranger || w.door(secrets.Key).User != c.ID {
			t.Error("the wrong key is in force")
		}
	})
	t.Run("SEC-42 a key ends after a year", func(t *testing.T) {
		made := w.clock.now().Add(-time.Hour)
		w.clock.turn(controllerKeyLife - time.Hour - time.Millisecond)
		if w.door(secrets.Key).User != c.ID {
			t.Errorf("ended before %v", made.Add(controllerKeyLife))
		}
		w.clock.turn(time.Millisecond)
		if w.door(secrets.Key).Kind != Stranger {
			t.Error("lives on")
		}
	})
	t.Run("SEC-20 deactivation acts at the next request, on each instance", func(t *testing.T) {
		c, secrets := w.controller(NewController{Name: "Tor"})
		second, err := New(w.options())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []*Directory{w.Directory, second} {
			if v, err := d.Authenticate(ctx, secrets.Key, Bearer, locale.English); err != nil || v.User != c.ID {
				t.Fatalf("%+v, %v", v, err)
			}
		}
		if err := w.DeactivateController(ctx, w.admin, c.ID); err != nil {
			t.Fatal(err)
		}
		for _, d := range []*Directory{w.Directory, second} {
			if v, err := d.Authenticate(ctx, secrets.Key, Bearer, locale.English); err != nil || v.Kind != Stranger {
				t.Errorf("%+v, %v", v, err)
			}
			if _, err := d.ActiveController(ctx, c.ID); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("still active: %v", err)
			}
		}
		gone, err := w.doors.Get(ctx, c.ID)
		if err != nil || len(gone.Keys)+len(gone.KeyHashes)+len(gone.Secrets) > 0 {
			t.Errorf("keys stay: %+v, %v", gone, err)
		}
		if _, err := w.RotateController(ctx, w.admin, c.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("rotated back to life: %v", err)
		}
	})
}

func TestProvedRecently(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	v := w.enter(w.user)
	t.Run("SEC-8 proof counts for five minutes", func(t *testing.T) {
		if err := w.ProvedRecently(ctx, v); err != nil {
			t.Error(err)
		}
		w.clock.turn(provedFor - time.Millisecond)
		if err := w.ProvedRecently(ctx, v); err != nil {
			t.Error(err)
		}
		w.clock.turn(time.Millisecond)
		if err := w.ProvedRecently(ctx, v); !errors.Is(err, ErrProofNeeded) {
			t.Errorf("%v", err)
		}
	})
	t.Run("SEC-8 a clock that stepped back proves nothing", func(t *testing.T) {
		v := w.enter(w.user)
		w.clock.turn(-time.Hour)
		if err := w.ProvedRecently(ctx, v); err == nil {
			t.Error("accepted")
		}
		w.clock.turn(time.Hour)
	})
	t.Run("SEC-8 without a session there is no proof", func(t *testing.T) {
		fresh := w.enter(w.staff)
		forged := fresh
		forged.Session = ""
		stolen := ViewerFor(w.user)
		stolen.Session = fresh.Session
		operator := Operator(w.provider.ID)
		operator.User = w.staff.ID
		for name, v := range map[string]Viewer{"nobody": {}, "no session": forged, "another's session": stolen, "a worker's viewer": ViewerFor(w.staff),
			"half an operator": operator, "a controller": {Kind: DoorController, User: "d", Provider: w.provider.ID}} {
			if err := w.ProvedRecently(ctx, v); !errors.Is(err, ErrSignedOut) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := w.ProvedRecently(ctx, Operator(w.provider.ID)); err != nil {
			t.Errorf("the operator at the box: %v", err)
		}
	})
}
