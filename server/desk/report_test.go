package desk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/tagging/picture"
)

func TestReportOnce(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	in := w.fault("Klappe schließt nicht")
	in.Key = "form-1"

	t.Run("X-12 SEC-86 fifty calls under one key make one request", func(t *testing.T) {
		got := make([]string, 50)
		race(len(got), func(i int) {
			r, err := w.ReportFault(ctx, w.lars, in)
			if err != nil {
				t.Error(err)
				return
			}
			got[i] = r.Number
		})
		for _, n := range got {
			if n != got[0] {
				t.Errorf("numbers %s and %s", n, got[0])
			}
		}
		if n := w.all(); n != 1 {
			t.Errorf("%d requests", n)
		}
		if r := w.stored(got[0]); len(r.Notices) != 1 || r.Notices[0].Event != desk.Reported {
			t.Errorf("notices %+v", r.Notices)
		}
	})
	t.Run("SEC-86 other content under the key is refused", func(t *testing.T) {
		before := w.all()
		for name, change := range map[string]func(*desk.Report){
			"text":       func(r *desk.Report) { r.Text = "anderes" },
			"fault type": func(r *desk.Report) { r.FaultType = "fire" },
			"place":      func(r *desk.Report) { r.Component, r.Asset = "", w.asset.ID },
			"photo":      func(r *desk.Report) { r.Photos = [][]byte{photo(t, 1)} },
		} {
			other := in
			change(&other)
			if _, err := w.ReportFault(ctx, w.lars, other); !errors.Is(err, desk.ErrKeyReused) {
				t.Errorf("other %s: %v", name, err)
			}
		}
		if w.all() != before {
			t.Error("a request was made")
		}
	})
	t.Run("SEC-86 the key belongs to the person", func(t *testing.T) {
		first, err := w.ReportFault(ctx, w.lars, in)
		must(t, first, err)
		other, err := w.ReportFault(ctx, w.birgit, in)
		if err != nil || other.Number == first.Number || other.Reporter != w.birgit.User {
			t.Errorf("birgit got %+v, %v", other, err)
		}
	})
	t.Run("X-12 a repeat may come after the grant is gone, and is told nothing then", func(t *testing.T) {
		w.grant(w.lars, w.asset, 0)
		defer w.grant(w.lars, w.asset, asset.Faults)
		if _, err := w.ReportFault(ctx, w.lars, in); !errors.Is(err, desk.ErrNotFound) {
			t.Errorf("repeat: %v", err)
		}
	})
	t.Run("X-12 without a key each call is another report", func(t *testing.T) {
		if a, b := w.reported(), w.reported(); a.Number == b.Number {
			t.Errorf("both are %s", a.Number)
		}
	})
	t.Run("SEC-60 a key has a longest length", func(t *testing.T) {
		long := w.fault("Text")
		long.Key = strings.Repeat("k", identity.MaxKey+1)
		var field *desk.FieldError
		if _, err := w.ReportFault(ctx, w.lars, long); !errors.As(err, &field) || field.Code != desk.TooLong {
			t.Errorf("long key: %v", err)
		}
		long.Key = long.Key[1:]
		if _, err := w.ReportFault(ctx, w.lars, long); err != nil {
			t.Errorf("longest key: %v", err)
		}
	})
}

func TestNumbers(t *testing.T) {
	w := newWorld(t)
	t.Run("B-2 thirty-two reporters at once get numbers of their own", func(t *testing.T) {
		seen := make([]string, 32)
		race(len(seen), func(i int) {
			r, err := w.ReportFault(t.Context(), []identity.Viewer{w.lars, w.birgit}[i%2], w.fault(fmt.Sprint("Störung ", i)))
			if err != nil {
				t.Error(err)
				return
			}
			seen[i] = r.Number
		})
		unique := map[string]bool{}
		for _, n := range seen {
			if len(n) != 6 || unique[n] {
				t.Errorf("number %q, given before: %v", n, unique[n])
			}
			unique[n] = true
		}
	})
}

