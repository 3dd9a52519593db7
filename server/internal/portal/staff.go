package portal

import (
	"net/http"

	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// queueRows is how far the queue is counted for places; it is also the most that a page shows.
const queueRows = 200

// queuePage is what is to be done, in the order in which it is to be done (S-4).
type queuePage struct {
	Status   desk.Status // "" for all
	Statuses []desk.Status
	Rows     []requestRow
	More     string
}

func (p *Portal) getQueue(r *edge.Request) error {
	ctx, v := r.Context(), r.Viewer()
	page := queuePage{Status: desk.Status(r.Query("status")), Statuses: desk.Statuses}
	if !page.Status.Known() {
		page.Status = ""
	}
	after, err := p.place(r, "queue", string(page.Status))
	if err != nil {
		return err
	}
	list, next, err := p.opt.Desk.Queue(ctx, v, page.Status, after, pageRows)
	if err != nil {
		return err
	}
	places, err := p.places(r)
	if err != nil {
		return err
	}
	if page.Rows, err = p.requestRows(p.names(r), list); err != nil {
		return err
	}
	for i := range page.Rows {
		page.Rows[i].Place = places[page.Rows[i].Number]
	}
	if next != "" {
		page.More = withQuery("/staff/queue", "status", string(page.Status), "after", p.placeAfter(r, next, "queue", string(page.Status)))
	}
	return p.views.queue.render(r, http.StatusOK, page)
}

// places numbers the open requests of the whole queue, as far as it is counted.
func (p *Portal) places(r *edge.Request) (map[string]int, error) {
	list, _, err := p.opt.Desk.Queue(r.Context(), r.Viewer(), "", "", queueRows)
	if err != nil {
		return nil, err
	}
	places := map[string]int{}
	for _, v := range list {
		if v.Open {
			places[v.Number] = len(places) + 1
		}
	}
	return places, nil
}

// pushesPage shows which notices did not reach everybody yet, and why (SEC-87).
type pushesPage struct {
	Configured bool
	Rows       []pushRow
}

type pushRow struct {
	Number, Event string
	Trouble       string // message key; "" for one that waits for its first try
	GivenUp       bool
	At            store.Time
	Tries         int
	Reached       int
}

// pushRows is how many requests with waiting notices are shown; the rest follows when these are gone.
const pushRows = 100

func (p *Portal) getPushes(r *edge.Request) error {
	list, err := p.opt.Desk.Undelivered(r.Context(), r.Viewer(), pushRows)
	if err != nil {
		return err
	}
	page := pushesPage{Configured: p.opt.PushConfigured}
	for _, w := range list {
		row := pushRow{Number: w.Number, Event: "event." + string(w.Notice.Event), At: w.Notice.At, Tries: w.Notice.Tries, Reached: len(w.Notice.Sent),
			GivenUp: w.Notice.Next.Equal(outbox.GivenUp.Time)}
		if w.Notice.Trouble != "" {
			row.Trouble = "trouble." + w.Notice.Trouble
		}
		page.Rows = append(page.Rows, row)
	}
	return p.views.pushes.render(r, http.StatusOK, page)
}
