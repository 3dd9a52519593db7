package desk

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// View is a request as one viewer sees it.
type View struct {
	*Request
	// Work is set for staff, who may answer officially and set the status.
	Work bool
	// Own says that the viewer reported it; Follows that the viewer is told of its progress.
	Own, Follows bool
}

func view(v identity.Viewer, r *Request, may rights) View {
	return View{Request: r, Work: may.work, Own: r.Reporter == v.User, Follows: r.Reporter == v.User || slices.Contains(r.Followers, v.User)}
}

// Request returns one request with its thread, or ErrNotFound.
func (s *Service) Request(ctx context.Context, v identity.Viewer, number string) (View, error) {
	r, may, err := s.visible(ctx, v, number)
	if err != nil {
		return View{}, err
	}
	return view(v, r, may), nil
}

// change updates a request that the viewer may see, in one atomic write with its notices; edit runs on a private copy, may run
// more than once, and gets the rights that hold at that moment.
func (s *Service) change(ctx context.Context, v identity.Viewer, number string, edit func(*Request, rights) error) (View, error) {
	if _, _, err := s.visible(ctx, v, number); err != nil {
		return View{}, err
	}
	var may rights
	r, err := s.requests.Update(ctx, number, func(r *Request) error {
		var err error
		if may, err = s.may(ctx, v, r); err != nil {
			return err
		}
		if !may.see {
			return ErrNotFound
		}
		return edit(r, may)
	})
	if errors.Is(err, store.ErrNotFound) {
		err = ErrNotFound
	}
	if err != nil {
		return View{}, err
	}
	if r.Due.Before(store.Never.Time) {
		s.wake()
	}
	return view(v, r, may), nil
}

// Write adds a message to the thread; with the same key it is added once. A message of the customer to a request that waits for
// them puts it back to work (B-8). The other side is told.
func (s *Service) Write(ctx context.Context, v identity.Viewer, number, text, key string) (View, error) {
	text, err := cleanText("text", text, true)
	if err != nil {
		return View{}, err
	}
	key, content, err := s.idempotency(v, key, number, text)
	if err != nil {
		return View{}, err
	}
	id, err := store.NewID(s.random)
	if err != nil {
		return View{}, err
	}
	now := store.At(s.now())
	return s.change(ctx, v, number, func(r *Request, may rights) error {
		if !may.write {
			return ErrNotAllowed
		}
		for _, e := range r.Thread {
			if e.Key == key {
				if content != "" && e.Text != text {
					return ErrKeyReused
				}
				return nil
			}
		}
		if len(r.Thread) >= MaxMessages {
			return ErrThreadFull
		}
		r.Thread = append(r.Thread, Entry{ID: id, At: now, Author: v.User, Name: v.Name, Staff: may.work, Text: text, Key: key})
		if stored, err := json.Marshal(r.Thread); err != nil || len(stored) > maxThread {
			return errors.Join(ErrThreadFull, err)
		}
		r.Updated = now
		event := Replied
		if may.work {
			event = Answered
		} else if r.Status == WaitingCustomer {
			r.Status = InProgress
		}
		return s.note(r, outbox.Notice{Event: event, By: v.User, At: now})
	})
}

// SetStatus moves a request on; staff only. The same status again changes nothing and tells nobody.
func (s *Service) SetStatus(ctx context.Context, v identity.Viewer, number string, to Status) (View, error) {
	if !to.Known() {
		return View{}, &FieldError{"status", NotChosen}
	}
	id, err := store.NewID(s.random)
	if err != nil {
		return View{}, err
	}
	now := store.At(s.now())
	return s.change(ctx, v, number, func(r *Request, may rights) error {
		switch {
		case !may.work:
			return ErrNotAllowed
		case r.Status == to:
			return nil
		case !r.Status.mayBecome(to) || r.Type == TagBlock && (to == Done || !r.Open):
			// What was done to a tag is documented for good, and what waits for a decision ends with it.
			return ErrStatus
		case len(r.Thread) >= 2*MaxMessages:
			return ErrThreadFull
		}
		r.Thread = append(r.Thread, Entry{ID: id, At: now, Author: v.User, Name: v.Name, Staff: true, From: r.Status, To: to})
		r.Status, r.Open, r.Updated = to, to != Done, now
		r.Rank = rank(r.Open, r.Severity, r.Created)
		return s.note(r, outbox.Notice{Event: StatusChanged, Status: string(to), By: v.User, At: now})
	})
}

// Follow makes the viewer one of those who are told of a request's progress, instead of reporting the same fault again.
func (s *Service) Follow(ctx context.Context, v identity.Viewer, number string) (View, error) {
	return s.change(ctx, v, number, func(r *Request, may rights) error {
		if v.Kind == identity.CustomerUser && r.Reporter != v.User && !slices.Contains(r.Followers, v.User) && len(r.Followers) < 200 {
			r.Followers = append(r.Followers, v.User)
		}
		return nil
	})
}

// Requests lists the requests of the viewer's customer that the viewer may see, the latest change first (B-2, B-3); for staff
// those of their provider in the order of the queue.
func (s *Service) Requests(ctx context.Context, v identity.Viewer, after string, limit int) ([]View, string, error) {
	if v.Kind == identity.Staff {
		return s.Queue(ctx, v, "", after, limit)
	}
	return s.list(ctx, v, store.Query{Index: "customer", Eq: []any{v.Customer}, Desc: true, After: after, Limit: limit}, nil)
}

