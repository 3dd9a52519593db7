// Package server puts the parts together: it reads the configuration, opens the store, builds the domain and the front ends,
// runs the workers, and stops everything in the right order. It is the only package that knows every part.
package server

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/tagwerk/tagwerk/mobileapi"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/notify"
	"github.com/tagwerk/tagwerk/server/internal/notify/push"
	"github.com/tagwerk/tagwerk/server/internal/notify/webhook"
	"github.com/tagwerk/tagwerk/server/internal/portal"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/internal/store/sqlite"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
	"github.com/tagwerk/tagwerk/tagging/picture"
)

// SchemaVersion is the number of the stored form. A store of a higher number is refused (SEC-91).
const SchemaVersion = 1

// Schema is all that the engines must know of the product.
func Schema() store.Schema {
	s := store.Schema{Version: SchemaVersion}
	for _, specs := range [][]store.Spec{identity.Specs(), asset.Specs(), desk.Specs(), scan.Specs(), store.BlobSpecs()} {
		s.Collections = append(s.Collections, specs...)
	}
	return s
}

// Runtime holds what a test replaces: the clock and the log. The zero value is the real thing.
type Runtime struct {
	Now    func() time.Time
	Logger *slog.Logger
	TLS    *tls.Config
	// Limits replaces the table of rates, for load tests; nil means edge.DefaultLimits.
	Limits []edge.Limit
	// CacheBytes replaces the size of the store's cache, 0 turning it off, to measure what it is worth; nil means that of
	// sqlite.Defaults.
	CacheBytes *int64
	// Hash replaces the parameters of password hashes, to sign in thousands for a load test; nil means those of SEC-27.
	Hash *argon2id.Params
}

// App is an opened installation: the domain over its store, and the HTTP server that is not listening yet.
type App struct {
	Config    Config
	People    *identity.Directory
	Assets    *asset.Service
	Desk      *desk.Service
	Scan      *scan.Resolver
	Sightings *scan.Sightings
	Edge      *edge.Server
	API       *edge.API

	engine *sqlite.Engine
	blobs  *store.Blobs
	worker *notify.Worker
	doors  *webhook.Worker
	log    *slog.Logger
	now    func() time.Time
}

// decoders is how many photos are decoded at once (SEC-61).
const decoders = 2

// Open opens the store of a configuration and builds everything on it. Errors are one line that says what to do.
func Open(ctx context.Context, c Config, rt Runtime) (_ *App, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	a := &App{Config: c, log: rt.Logger, now: rt.Now}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.now == nil {
		a.now = time.Now
	}
	o := sqlite.Defaults(c.Data)
	o.Logger = a.log
	if rt.CacheBytes != nil {
		o.CacheBytes = *rt.CacheBytes
	}
	if a.engine, err = sqlite.Open(ctx, o); err != nil {
		return nil, explain(c, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.engine.Close())
		}
	}()
	if err := a.engine.Ensure(ctx, Schema()); err != nil {
		return nil, explain(c, err)
	}
	people, err := a.engine.Count(ctx, "people", store.Query{Index: store.IDIndex}, 1)
	if err != nil {
		return nil, explain(c, err)
	}
	key, err := c.key(people > 0, func(b []byte) error { _, err := io.ReadFull(rand.Reader, b); return err })
	if err != nil {
		return nil, err
	}
	catalogue, err := locale.Load()
	if err != nil {
		return nil, err
	}
	pictures := picture.NewReader(decoders)
	if err := a.domain(rt, key, catalogue, pictures); err != nil {
		return nil, err
	}
	if err := a.outwards(ctx); err != nil {
		return nil, err
	}
	if err := a.frontEnds(rt, key, catalogue, tagging.NewPhotoReader(pictures)); err != nil {
		return nil, err
	}
	return a, nil
}

// explain says what to do about an error of the store at the start.
func explain(c Config, err error) error {
	switch {
	case errors.Is(err, store.ErrNewerData):
		return fmt.Errorf("the data in %s were written by a newer version of tagwerk: install that version, or restore a backup made by this one", c.Data)
	case errors.Is(err, sqlite.ErrLocked):
		return fmt.Errorf("another tagwerk is using the data folder %s: stop it, or choose another folder with --data", c.Data)
	}
	return fmt.Errorf("data folder %s: %w", c.Data, err)
}

