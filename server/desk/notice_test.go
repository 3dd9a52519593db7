package desk_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/locale"
)

const lease = 2 * time.Minute

// claim takes the due notices of a request, or nil.
func (w *world) claim(number string) *outbox.Claim[desk.Request] {
	w.t.Helper()
	c, err := w.Outbox().Queue().Claim(w.t.Context(), number, w.clock(), lease)
	return must(w.t, c, err)
}

func (w *world) settle(c *outbox.Claim[desk.Request], outcomes ...outbox.Outcome) {
	w.t.Helper()
	if err := w.Outbox().Queue().Settle(w.t.Context(), c, outcomes, nil); err != nil {
		w.t.Fatal(err)
	}
}

func TestNotices(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	t.Run("SEC-87 each act of a thread leaves its notice, in order", func(t *testing.T) {
		number := w.reported().Number
		for i := range 3 {
			v, err := w.Write(ctx, []identity.Viewer{w.lars, w.nord}[i%2], number, fmt.Sprint("Nachricht ", i), "")
			must(t, v, err)
		}
		var events []outbox.Event
		for _, n := range w.claim(number).Notices {
			events = append(events, n.Event)
		}
		if want := []outbox.Event{desk.Reported, desk.Replied, desk.Answered, desk.Replied}; !slices.Equal(events, want) {
			t.Errorf("events %v, want %v", events, want)
		}
	})
	t.Run("X-20 each event has its texts in each language", func(t *testing.T) {
		catalogue, err := locale.Load()
		must(t, catalogue, err)
		args := map[string]string{"Number": "100001", "Status": "x"}
		for _, e := range []outbox.Event{desk.Reported, desk.Answered, desk.StatusChanged, desk.Replied, desk.TagsBlocked, desk.BlockAlarm,
			desk.ReactivationAsked, desk.ReactivationRefused, desk.TagReactivated} {
			key := "push." + w.Outbox().Message(&desk.Request{}, outbox.Notice{Event: e}).Key
			for _, l := range locale.Tags {
				for _, k := range []string{key + ".title", key + ".body", "event." + string(e)} {
					if text := catalogue.Text(l, k, args); text == "" || strings.ContainsAny(text, "⟦{<") {
						t.Errorf("%s %s: %q", l, k, text)
					}
				}
				if text := catalogue.Text(l, key+".body", args); !strings.Contains(text, "100001") {
					t.Errorf("%s %s does not say the number: %q", l, key, text)
				}
			}
		}
	})
	t.Run("X-20 SEC-83 a message has the number, and only a report is urgent", func(t *testing.T) {
		r := w.reported()
		for event, urgent := range map[outbox.Event]bool{desk.Reported: true, desk.Answered: false, desk.StatusChanged: false, desk.Replied: false} {
			m := w.Outbox().Message(r, outbox.Notice{Event: event})
			if m.Urgent != urgent || m.Ref != r.Number || m.Path != "/requests/"+r.Number || m.Kind != "request_"+string(event) || m.Args["Number"] != r.Number {
				t.Errorf("%s: %+v", event, m)
			}
		}
	})
}

func TestUndelivered(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	number := w.reported().Number
	t.Run("SEC-87 one that was given up is tried no more and stays in sight", func(t *testing.T) {
		c := w.claim(number)
		w.settle(c, outbox.Outcome{Notice: c.Notices[0].ID, Next: outbox.GivenUp.Time, Trouble: "given_up"})
		w.turn(365 * 24 * time.Hour)
		if c := w.claim(number); c != nil {
			t.Errorf("claimed %+v", c)
		}
		list, err := w.Undelivered(ctx, w.nord, 10)
		if err != nil || len(list) != 1 || list[0].Number != number || list[0].Notice.Trouble != "given_up" {
			t.Errorf("%+v, %v", list, err)
		}
	})
	t.Run("SEC-87 later notices of the request go out all the same", func(t *testing.T) {
		v, err := w.Write(ctx, w.lars, number, "Hallo?", "")
		must(t, v, err)
		c := w.claim(number)
		if c == nil || len(c.Notices) != 1 || c.Notices[0].Event != desk.Replied {
			t.Fatalf("claimed %+v", c)
		}
		w.settle(c, outbox.Outcome{Notice: c.Notices[0].ID, Done: true})
		if list, err := w.Undelivered(ctx, w.nord, 10); err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
	})
	t.Run("SEC-24 staff see those of their own provider, nobody else any", func(t *testing.T) {
		if list, err := w.Undelivered(ctx, w.syd, 10); err != nil || len(list) != 0 {
			t.Errorf("syd: %+v, %v", list, err)
		}
		waiting := w.nord
		waiting.MustEnrol = true
		for _, v := range []identity.Viewer{w.lars, {}, waiting} {
			if _, err := w.Undelivered(ctx, v, 10); !errors.Is(err, desk.ErrNotAllowed) {
				t.Errorf("%+v: %v", v, err)
			}
		}
	})
}
