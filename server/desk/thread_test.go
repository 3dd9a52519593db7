package desk_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
)

// set puts a request into a status around the status machine.
func (w *world) set(number string, s desk.Status) {
	w.t.Helper()
	r, err := w.requests.Update(w.t.Context(), number, func(r *desk.Request) error {
		r.Status, r.Open = s, s != desk.Done
		return nil
	})
	must(w.t, r, err)
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	number := w.reported().Number
	// From the row to the column: + possible, = the same, so nothing happens, - refused.
	for from, row := range map[desk.Status]string{
		desk.WaitingHandling: "=+++",
		desk.InProgress:      "-=++",
		desk.WaitingCustomer: "-+=+",
		desk.Done:            "-+-=",
	} {
		for i, to := range []desk.Status{desk.WaitingHandling, desk.InProgress, desk.WaitingCustomer, desk.Done} {
			t.Run(fmt.Sprintf("B-5 B-6 B-7 B-8 %s to %s", from, to), func(t *testing.T) {
				w.set(number, from)
				before := w.stored(number)
				got, err := w.SetStatus(ctx, w.nord, number, to)
				after := w.stored(number)
				if row[i] == '-' {
					if !errors.Is(err, desk.ErrStatus) || after.Status != from || len(after.Thread) != len(before.Thread) || len(after.Notices) != len(before.Notices) {
						t.Errorf("%v, status %s", err, after.Status)
					}
					return
				}
				if err != nil || got.Status != to || after.Status != to || after.Open != (to != desk.Done) {
					t.Fatalf("%v, status %s, open %v", err, after.Status, after.Open)
				}
				if row[i] == '=' {
					if len(after.Thread) != len(before.Thread) || len(after.Notices) != len(before.Notices) {
						t.Error("the same status again was noted")
					}
					return
				}
				step, notice := after.Thread[len(after.Thread)-1], after.Notices[len(after.Notices)-1]
				if step.From != from || step.To != to || !step.Staff || notice.Event != desk.StatusChanged || notice.Status != string(to) {
					t.Errorf("step %+v, notice %+v", step, notice)
				}
				if (after.Rank[0] == '1') != (to == desk.Done) {
					t.Errorf("rank %q", after.Rank)
				}
			})
		}
	}
	t.Run("B-5 an unknown status is refused, and customers set none", func(t *testing.T) {
		var field *desk.FieldError
		if _, err := w.SetStatus(ctx, w.nord, number, "closed"); !errors.As(err, &field) || field.Field != "status" {
			t.Errorf("unknown: %v", err)
		}
		if _, err := w.SetStatus(ctx, w.lars, number, desk.InProgress); !errors.Is(err, desk.ErrNotAllowed) {
			t.Errorf("reporter: %v", err)
		}
		if _, err := w.SetStatus(ctx, w.syd, number, desk.InProgress); !errors.Is(err, desk.ErrNotFound) {
			t.Errorf("other provider: %v", err)
		}
	})
}