func (a *App) domain(rt Runtime, key [32]byte, catalogue *locale.Catalogue, pictures *picture.Reader) (err error) {
	a.People, err = identity.New(identity.Options{Engine: a.engine, Now: a.now, Rand: rand.Reader, Key: key, Logger: a.log, HashParams: rt.Hash,
		Policy: identity.Policy{RequireStaffFactor: a.Config.StaffFactor == "required"}})
	if err != nil {
		return err
	}
	a.blobs = store.NewBlobs(a.engine, a.now, rand.Reader)
	hosts, aliases, err := a.hosts()
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(a.Config.TimeZone)
	if err != nil {
		return err
	}
	networks, err := webhook.ParseNetworks(a.Config.Connectors)
	if err != nil {
		return err
	}
	a.doors = &webhook.Worker{People: a.People, Sender: webhook.NewSender(webhook.Options{Networks: networks}), Now: a.now, Logger: a.log}
	a.Assets = asset.New(asset.Options{Engine: a.engine, People: a.People, Now: a.now, Random: rand.Reader,
		LabelURL: a.Config.PublicURL, Hosts: hosts, Zone: zone, Wake: a.doors.Wake, Logger: a.log})
	a.doors.Assets = a.Assets
	a.worker = &notify.Worker{People: a.People, Catalogue: catalogue, PublicURL: a.Config.PublicURL, Now: a.now, Logger: a.log}
	a.Desk = desk.New(desk.Options{Engine: a.engine, Assets: a.Assets, People: a.People, Blobs: a.blobs,
		Pictures: pictures, Now: a.now, Random: rand.Reader, Wake: a.worker.Wake})
	contacts := scan.Contacts{People: a.People, ByHost: aliases, Other: a.Config.Contact}
	a.Sightings = scan.NewSightings(scan.SightingsOptions{Engine: a.engine, Assets: a.Assets, People: a.People, Contacts: contacts, Hosts: hosts,
		Now: a.now, Random: rand.Reader, Logger: a.log, Wake: a.worker.Wake})
	a.Scan = scan.New(scan.Options{Assets: a.Assets, Desk: a.Desk, People: a.People, Contacts: contacts, Hosts: hosts, Sightings: a.Sightings, Now: a.now})
	a.worker.Sources = []notify.Source{notify.From(a.Desk.Outbox()), notify.From(a.Sightings)}
	return nil
}

// outwards opens the ways to people's devices.
func (a *App) outwards(ctx context.Context) error {
	if a.Config.FCMCredentials == "" {
		a.log.Warn("push is not configured: alerts wait, staff see them on /staff/pushes; set TAGWERK_FCM_CREDENTIALS")
		return nil
	}
	sender, err := push.NewFCM(ctx, push.Config{CredentialsFile: a.Config.FCMCredentials, Endpoint: a.Config.FCMEndpoint})
	if err != nil {
		return fmt.Errorf("TAGWERK_FCM_CREDENTIALS: %w", err)
	}
	a.worker.Push = sender
	return nil
}

// hosts are those that printed codes may name, and the providers of the aliases among them.
func (a *App) hosts() (all []string, aliases map[string]string, err error) {
	public, err := url.Parse(a.Config.PublicURL)
	if err != nil {
		return nil, nil, err
	}
	if aliases, err = a.Config.aliases(); err != nil {
		return nil, nil, err
	}
	all = []string{strings.ToLower(public.Host)}
	for host := range aliases {
		all = append(all, host)
	}
	return all, aliases, nil
}

