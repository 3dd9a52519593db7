package notify_test

import (
	"context"
	"testing"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/notify"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
)

// letters are documents of another kind, whose notices are for one person.
type letters struct {
	docs store.Collection[letter]
	to   identity.Person
}

type letter struct {
	outbox.Box
}

func (l letters) Queue() outbox.Queue[letter] {
	return outbox.Queue[letter]{Docs: l.docs, Box: func(d *letter) *outbox.Box { return &d.Box }}
}

func (l letters) Recipients(context.Context, *letter, outbox.Notice) ([]identity.Person, error) {
	return []identity.Person{l.to}, nil
}

func (l letters) Message(_ *letter, n outbox.Notice) outbox.Message {
	return outbox.Message{Kind: "request_letter", Key: string(n.Event), Args: map[string]string{"Number": "7"}, Words: map[string]string{"Status": "status.done"},
		Ref: "7", Path: "/requests/7"}
}

func TestSources(t *testing.T) {
	w := newWorld(t)
	w.device(w.ute, "ute-phone", locale.German)
	w.device(w.lars, "lars-phone", locale.Swedish)
	lars, err := w.people.Person(t.Context(), w.lars.User)
	must(t, lars, err)
	source := letters{docs: store.In[letter](w.engine, "letters"), to: lars}
	t.Run("X-20 one worker carries the notices of several collections, in the words of each", func(t *testing.T) {
		if err := w.engine.Ensure(t.Context(), store.Schema{Version: 1, Collections: append(desk.Specs(), store.Spec{Name: "letters", Indexes: []store.Index{outbox.Index()}})}); err != nil {
			t.Fatal(err)
		}
		w.Sources = append(w.Sources, notify.From(source))
		l := &letter{outbox.New()}
		l.Add(outbox.Notice{ID: "n1", Event: "status_changed", At: store.At(w.clock())})
		if err := source.docs.Insert(t.Context(), "7", l); err != nil {
			t.Fatal(err)
		}
		w.reported()
		w.deliver()
		got := w.push.take()
		if addresses(got) != "[lars-phone ute-phone]" || got[0].message.Kind != "request_letter" || got[0].message.ID != "n1" || got[1].message.Kind != "request_reported" {
			t.Fatalf("%+v", got)
		}
		want := w.Catalogue.Text(locale.Swedish, "push.status_changed.body", map[string]string{"Number": "7", "Status": w.Catalogue.Text(locale.Swedish, "status.done", nil)})
		if got[0].message.Body != want {
			t.Errorf("%q, want %q", got[0].message.Body, want)
		}
	})
}

func TestTagNotices(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	p, err := w.people.AddPerson(ctx, identity.NewPerson{Email: "maja@hafen.example", Name: "maja", Role: identity.Master, Customer: w.lars.Customer, Locale: locale.Swedish}, password)
	must(t, p, err)
	s, err := w.people.SignIn(ctx, identity.SignIn{Email: p.Email, Password: password, Kind: identity.Bearer})
	must(t, s, err)
	maja, err := w.people.Authenticate(ctx, s.Token, identity.Bearer, locale.English)
	must(t, maja, err)
	w.device(maja, "maja-phone", locale.Swedish)
	w.device(w.lars, "lars-phone", locale.Swedish)
	t.Run("SEC-8 B-16 a master hears of a block and of a reactivation, by number and without what was blocked", func(t *testing.T) {
		tag, err := w.assets.Enrol(ctx, w.staff, asset.Enrolment{Number: "04A1B2C3D4E5F6", Hint: "iso14443", Customer: w.lars.Customer})
		must(t, tag, err)
		b, err := w.desk.BlockTags(ctx, w.staff, desk.BlockOrder{Tags: []string{tag.ID}, Reason: "Klappe verloren"})
		must(t, b, err)
		w.deliver()
		if got := w.push.take(); addresses(got) != "[maja-phone]" || got[0].message.Kind != "request_tag_blocked" || got[0].message.Ref != b.Request.Number {
			t.Errorf("%+v", got)
		}
		r, err := w.desk.ReactivateTag(ctx, w.staff, desk.ReactivateOrder{Tag: tag.ID, Reason: "Klappe gefunden"})
		must(t, r, err)
		w.deliver()
		if got := w.push.take(); addresses(got) != "[maja-phone]" || got[0].message.Kind != "request_tag_reactivated" {
			t.Errorf("%+v", got)
		}
	})
}