func TestWrite(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()

	t.Run("B-8 the customer's answer puts a waiting request back to work", func(t *testing.T) {
		for from, want := range map[desk.Status]desk.Status{desk.WaitingCustomer: desk.InProgress,
			desk.WaitingHandling: desk.WaitingHandling, desk.InProgress: desk.InProgress, desk.Done: desk.Done} {
			number := w.reported().Number
			w.set(number, from)
			if v, err := w.Write(ctx, w.nord, number, "Welche Klappe?", ""); err != nil || v.Status != from {
				t.Errorf("staff on %s: %s, %v", from, v.Status, err)
			}
			if v, err := w.Write(ctx, w.birgit, number, "Die linke", ""); err != nil || v.Status != want {
				t.Errorf("customer on %s: %s, %v", from, v.Status, err)
			}
			r := w.stored(number)
			events := []outbox.Event{}
			for _, n := range r.Notices {
				events = append(events, n.Event)
			}
			if !slices.Equal(events, []outbox.Event{desk.Reported, desk.Answered, desk.Replied}) || r.Thread[0].Staff != true || r.Thread[1].Staff {
				t.Errorf("events %v, thread %+v", events, r.Thread)
			}
		}
	})
	t.Run("SEC-86 one message under one key, from fifty calls", func(t *testing.T) {
		number := w.reported().Number
		race(50, func(int) {
			if _, err := w.Write(ctx, w.lars, number, "Noch immer", "m-1"); err != nil {
				t.Error(err)
			}
		})
		if r := w.stored(number); len(r.Thread) != 1 || len(r.Notices) != 2 {
			t.Errorf("%d messages, %d notices", len(r.Thread), len(r.Notices))
		}
		if _, err := w.Write(ctx, w.lars, number, "Anders", "m-1"); !errors.Is(err, desk.ErrKeyReused) {
			t.Errorf("other content: %v", err)
		}
		if v, err := w.Write(ctx, w.birgit, number, "Anders", "m-1"); err != nil || len(v.Thread) != 2 {
			t.Errorf("the same key of another person: %v", err)
		}
	})
	t.Run("SEC-60 a full thread refuses messages, and the status can still be set", func(t *testing.T) {
		number := w.reported().Number
		for i := range desk.MaxMessages {
			if _, err := w.Write(ctx, w.lars, number, fmt.Sprint("Nachricht ", i), ""); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Write(ctx, w.lars, number, "eine mehr", ""); !errors.Is(err, desk.ErrThreadFull) {
			t.Errorf("one more: %v", err)
		}
		if _, err := w.SetStatus(ctx, w.nord, number, desk.Done); err != nil {
			t.Errorf("status: %v", err)
		}
	})
	t.Run("SEC-60 long messages fill a thread before its document bursts", func(t *testing.T) {
		number := w.reported(photo(t, 1), photo(t, 2), photo(t, 3), photo(t, 4), photo(t, 5)).Number
		long := strings.Repeat("<", desk.MaxText) // six bytes each as JSON
		fill := func(entries []desk.Entry) error {
			_, err := w.requests.Update(ctx, number, func(r *desk.Request) error { r.Thread = append(r.Thread, entries...); return nil })
			return err
		}
		if err := fill(slices.Repeat([]desk.Entry{{ID: "e", Name: "Lars", Text: long}}, 20)); err != nil {
			t.Fatal(err)
		}
		var err error
		more := 0
		for ; err == nil && more < desk.MaxMessages; more++ {
			_, err = w.Write(ctx, w.lars, number, long, "")
		}
		if !errors.Is(err, desk.ErrThreadFull) || more < 2 {
			t.Fatalf("after %d long messages: %v", 20+more, err)
		}
		if _, err := w.SetStatus(ctx, w.nord, number, desk.InProgress); err != nil {
			t.Fatal(err)
		}
		steps := w.stored(number).Thread
		if err := fill(slices.Repeat(steps[len(steps)-1:], 2*desk.MaxMessages-len(steps)-1)); err != nil {
			t.Fatalf("no room for all status changes that are allowed: %v", err)
		}
		if _, err := w.SetStatus(ctx, w.nord, number, desk.Done); err != nil {
			t.Errorf("the last one: %v", err)
		}
	})
}

func TestVisibility(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	r := w.reported()
	if _, err := w.Follow(ctx, w.birgit, r.Number); err != nil {
		t.Fatal(err)
	}
	w.grant(w.lars, w.asset, asset.AllPermissions&^asset.Faults)

	t.Run("F-28 F-32 SEC-20 without the fault grant the reporter sees nothing any more", func(t *testing.T) {
		for name, call := range map[string]func() error{
			"request": func() error { _, err := w.Request(ctx, w.lars, r.Number); return err },
			"write":   func() error { _, err := w.Write(ctx, w.lars, r.Number, "Hallo?", ""); return err },
			"photo":   func() error { _, err := w.AddPhoto(ctx, w.lars, r.Number, photo(t, 1)); return err },
			"follow":  func() error { _, err := w.Follow(ctx, w.lars, r.Number); return err },
			"status":  func() error { _, err := w.SetStatus(ctx, w.lars, r.Number, desk.Done); return err },
		} {
			if err := call(); !errors.Is(err, desk.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if list, next, err := w.Requests(ctx, w.lars, "", 10); err != nil || len(list) != 0 || next != "" {
			t.Errorf("list %s, %v", numbers(list), err)
		}
		if _, _, err := w.Faults(ctx, w.lars, w.asset.ID, "", 10); !errors.Is(err, desk.ErrNotAllowed) {
			t.Errorf("faults of an asset that is seen otherwise: %v", err)
		}
		access, err := w.assets.Access(ctx, w.lars, w.asset.ID)
		must(t, access, err)
		if open, err := w.OpenFaults(ctx, w.lars, access, w.component.ID, 5); err != nil || len(open) != 0 {
			t.Errorf("open faults at the scan: %s, %v", numbers(open), err)
		}
	})
	t.Run("SEC-21 a notice reaches only those who may still see the request", func(t *testing.T) {
		if _, err := w.Write(ctx, w.nord, r.Number, "Wir kommen morgen", ""); err != nil {
			t.Fatal(err)
		}
		stored := w.stored(r.Number)
		got := w.recipients(stored, stored.Notices[1])
		if !slices.Equal(got, []string{w.birgit.User}) {
			t.Errorf("recipients %v, want the follower alone", got)
		}
		if err := w.people.Deactivate(ctx, w.birgit.User); err != nil {
			t.Fatal(err)
		}
		if got := w.recipients(stored, stored.Notices[1]); len(got) != 0 {
			t.Errorf("recipients %v after deactivation", got)
		}
	})
	t.Run("SEC-24 staff are told of their own provider's requests, but not of their own acts", func(t *testing.T) {
		stored := w.stored(r.Number)
		if got := w.recipients(stored, stored.Notices[0]); !slices.Equal(got, []string{w.nord.User}) {
			t.Errorf("of a report: %v", got)
		}
		own, err := w.ReportFault(ctx, w.nord, w.fault("selbst gesehen"))
		must(t, own, err)
		if got := w.recipients(own, own.Notices[0]); len(got) != 0 {
			t.Errorf("of the own report: %v", got)
		}
	})
}

func (w *world) recipients(r *desk.Request, n outbox.Notice) (ids []string) {
	w.t.Helper()
	people, err := w.Outbox().Recipients(w.t.Context(), r, n)
	for _, p := range must(w.t, people, err) {
		ids = append(ids, p.ID)
	}
	return ids
}

func TestFollow(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	r := w.reported()
	t.Run("X-11 follow is once, and not for the reporter and staff", func(t *testing.T) {
		for range 2 {
			if v, err := w.Follow(ctx, w.birgit, r.Number); err != nil || !v.Follows || v.Own || !slices.Equal(v.Followers, []string{w.birgit.User}) {
				t.Errorf("%+v, %v", v.Followers, err)
			}
		}
		for _, v := range []identity.Viewer{w.lars, w.nord} {
			if got, err := w.Follow(ctx, v, r.Number); err != nil || len(got.Followers) != 1 {
				t.Errorf("%s: %v, %v", v.Name, got.Followers, err)
			}
		}
		if got := w.recipients(w.stored(r.Number), outbox.Notice{Event: desk.Answered, By: w.nord.User}); len(got) != 2 {
			t.Errorf("told: %v", got)
		}
	})
	t.Run("SEC-16 nobody follows what they may not see", func(t *testing.T) {
		for _, v := range []identity.Viewer{w.syd, {}, w.user("none", w.lars.Customer)} {
			if _, err := w.Follow(ctx, v, r.Number); !errors.Is(err, desk.ErrNotFound) {
				t.Errorf("%+v: %v", v, err)
			}
		}
	})
}

func TestQueue(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	report := func(kind string) string {
		w.turn(time.Minute)
		r, err := w.ReportFault(ctx, w.lars, desk.Report{Asset: w.asset.ID, FaultType: kind, Text: kind})
		return must(t, r, err).Number
	}
	old, urgent, later, urgentLater, finished := report("stuck"), report("fire"), report("stuck"), report("fire"), report("fire")
	step := func(number string, s desk.Status) {
		v, err := w.SetStatus(ctx, w.nord, number, s)
		must(t, v, err)
	}
	step(finished, desk.Done)
	step(old, desk.InProgress)

	t.Run("S-4 open ones first, by severity, then by receipt", func(t *testing.T) {
		want := fmt.Sprint([]string{urgent, urgentLater, old, later, finished})
		all, next, err := w.Queue(ctx, w.nord, "", "", 10)
		if err != nil || next != "" || numbers(all) != want {
			t.Errorf("%s, want %s, %v", numbers(all), want, err)
		}
		if list, _, err := w.Requests(ctx, w.nord, "", 10); err != nil || numbers(list) != want {
			t.Errorf("requests of staff: %s, %v", numbers(list), err)
		}
	})
	t.Run("S-4 a status narrows it, page by page", func(t *testing.T) {
		for status, want := range map[desk.Status][]string{desk.WaitingHandling: {urgent, urgentLater, later}, desk.InProgress: {old}, desk.WaitingCustomer: {}, desk.Done: {finished}} {
			got := []string{}
			for after, pages := "", 0; pages < 10; pages++ {
				page, next, err := w.Queue(ctx, w.nord, status, after, 1)
				if err != nil || len(page) > 1 {
					t.Fatalf("%d on a page of one, %v", len(page), err)
				}
				for _, v := range page {
					got = append(got, v.Number)
				}
				if after = next; next == "" {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", status, got, want)
			}
		}
	})
	t.Run("S-4 opened again it stands where it was received", func(t *testing.T) {
		step(finished, desk.InProgress)
		all, _, err := w.Queue(ctx, w.nord, "", "", 3)
		if want := fmt.Sprint([]string{urgent, urgentLater, finished}); err != nil || numbers(all) != want {
			t.Errorf("%s, want %s, %v", numbers(all), want, err)
		}
	})
	t.Run("SEC-24 nobody sees another provider's queue", func(t *testing.T) {
		if list, _, err := w.Queue(ctx, w.syd, "", "", 10); err != nil || len(list) != 0 {
			t.Errorf("syd: %s, %v", numbers(list), err)
		}
		waiting := w.nord
		waiting.MustEnrol = true
		for _, v := range []identity.Viewer{w.lars, {}, waiting} {
			if _, _, err := w.Queue(ctx, v, "", "", 10); !errors.Is(err, desk.ErrNotAllowed) {
				t.Errorf("%+v: %v", v, err)
			}
		}
		if _, _, err := w.Requests(ctx, identity.Viewer{}, "", 10); !errors.Is(err, desk.ErrNotAllowed) {
			t.Errorf("requests of a stranger: %v", err)
		}
	})
}

func TestRequestsOfCustomer(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	hidden := w.newAsset(w.nord, w.lars.Customer)
	w.grant(w.birgit, hidden, asset.Faults)
	var own []string
	for i := range 30 {
		w.turn(time.Minute)
		in, reporter := desk.Report{Asset: hidden.ID, FaultType: "stuck", Text: "verborgen"}, w.birgit
		if i%10 == 0 {
			in.Asset = w.asset.ID
		}
		r, err := w.ReportFault(ctx, reporter, in)
		must(t, r, err)
		if i%10 == 0 {
			own = append([]string{r.Number}, own...)
		}
	}
	t.Run("B-3 F-28 colleagues' faults, with the grant on their asset only, over all pages", func(t *testing.T) {
		for _, size := range []int{1, 2, 7, 50} {
			got := []string{}
			for after, pages := "", 0; ; pages++ {
				list, next, err := w.Requests(ctx, w.lars, after, size)
				if err != nil || len(list) > size || pages > 40 {
					t.Fatalf("page %d of %d has %d rows, %v", pages, size, len(list), err)
				}
				for _, v := range list {
					got = append(got, v.Number)
					if v.Own || v.Work {
						t.Errorf("%s is lars's own", v.Number)
					}
				}
				if after = next; next == "" {
					break
				}
			}
			if !slices.Equal(got, own) {
				t.Errorf("pages of %d: %v, want %v", size, got, own)
			}
		}
	})
	t.Run("B-2 the latest change stands first", func(t *testing.T) {
		w.turn(time.Minute)
		v, err := w.Write(ctx, w.birgit, own[2], "noch etwas", "")
		must(t, v, err)
		list, _, err := w.Requests(ctx, w.lars, "", 1)
		if err != nil || len(list) != 1 || list[0].Number != own[2] {
			t.Errorf("%s, want %s first, %v", numbers(list), own[2], err)
		}
	})
	t.Run("F-28 the faults of an asset", func(t *testing.T) {
		if list, _, err := w.Faults(ctx, w.lars, w.asset.ID, "", 50); err != nil || len(list) != len(own) {
			t.Errorf("%s, %v", numbers(list), err)
		}
		for _, id := range []string{hidden.ID, "none"} {
			if _, _, err := w.Faults(ctx, w.lars, id, "", 50); !errors.Is(err, desk.ErrNotFound) {
				t.Errorf("asset %s: %v", id, err)
			}
		}
	})
	t.Run("X-11 open faults of a component and of the whole asset", func(t *testing.T) {
		r := w.reported()
		access, err := w.assets.Access(ctx, w.birgit, w.asset.ID)
		must(t, access, err)
		if open, err := w.OpenFaults(ctx, w.birgit, access, w.component.ID, 5); err != nil || numbers(open) != fmt.Sprint([]string{r.Number}) {
			t.Errorf("component: %s, %v", numbers(open), err)
		}
		if open, err := w.OpenFaults(ctx, w.birgit, access, "", 10); err != nil || len(open) != len(own)+1 {
			t.Errorf("asset: %s, %v", numbers(open), err)
		}
		w.set(r.Number, desk.Done)
		if open, err := w.OpenFaults(ctx, w.birgit, access, w.component.ID, 5); err != nil || len(open) != 0 {
			t.Errorf("done: %s, %v", numbers(open), err)
		}
	})
}