func (a *App) frontEnds(rt Runtime, key [32]byte, catalogue *locale.Catalogue, photos *tagging.PhotoReader) error {
	hosts, _, err := a.hosts()
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(a.Config.TimeZone)
	if err != nil {
		return err
	}
	pages, err := portal.New(portal.Options{Assets: a.Assets, Desk: a.Desk, Scan: a.Scan, Sightings: a.Sightings, People: a.People, Photos: photos,
		Catalogue: catalogue, PublicURL: a.Config.PublicURL, Hosts: hosts, Now: a.now, Logger: a.log, Zone: zone, Key: key,
		PushConfigured: a.worker.Push != nil, RequireStaffFactor: a.Config.StaffFactor == "required"})
	if err != nil {
		return err
	}
	a.Edge, err = edge.New(edge.Options{
		PublicURL: a.Config.PublicURL, Catalogue: catalogue, Logger: a.log, Now: a.now, Random: rand.Reader,
		Authenticate: a.authenticate, Mappings: problems(), ErrorPage: pages.ErrorPage, Ready: a.ready,
		TrustedProxies: list(a.Config.TrustedProxies), Origins: list(a.Config.Origins), Limits: rt.Limits, TLS: rt.TLS,
	})
	if err != nil {
		return err
	}
	pages.Mount(a.Edge)
	a.API = mobileapi.Mount(a.Edge, mobileapi.Options{Assets: a.Assets, Desk: a.Desk, Scan: a.Scan,
		Sightings: a.Sightings, People: a.People, Photos: photos, Catalogue: catalogue, Own: tagging.Config{OwnHosts: hosts}, Now: a.now, Zone: zone, Key: key})
	return nil
}

func (a *App) authenticate(ctx context.Context, c edge.Credentials, l locale.Tag) (identity.Viewer, error) {
	if c.Bearer != "" {
		return a.People.Authenticate(ctx, c.Bearer, identity.Bearer, l)
	}
	return a.People.Authenticate(ctx, c.Cookie, identity.Cookie, l)
}

// ready says whether the installation can work: the store answers and did not stop itself.
func (a *App) ready(ctx context.Context) error {
	if err := a.engine.Err(); err != nil {
		return err
	}
	_, err := a.engine.GetMany(ctx, []store.Ref{{Collection: "counters", ID: "requests"}})
	return err
}

// Serve answers on the listener and runs the workers until ctx ends, then stops: no new requests, running ones end, the worker
// notes what it sent, the store closes. It returns an error if the server could not serve or the store stopped itself.
func (a *App) Serve(ctx context.Context, ln net.Listener) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var workers sync.WaitGroup
	workers.Go(func() { a.worker.Run(ctx) })
	workers.Go(func() { a.doors.Run(ctx) })
	workers.Go(func() { a.housekeeping(ctx) })
	workers.Go(func() { a.expiries(ctx) })
	// The scans of requests that still run while the server stops are written too.
	scanning, stopScans := context.WithCancel(context.WithoutCancel(ctx))
	defer stopScans()
	workers.Go(func() { a.Sightings.Run(scanning) })
	workers.Go(func() {
		select {
		case <-ctx.Done():
		case <-a.engine.Failed():
			stop(errors.New("the store could not be written safely and was stopped: check the disk, then start again"))
		}
	})
	err := a.Edge.Listen(ctx, ln)
	cause := context.Cause(ctx)
	stop(nil)
	stopScans()
	workers.Wait()
	if errors.Is(cause, context.Canceled) {
		cause = nil
	}
	return errors.Join(err, cause, a.Close())
}

// Close closes an App that does not serve.
func (a *App) Close() error { return a.engine.Close() }

// expiries blocks tags whose last day is over, within a minute of its end.
func (a *App) expiries(ctx context.Context) {
	t := time.NewTicker(time.Minute)
	defer t.Stop()
	for {
		if _, err := a.Assets.BlockExpired(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("blocking of expired tags", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// housekeeping removes ended sessions and orphaned photos.
func (a *App) housekeeping(ctx context.Context) {
	t := time.NewTicker(10 * time.Minute)
	defer t.Stop()
	// A full disk must not keep the sweep from making room.
	ctx = store.Essential(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if _, err := a.People.Sweep(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("sweep of sessions", "error", err)
		}
		_, err := a.blobs.Sweep(ctx, a.now().Add(-time.Hour), func(ctx context.Context, b store.Blob) (bool, error) {
			return a.Desk.HasPhoto(ctx, b.Owner, b.ID)
		})
		if err != nil && ctx.Err() == nil {
			a.log.Error("sweep of photos", "error", err)
		}
	}
}
