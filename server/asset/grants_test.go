package asset_test

import (
	"errors"
	"testing"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

func TestGrants(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	a := w.asset("nord")
	person := customerUser("lars")
	may := func() asset.Permission {
		got, err := w.Access(ctx, person, a.ID)
		if err != nil && !errors.Is(err, asset.ErrNotFound) {
			t.Fatal(err)
		}
		return got.May
	}

	t.Run("F-9 SEC-24 what one provider takes away leaves what another gave", func(t *testing.T) {
		if err := w.Grant(ctx, staffOf("nord"), "lars", a.ID, asset.SeeComponents|asset.Faults); err != nil {
			t.Fatal(err)
		}
		g, err := w.grants.Update(ctx, "lars~"+a.ID, func(g *asset.Grant) error {
			g.By = append(g.By, asset.Granted{Provider: "syd", Permissions: asset.Faults | asset.SeeDueDates, Who: "staff-syd"})
			return nil
		})
		must(t, g, err)
		if got := may(); got != asset.SeeComponents|asset.Faults|asset.SeeDueDates {
			t.Errorf("both together: %v", got.Names())
		}
		if err := w.Grant(ctx, staffOf("nord"), "lars", a.ID, 0); err != nil {
			t.Fatal(err)
		}
		if got := may(); got != asset.Faults|asset.SeeDueDates {
			t.Errorf("after nord's withdrawal: %v", got.Names())
		}
		if g, err := w.grants.Get(ctx, "lars~"+a.ID); err != nil || len(g.By) != 1 || g.By[0].Provider != "syd" || g.By[0].Who != "staff-syd" {
			t.Errorf("syd's part: %+v, %v", g, err)
		}
	})
	t.Run("F-10 grants of one person by many hands at once all count", func(t *testing.T) {
		assets := make([]asset.Asset, 8)
		for i := range assets {
			assets[i] = w.asset("nord")
		}
		race(32, func(i int) {
			if err := w.Grant(ctx, staffOf("nord"), "birgit", assets[i%8].ID, asset.SeeComponents); err != nil {
				t.Error(err)
			}
		})
		rows, _, err := w.Assets(ctx, customerUser("birgit"), "", "", 50)
		if err != nil || len(rows) != len(assets) {
			t.Errorf("%d assets, %v", len(rows), err)
		}
	})
	t.Run("SEC-16 a name that would be another grant's is refused", func(t *testing.T) {
		for _, person := range []string{"", "lars~" + a.ID, "~"} {
			if err := w.Grant(ctx, staffOf("nord"), person, a.ID, asset.Faults); !errors.Is(err, asset.ErrNotFound) {
				t.Errorf("person %q: %v", person, err)
			}
		}
	})
	t.Run("SEC-19 customers and strangers grant nothing", func(t *testing.T) {
		if err := w.Grant(ctx, person, "lars", a.ID, asset.AllPermissions); !errors.Is(err, asset.ErrNotAllowed) {
			t.Errorf("somebody who sees the asset: %v", err)
		}
		if err := w.Grant(ctx, identity.Viewer{}, "lars", a.ID, asset.AllPermissions); !errors.Is(err, asset.ErrNotFound) {
			t.Errorf("a stranger: %v", err)
		}
	})
	t.Run("SEC-15 an asset cannot name an object of another provider", func(t *testing.T) {
		o, err := w.PutObject(ctx, staffOf("syd"), asset.Object{Name: "Hamngatan 4"})
		object := must(t, o, err).ID
		for _, id := range []string{object, "unknown"} {
			if _, err := w.PutAsset(ctx, staffOf("nord"), asset.Asset{Number: "9", Object: id}); !errors.Is(err, asset.ErrNotFound) {
				t.Errorf("object %q: %v", id, err)
			}
		}
	})
}

func TestNextAppointment(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	a := w.asset("nord")
	put := func(days int, s asset.AppointmentStatus) {
		p, err := w.PutAppointment(ctx, staffOf("nord"), asset.Appointment{Asset: a.ID, Start: store.At(today.AddDate(0, 0, days)), Status: s, Subject: string(s)})
		must(t, p, err)
	}
	if err := w.Grant(ctx, staffOf("nord"), "lars", a.ID, asset.SeeAppointments); err != nil {
		t.Fatal(err)
	}
	for i := range 25 {
		put(i, []asset.AppointmentStatus{asset.AppointmentDraft, asset.AppointmentDone}[i%2])
	}
	t.Run("F-19 drafts alone are no next appointment", func(t *testing.T) {
		if o, err := w.Overview(ctx, customerUser("lars"), a.ID); err != nil || o.Next != nil {
			t.Errorf("next %+v, %v", o.Next, err)
		}
	})
	t.Run("F-18 the next one is found behind many drafts", func(t *testing.T) {
		put(30, asset.AppointmentPlanned)
		put(31, asset.AppointmentConfirmed)
		if o, err := w.Overview(ctx, customerUser("lars"), a.ID); err != nil || o.Next == nil || o.Next.Status != asset.AppointmentPlanned {
			t.Errorf("next %+v, %v", o.Next, err)
		}
	})
}