func TestReportRefused(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.grant(w.birgit, w.asset, asset.SeeComponents|asset.SeeDueDates|asset.SeeAppointments)
	blank, err := w.assets.Mint(ctx, w.nord, 1)
	must(t, blank, err)
	code, err := w.assets.LabelsForComponents(ctx, w.nord, []string{w.component.ID})
	must(t, code, err)

	for _, c := range []struct {
		name   string
		viewer identity.Viewer
		change func(*desk.Report)
		want   any // an error, or a desk.FieldError
	}{
		{"F-30 a type that is not released", w.lars, func(r *desk.Report) { r.FaultType = "secret" }, desk.FieldError{Field: "fault_type", Code: desk.NotChosen}},
		{"F-30 a type of another provider", w.lars, func(r *desk.Report) { r.FaultType = "hiss" }, desk.FieldError{Field: "fault_type", Code: desk.NotChosen}},
		{"F-30 no type", w.lars, func(r *desk.Report) { r.FaultType = "" }, desk.FieldError{Field: "fault_type", Code: desk.Missing}},
		{"F-29 no place", w.lars, func(r *desk.Report) { r.Component = "" }, desk.FieldError{Field: "code", Code: desk.OneOf}},
		{"F-29 two places", w.lars, func(r *desk.Report) { r.Asset = w.asset.ID }, desk.FieldError{Field: "code", Code: desk.OneOf}},
		{"X-5 a blank label", w.nord, func(r *desk.Report) { r.Component, r.Code = "", blank[0].Code }, desk.FieldError{Field: "code", Code: desk.Missing}},
		{"SEC-16 an unknown component", w.lars, func(r *desk.Report) { r.Component = "none" }, desk.ErrNotFound},
		{"SEC-16 an asset without a grant", w.lars, func(r *desk.Report) { r.Component, r.Asset = "", w.foreign.ID }, desk.ErrNotFound},
		{"SEC-16 a blank label, for a customer", w.lars, func(r *desk.Report) { r.Component, r.Code = "", blank[0].Code }, desk.ErrNotFound},
		{"SEC-16 staff of another provider", w.syd, func(*desk.Report) {}, desk.ErrNotFound},
		{"SEC-16 a stranger", identity.Viewer{}, func(r *desk.Report) { r.Component, r.Code = "", code[0].Code }, desk.ErrNotFound},
		{"F-28 all grants but that for faults", w.birgit, func(*desk.Report) {}, desk.ErrNotAllowed},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := w.fault("Klappe schließt nicht")
			c.change(&in)
			_, err := w.ReportFault(ctx, c.viewer, in)
			var field *desk.FieldError
			switch want := c.want.(type) {
			case error:
				if !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
			case desk.FieldError:
				if !errors.As(err, &field) || *field != want {
					t.Errorf("%v, want %v", err, want)
				}
			}
		})
	}
	if n := w.all(); n != 0 {
		t.Errorf("refused reports made %d requests", n)
	}
	t.Run("SEC-14 provider and customer follow from the asset and the person", func(t *testing.T) {
		r, err := w.ReportFault(ctx, w.nord, desk.Report{Code: code[0].Code, FaultType: "fire", Text: "Rauch"})
		if err != nil || r.Provider != w.nord.Provider || r.Customer != w.asset.Customer || r.Severity != 1 || r.Component != w.component.ID {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("F-30 SEC-33 who sets the catalogue", func(t *testing.T) {
		waiting, technician := w.nord, w.nord
		waiting.MustEnrol, technician.Role = true, identity.Technician
		for _, v := range []identity.Viewer{waiting, technician, w.lars, {}} {
			if err := w.PutCatalogue(ctx, v, nil); !errors.Is(err, desk.ErrNotAllowed) {
				t.Errorf("catalogue by %+v: %v", v, err)
			}
		}
	})
}

func TestText(t *testing.T) {
	w := newWorld(t)
	number := w.reported().Number
	long := strings.Repeat("å", desk.MaxText)
	for _, c := range []struct {
		name, text, want, code string
	}{
		{"kept as it is", "Tür klemmt\t– 2×\nseit gestern", "Tür klemmt\t– 2×\nseit gestern", ""},
		{"line ends of forms", " eins\r\nzwei\r\n", "eins\nzwei", ""},
		{"as long as allowed, in characters", long, long, ""},
		{"trimmed before it is counted", "  " + long + "\r\n", long, ""},
		{"one character more", long + "å", "", desk.TooLong},
		{"empty", "", "", desk.Missing},
		{"blanks only", " \r\n\t ", "", desk.Missing},
		{"NUL", "a\x00b", "", desk.BadText},
		{"escape sequence of a terminal", "a\x1b[31mb", "", desk.BadText},
		{"lone carriage return", "a\rb", "", desk.BadText},
		{"DEL", "a\x7fb", "", desk.BadText},
		{"control sequence introducer of eight bits", "a\u009b31mb", "", desk.BadText},
		{"no UTF-8", "a\xffb", "", desk.BadText},
	} {
		t.Run("SEC-50 "+c.name, func(t *testing.T) {
			check := func(got string, err error) {
				t.Helper()
				var field *desk.FieldError
				if c.code == "" && (err != nil || got != c.want) {
					t.Errorf("%q, %v", got, err)
				} else if c.code != "" && (!errors.As(err, &field) || *field != desk.FieldError{Field: "text", Code: c.code}) {
					t.Errorf("%v, want %s", err, c.code)
				}
			}
			made, err := w.ReportFault(t.Context(), w.lars, w.fault(c.text))
			if made == nil {
				made = &desk.Request{}
			}
			check(made.Text, err)
			view, err := w.Write(t.Context(), w.lars, number, c.text, "")
			if err == nil {
				check(view.Thread[len(view.Thread)-1].Text, nil)
			} else {
				check("", err)
			}
		})
	}
}

// present checks that each photo that the request names is there and is a JPEG.
func (w *world) present(v identity.Viewer, number string, want int) {
	w.t.Helper()
	r := w.stored(number)
	if len(r.Photos) != want {
		w.t.Errorf("%d photos, want %d", len(r.Photos), want)
	}
	for _, p := range r.Photos {
		_, body, err := w.Photo(w.t.Context(), v, number, p.ID)
		if err != nil {
			w.t.Errorf("photo %s: %v", p.ID, err)
			continue
		}
		var head [3]byte
		if _, err := body.Read(head[:]); err != nil || head != [3]byte{0xff, 0xd8, 0xff} {
			w.t.Errorf("photo begins with % x, %v", head, err)
		}
		if err := body.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *world) countBlobs() (n int) {
	w.t.Helper()
	blobs := store.In[struct{}](w.engine, "blobs")
	for _, kept := range []bool{false, true} {
		c, err := blobs.Count(w.t.Context(), store.Query{Index: "loose", Eq: []any{kept}}, 1000)
		n += must(w.t, c, err)
	}
	return n
}

func TestPhotos(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()

	t.Run("F-29 five photos, the sixth is refused", func(t *testing.T) {
		r := w.reported(photo(t, 1), photo(t, 2))
		for i := 3; i <= desk.MaxPhotos; i++ {
			if v, err := w.AddPhoto(ctx, w.lars, r.Number, photo(t, i)); err != nil || len(v.Photos) != i {
				t.Fatalf("photo %d: %v", i, err)
			}
		}
		if _, err := w.AddPhoto(ctx, w.lars, r.Number, photo(t, 6)); !errors.Is(err, desk.ErrTooManyPhotos) {
			t.Errorf("sixth: %v", err)
		}
		if v, err := w.AddPhoto(ctx, w.lars, r.Number, photo(t, 3)); err != nil || len(v.Photos) != desk.MaxPhotos {
			t.Errorf("one that is there already: %v", err)
		}
		w.present(w.lars, r.Number, desk.MaxPhotos)
		in := w.fault("sechs")
		for i := range 6 {
			in.Photos = append(in.Photos, photo(t, 10+i))
		}
		before, blobs := w.all(), w.countBlobs()
		if _, err := w.ReportFault(ctx, w.lars, in); !errors.Is(err, desk.ErrTooManyPhotos) || w.all() != before || w.countBlobs() != blobs {
			t.Errorf("report with six: %v, %d requests and %d blobs more", err, w.all()-before, w.countBlobs()-blobs)
		}
	})
	t.Run("F-29 the same file is no second photo, also when many send it at once", func(t *testing.T) {
		r := w.reported(photo(t, 20), photo(t, 20), photo(t, 21), photo(t, 20))
		w.present(w.lars, r.Number, 2)
		race(8, func(int) {
			if _, err := w.AddPhoto(ctx, w.lars, r.Number, photo(t, 22)); err != nil {
				t.Error(err)
			}
		})
		w.present(w.birgit, r.Number, 3)
	})
	t.Run("F-29 of many photos sent at once no more than five stay", func(t *testing.T) {
		r := w.reported()
		race(10, func(i int) {
			if _, err := w.AddPhoto(ctx, w.lars, r.Number, photo(t, 30+i)); err != nil && !errors.Is(err, desk.ErrTooManyPhotos) {
				t.Error(err)
			}
		})
		w.present(w.lars, r.Number, desk.MaxPhotos)
	})
	t.Run("SEC-64 a photo is given to those who see its request", func(t *testing.T) {
		r := w.reported(photo(t, 40))
		other := w.reported(photo(t, 41))
		for name, call := range map[string]func() error{
			"other provider": func() error { _, _, err := w.Photo(ctx, w.syd, r.Number, r.Photos[0].ID); return err },
			"stranger":       func() error { _, _, err := w.Photo(ctx, identity.Viewer{}, r.Number, r.Photos[0].ID); return err },
			"wrong request":  func() error { _, _, err := w.Photo(ctx, w.lars, other.Number, r.Photos[0].ID); return err },
			"by its blob":    func() error { _, _, err := w.Photo(ctx, w.lars, r.Number, r.Photos[0].Blob); return err },
			"adding":         func() error { _, err := w.AddPhoto(ctx, w.syd, r.Number, photo(t, 42)); return err },
		} {
			if err := call(); !errors.Is(err, desk.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("SEC-62 what is no picture makes no request", func(t *testing.T) {
		in := w.fault("mit Anhang")
		in.Photos = [][]byte{photo(t, 50), []byte("<svg onload=alert(1)>")}
		before := w.all()
		if _, err := w.ReportFault(ctx, w.lars, in); !errors.Is(err, picture.ErrNotImage) && !errors.Is(err, picture.ErrUnsupported) {
			t.Errorf("report: %v", err)
		}
		if w.all() != before {
			t.Error("a request was made")
		}
	})
}

func TestSweep(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	kept := w.reported(photo(t, 1), photo(t, 2))

	t.Run("SEC-65 the photos of a report that failed are swept, those of one that did not stay", func(t *testing.T) {
		in := w.fault("mit Anhang")
		in.Photos = [][]byte{photo(t, 3), []byte("no picture")}
		if _, err := w.ReportFault(ctx, w.lars, in); err == nil {
			t.Fatal("the report did not fail")
		}
		if n := w.countBlobs(); n != 3 {
			t.Fatalf("%d blobs before the sweep", n)
		}
		if n := w.sweep(); n != 0 {
			t.Errorf("%d fresh photos swept: their writer may be about to commit", n)
		}
		w.turn(2 * time.Hour)
		if n := w.sweep(); n != 1 || w.countBlobs() != 2 {
			t.Errorf("%d swept, %d left", n, w.countBlobs())
		}
		w.present(w.lars, kept.Number, 2)
	})
	t.Run("X-12 SEC-65 losers of a race under one key leave nothing behind", func(t *testing.T) {
		in := w.fault("zugleich")
		in.Key, in.Photos = "race", [][]byte{photo(t, 5)}
		race(6, func(int) {
			if _, err := w.ReportFault(ctx, w.lars, in); err != nil {
				t.Error(err)
			}
		})
		r, err := w.ReportFault(ctx, w.lars, in)
		must(t, r, err)
		w.turn(2 * time.Hour)
		w.sweep()
		if n := w.countBlobs(); n != 3 {
			t.Errorf("%d blobs, want 3", n)
		}
		w.present(w.lars, r.Number, 1)
	})
	t.Run("SEC-65 SEC-84 a caller who leaves right after the commit loses neither answer nor photo", func(t *testing.T) {
		leaving, leave := context.WithCancel(ctx)
		w.wake = leave
		in := w.fault("schnell weg")
		in.Photos = [][]byte{photo(t, 6)}
		r, err := w.ReportFault(leaving, w.lars, in)
		w.wake = func() {}
		if err != nil {
			t.Fatalf("a stored report was answered with %v", err)
		}
		w.turn(2 * time.Hour)
		if n := w.sweep(); n != 0 {
			t.Errorf("%d swept", n)
		}
		w.present(w.lars, r.Number, 1)
	})
}

// TestFaultTypeKeepsItsName: an old fault says what it was although its type is not offered any more (F-30).
func TestFaultTypeKeepsItsName(t *testing.T) {
	w := newWorld(t)
	r := w.reported()
	view, err := w.Request(t.Context(), w.lars, r.Number)
	must(t, view, err)
	for _, c := range []struct {
		name  string
		types []desk.FaultType
		want  string
	}{
		{"released", []desk.FaultType{{ID: r.FaultType, Released: true, Names: map[locale.Tag]string{locale.German: "Klemmt"}}}, "Klemmt"},
		{"not released any more", []desk.FaultType{{ID: r.FaultType, Names: map[locale.Tag]string{locale.German: "Klemmt"}}}, "Klemmt"},
		{"gone", nil, r.FaultType},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.catalogue(w.nord, c.types...)
			f, err := w.FaultType(t.Context(), view)
			if got := must(t, f, err).Name(locale.German); got != c.want {
				t.Errorf("called %q, want %q", got, c.want)
			}
		})
	}
}