// Queue lists the requests of the viewer's provider as they are to be worked: open ones first, by severity, then by time of
// receipt (S-4). status narrows it, "" for all.
func (s *Service) Queue(ctx context.Context, v identity.Viewer, status Status, after string, limit int) ([]View, string, error) {
	if v.Kind != identity.Staff {
		return nil, "", ErrNotAllowed
	}
	var keep func(*Request) bool
	if status != "" {
		if !status.Known() {
			return nil, "", &FieldError{"status", NotChosen}
		}
		keep = func(r *Request) bool { return r.Status == status }
	}
	return s.list(ctx, v, store.Query{Index: "queue", Eq: []any{v.Provider}, After: after, Limit: limit}, keep)
}

// Faults lists the faults of an asset, open ones first (F-28).
func (s *Service) Faults(ctx context.Context, v identity.Viewer, id, after string, limit int) ([]View, string, error) {
	a, err := s.assets.Access(ctx, v, id)
	if err != nil {
		return nil, "", hidden(err)
	}
	if !a.May.Has(asset.Faults) {
		return nil, "", ErrNotAllowed
	}
	return s.list(ctx, v, store.Query{Index: "asset", Eq: []any{id}, After: after, Limit: limit}, nil)
}

// OpenFaults lists the open faults of a component, or of the whole asset if component is empty, to those with the fault grant;
// at most limit. It is what the scan shows.
func (s *Service) OpenFaults(ctx context.Context, v identity.Viewer, a asset.Access, component string, limit int) ([]View, error) {
	if !a.May.Has(asset.Faults) {
		return nil, nil
	}
	q := store.Query{Index: "component", Eq: []any{component, true}, Limit: limit}
	if component == "" {
		q = store.Query{Index: "asset", Eq: []any{a.Asset.ID}, Hi: "1", Limit: limit}
	}
	items, _, err := s.requests.Find(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]View, 0, len(items))
	for _, it := range items {
		if it.Value.Asset == a.Asset.ID {
			out = append(out, view(v, it.Value, rights{see: true, write: true, work: a.Staff}))
		}
	}
	return out, nil
}

// list answers one page of a query with the requests that the viewer may see. It reads on until the page is full or the query
// ends, but not without bound: a page may come back short with a cursor.
func (s *Service) list(ctx context.Context, v identity.Viewer, q store.Query, keep func(*Request) bool) ([]View, string, error) {
	if !v.SignedIn() || v.MustEnrol {
		return nil, "", ErrNotAllowed
	}
	var out []View
	want := q.Limit
	for rounds := 0; rounds < 10; rounds++ {
		q.Limit = want - len(out)
		items, next, err := s.requests.Find(ctx, q)
		if err != nil {
			return nil, "", err
		}
		for _, it := range items {
			if keep != nil && !keep(it.Value) {
				continue
			}
			may, err := s.may(ctx, v, it.Value)
			if err != nil {
				return nil, "", err
			}
			if may.see {
				out = append(out, view(v, it.Value, may))
			}
		}
		q.After = next
		if next == "" || len(out) == want {
			break
		}
	}
	return out, q.After, nil
}

// AddPhoto adds a picture to a request; the same file again is no second photo. A request holds MaxPhotos at most, whoever adds them.
func (s *Service) AddPhoto(ctx context.Context, v identity.Viewer, number string, file []byte) (View, error) {
	r, may, err := s.visible(ctx, v, number)
	if err != nil {
		return View{}, err
	}
	if !may.write {
		return View{}, ErrNotAllowed
	}
	hash := photoHash(file)
	if slices.ContainsFunc(r.Photos, func(p Photo) bool { return p.Hash == hash }) {
		return view(v, r, may), nil
	}
	if len(r.Photos) >= MaxPhotos {
		return View{}, ErrTooManyPhotos
	}
	photos, err := s.storePhotos(ctx, v, number, [][]byte{file})
	if err != nil {
		return View{}, err
	}
	seen, err := s.change(ctx, v, number, func(r *Request, may rights) error {
		switch {
		case !may.write:
			return ErrNotAllowed
		case slices.ContainsFunc(r.Photos, func(p Photo) bool { return p.Hash == hash }):
			return nil
		case len(r.Photos) >= MaxPhotos:
			return ErrTooManyPhotos
		}
		r.Photos = append(r.Photos, photos...)
		r.Updated = photos[0].At
		return nil
	})
	if err != nil {
		return View{}, err
	}
	s.keepPhotos(ctx, seen.Request)
	return seen, nil
}

// Photo opens a photo of a request that the viewer may see; it is a JPEG.
func (s *Service) Photo(ctx context.Context, v identity.Viewer, number, photo string) (Photo, io.ReadCloser, error) {
	r, _, err := s.visible(ctx, v, number)
	if err != nil {
		return Photo{}, nil, err
	}
	for _, p := range r.Photos {
		if p.ID == photo {
			_, body, err := s.blobs.Open(ctx, p.Blob)
			return p, body, err
		}
	}
	return Photo{}, nil, ErrNotFound
}
