package edge

import (
	"context"
	"time"

	"github.com/tagwerk/tagwerk/server/identity"
)

// recheckEvery is how often the right of somebody who waits for an answer is asked for again (SEC-20).
const recheckEvery = time.Second

// Wait is for long polls. The context that it returns ends after d, when the server begins to stop, and within about a second of
// the moment at which the viewer may no longer ask (SEC-20). done ends the watch, must be called before the handler returns, and
// tells the refusal in the last case; else it returns nil, and the handler answers with what there is.
func Wait(ctx context.Context, d time.Duration) (waiting context.Context, done func() error) {
	waiting, cancel := context.WithTimeout(ctx, d)
	r := from(ctx)
	if r == nil {
		return waiting, func() error { cancel(); return nil }
	}
	release := context.AfterFunc(r.server.stopping, cancel)
	refusal := make(chan error, 1)
	go func() {
		err := r.watch(waiting)
		cancel()
		refusal <- err
	}()
	return waiting, func() error {
		release()
		cancel()
		return <-refusal
	}
}

// watch looks until ctx ends whether the credentials of the request still are those of its viewer, and returns the refusal if they
// are not. A look that fails for another reason says nothing: the next one, or the answer itself, will.
func (r *Request) watch(ctx context.Context) error {
	if r.credentials == (Credentials{}) {
		<-ctx.Done()
		return nil
	}
	t := time.NewTicker(recheckEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		v, err := r.server.opt.Authenticate(ctx, r.credentials, r.locale)
		if err != nil {
			continue
		}
		if v.Kind == identity.Stranger || v.User != r.viewer.User {
			return problemOf("bad_token")
		}
		if err := allowed(r.route.Access, v); err != nil {
			return err
		}
	}
}
