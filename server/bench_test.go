package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/sync/errgroup"

	"github.com/tagwerk/tagwerk/mobileapi"
	"github.com/tagwerk/tagwerk/server"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/tagging"
)

// BenchmarkResolve measures the scan route whole: sockets, session, limits, access log, the store with its data. Each variant runs
// in turns with a route of the same app that looks nothing up, and is told as a share of it, so that a busy machine slows down both:
//
//	of-noop    requests a second, against /v1/bench/noop: same viewer, limit and size of answer
//	cpu-x-noop CPU time of the server for one request, against the same; the client is a process of its own
//	p99-x-noop the slowest hundredth, likewise
//
// Bars (design.md section 7): scan-hot of-noop ≥ 0.75, cpu-x-noop ≤ 1.3, p99-x-noop ≤ 2; scan-cold of-noop ≥ 0.20.
func BenchmarkResolve(b *testing.B) {
	if plan := loadPlanFromEnv(b); plan != nil {
		plan.serve()
		return
	}
	hot := newEstate(b, benchEstate, nil)
	off := int64(0)
	cold := newEstate(b, benchEstate, &off)

	b.Run("noop-bare", func(b *testing.B) { hot.compare(b, "noop-bare") })
	b.Run("scan-hot", func(b *testing.B) {
		hot.warm(b)
		hot.compare(b, "scan")
	})
	b.Run("scan-stranger", func(b *testing.B) { hot.compare(b, "stranger") })
	b.Run("scan-cold", func(b *testing.B) { cold.compareWith(b, "scan", hot, "noop") })
	b.Run("domain", func(b *testing.B) {
		hot.warm(b)
		b.ReportAllocs()
		before := cpuTime(b)
		for b.Loop() {
			hot.resolve(b)
		}
		b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs")
	})
}

// BenchmarkResolveTags compares the resolver, without HTTP, over 200,000 tags with 10,000: x-of-small must stay ≤ 1.3 (design.md
// section 7), with the cache on and off. 2,000 of the tags are bound and scanned, the others are blank labels in between.
func BenchmarkResolveTags(b *testing.B) {
	off := int64(0)
	for _, variant := range []struct {
		name  string
		cache *int64
	}{{"hot", nil}, {"cold", &off}} {
		small := newEstate(b, estateSize{customers: 20, users: 4, assets: 10, blank: 8_000}, variant.cache)
		large := newEstate(b, estateSize{customers: 20, users: 4, assets: 10, blank: 198_000}, variant.cache)
		b.Run(variant.name, func(b *testing.B) {
			for _, e := range []*estate{small, large} {
				e.warm(b)
			}
			b.ReportAllocs()
			var ratios []float64
			n := max(b.N/rounds, 1)
			for range rounds {
				b.StopTimer()
				begun := time.Now()
				for range n {
					small.resolve(b)
				}
				base := time.Since(begun)
				b.StartTimer()
				begun = time.Now()
				for range n {
					large.resolve(b)
				}
				ratios = append(ratios, float64(time.Since(begun))/float64(base))
			}
			b.ReportMetric(median(ratios), "x-of-small")
		})
	}
}

// rounds is how many turns the two sides of a comparison take; the median of the turns is told.
const rounds = 9

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

// estateSize says how much a benchmark's installation holds. Each customer has its assets of 10 components, each with a label, and
// its users, who have all four grants on its first 10 assets. Blank labels come on top.
type estateSize struct{ customers, users, assets, blank int }

// benchEstate is 20,000 labels on 2,000 assets, and 1,000 signed-in users.
var benchEstate = estateSize{customers: 50, users: 20, assets: 40}

const (
	partsPerAsset = 10
	grantedAssets = 10
	// hotCustomers is whose labels and users the benchmarks take: 2,000 labels and 400 callers of benchEstate.
	hotCustomers = 20
)

// estate is a served installation with much in it.
type estate struct {
	app  *server.App
	addr string
	// scans are pairs of a caller and the labels that he may scan.
	scans []loadCaller
	users []identity.Viewer // of the callers, in their order
}

func newEstate(b *testing.B, size estateSize, cache *int64) *estate {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	e := &estate{addr: ln.Addr().String()}
	limits := free()
	for i := range limits {
		limits[i].Rate, limits[i].Window = 1_000_000_000, time.Hour
	}
	e.app, err = server.Open(b.Context(), server.Config{PublicURL: "http://" + e.addr, Data: b.TempDir(), StaffFactor: "optional"}, server.Runtime{
		Logger:     slog.New(slog.NewJSONHandler(io.Discard, nil)),
		Limits:     limits,
		CacheBytes: cache,
		Hash:       &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := e.fill(b.Context(), size); err != nil {
		b.Fatal(errors.Join(err, e.app.Close()))
	}
	e.noop()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	// Without the workers: the 2,000 alerts that fill left would be delivered at some time during the measurement.
	go func() { done <- e.app.Edge.Listen(ctx, ln) }()
	b.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, e.app.Close()); err != nil {
			b.Errorf("serve: %v", err)
		}
	})
	return e
}

// noop adds the routes that the scan is compared with: they answer a constant as large as a scan's.
func (e *estate) noop() {
	type input struct {
		Code string `path:"code" maxLength:"64"`
	}
	// Without the methods of the scan's answer: it is encoded as any other answer is.
	type plainAnswer mobileapi.ScanAnswer
	type output struct{ Body plainAnswer }
	constant := plainAnswer(mobileapi.ScanAnswer{
		Provider:        mobileapi.Contact{ID: "01JB8ZK3M9QXD2VHTP01JB8ZK3", Company: "Nordlicht Brandschutz", Branch: "Niederlassung Hamburg", Phone: "+49 40 5550 1230", Email: "service@nordlicht.example"},
		Tag:             &mobileapi.Tag{Code: "7K3M9QXD2VHTP", Print: "7K3M-9QXD-2VHTP", Kind: "label", State: "active"},
		Component:       &mobileapi.Component{ID: "0123456789abcdef", Name: "Brandschutzklappe Flur Süd 7", Type: "Brandschutzklappe", Manufacturer: "Trox", Model: "FKA2", Serial: "FKA2-10676", YearBuilt: 2016, Location: "Ebene 2", Due: "2026-11-02"},
		Asset:           &mobileapi.AssetBrief{ID: "0123456789abcdef", Number: "A-1001", Name: "Brandschutzklappen Haus A", Group: "Lüftung", Location: "Haus A, Ebenen 0–5", Provider: "01JB8ZK3M9QXD2VHTP01JB8ZK3"},
		Due:             &mobileapi.Due{Component: "2026-11-02", Asset: "2026-11-02"},
		NextAppointment: &mobileapi.Appointment{ID: "0123456789abcdef", Start: time.Date(2026, 10, 5, 9, 0, 0, 0, time.UTC), Status: "confirmed", Subject: "Jahreswartung"},
		OpenFaults:      &[]mobileapi.FaultRow{},
		FaultForm:       &mobileapi.FaultForm{FaultTypes: []mobileapi.FaultType{{ID: "stuck", Name: "Schließt oder öffnet nicht"}, {ID: "noise", Name: "Geräusche"}}, MaxText: desk.MaxText, MaxPhotos: desk.MaxPhotos},
		Actions:         []mobileapi.ScanAction{{Action: "report_fault", Method: "POST", URL: "/v1/requests"}, {Action: "open_asset", Method: "GET", URL: "/v1/assets/0123456789abcdef"}},
	})
	answer := func(context.Context, *input) (*output, error) { return &output{constant}, nil }
	access := edge.Access{Who: edge.Public, Object: "none", Permission: "none"}
	edge.Operation(e.app.API, huma.Operation{Method: "GET", Path: "/v1/bench/noop/{code}", OperationID: "benchNoop"}, access, answer, edge.RouteOptions{Limit: "scan"})
	edge.Operation(e.app.API, huma.Operation{Method: "GET", Path: "/v1/bench/bare/{code}", OperationID: "benchBare"}, access, answer, edge.RouteOptions{NoViewer: true})
}

// fill builds the installation through the services, so that everything in it is as they would have stored it.
func (e *estate) fill(ctx context.Context, size estateSize) error {
	provider, err := e.app.People.PutProvider(ctx, identity.Provider{Company: "Nordlicht Brandschutz", Branch: "Niederlassung Hamburg", Locale: locale.German,
		Phone: "+49 40 5550 1230", Email: "service@nordlicht.example", Web: "https://nordlicht.example"})
	if err != nil {
		return err
	}
	staff := identity.Operator(provider.ID)
	if err := e.app.Desk.PutCatalogue(ctx, staff, []desk.FaultType{
		{ID: "stuck", Severity: 1, Released: true, Names: map[locale.Tag]string{locale.German: "Schließt oder öffnet nicht", locale.English: "Does not open or close"}},
		{ID: "noise", Severity: 3, Released: true, Names: map[locale.Tag]string{locale.German: "Geräusche", locale.English: "Noise"}},
		{ID: "internal", Severity: 4, Names: map[locale.Tag]string{locale.German: "Nur intern"}},
	}); err != nil {
		return err
	}
	parts := make([][]loadCaller, size.customers)
	viewers := make([][]identity.Viewer, size.customers)
	// The engine commits concurrent writes together.
	var filling errgroup.Group
	filling.SetLimit(32)
	for c := range size.customers {
		filling.Go(func() (err error) {
			parts[c], viewers[c], err = e.customer(ctx, staff, size, c)
			return err
		})
	}
	if err := filling.Wait(); err != nil {
		return err
	}
	for left := size.blank; left > 0; left -= asset.MaxLabels {
		if _, err := e.app.Assets.Mint(ctx, staff, min(left, asset.MaxLabels)); err != nil {
			return err
		}
	}
	for c := range min(size.customers, hotCustomers) {
		e.scans, e.users = append(e.scans, parts[c]...), append(e.users, viewers[c]...)
	}
	return nil
}

// customer makes one customer with assets, labels, faults and signed-in users.
func (e *estate) customer(ctx context.Context, staff identity.Viewer, size estateSize, c int) ([]loadCaller, []identity.Viewer, error) {
	customer, err := e.app.People.PutCustomer(ctx, identity.Customer{Number: fmt.Sprint(10_000 + c), Name: fmt.Sprintf("Klinik %d", c), Locale: locale.German, Providers: []string{staff.Provider}})
	if err != nil {
		return nil, nil, err
	}
	var granted, codes []string
	for i := range size.assets {
		a, labels, err := e.asset(ctx, staff, customer.ID, fmt.Sprintf("A-%d-%d", c, i))
		if err != nil {
			return nil, nil, err
		}
		if i < grantedAssets {
			granted, codes = append(granted, a), append(codes, labels...)
		}
	}
	var callers []loadCaller
	var viewers []identity.Viewer
	for i := range size.users {
		email, password := fmt.Sprintf("user%d@klinik%d.example", i, c), "ein recht langes Kennwort"
		p, err := e.app.People.AddPerson(ctx, identity.NewPerson{Email: email, Name: fmt.Sprintf("Person %d", i), Role: identity.General, Customer: customer.ID, Locale: locale.German}, password)
		if err != nil {
			return nil, nil, err
		}
		for _, id := range granted {
			if err := e.app.Assets.Grant(ctx, staff, p.ID, id, asset.AllPermissions); err != nil {
				return nil, nil, err
			}
		}
		s, err := e.app.People.SignIn(ctx, identity.SignIn{Email: email, Password: password, Kind: identity.Bearer, Locale: locale.German,
			Address: netip.AddrFrom4([4]byte{10, byte(c >> 8), byte(c), byte(i)})})
		if err != nil {
			return nil, nil, err
		}
		callers = append(callers, loadCaller{Token: s.Token, Codes: codes})
		viewers = append(viewers, identity.ViewerFor(p))
	}
	return callers, viewers, nil
}

// asset makes an asset with labelled components, a coming appointment, and an open fault on one of the components.
func (e *estate) asset(ctx context.Context, staff identity.Viewer, customer, number string) (id string, codes []string, err error) {
	today := asset.DayOf(time.Now().AddDate(0, -3, 0))
	a, err := e.app.Assets.PutAsset(ctx, staff, asset.Asset{Customer: customer, Number: number, Name: "Brandschutzklappen Haus A", Group: "Lüftung", Location: "Haus A, Ebenen 0–5",
		Upkeep: asset.Upkeep{IntervalMonths: 12, LastDone: today}})
	if err != nil {
		return "", nil, err
	}
	list := make([]asset.Component, partsPerAsset)
	for i := range list {
		list[i] = asset.Component{Name: fmt.Sprintf("Brandschutzklappe Flur Süd %d", i+1), Type: "Brandschutzklappe", Manufacturer: "Trox", Model: "FKA2",
			Serial: fmt.Sprintf("FKA2-%05d", 10_417+37*i), YearBuilt: 2012 + i, Location: fmt.Sprintf("Ebene %d", i/4), Upkeep: asset.Upkeep{IntervalMonths: 12, LastDone: today}}
	}
	made, err := e.app.Assets.PutComponents(ctx, staff, a.ID, list)
	if err != nil {
		return "", nil, err
	}
	ids := make([]string, len(made))
	for i, c := range made {
		ids[i] = c.ID
	}
	labels, err := e.app.Assets.LabelsForComponents(ctx, staff, ids)
	if err != nil {
		return "", nil, err
	}
	for _, l := range labels {
		codes = append(codes, string(l.Code))
	}
	_, err = e.app.Assets.PutAppointment(ctx, staff, asset.Appointment{Asset: a.ID, Start: store.At(time.Now().AddDate(0, 0, 23)), Status: asset.AppointmentConfirmed, Subject: "Jahreswartung"})
	if err != nil {
		return "", nil, err
	}
	_, err = e.app.Desk.ReportFault(ctx, staff, desk.Report{Component: ids[0], FaultType: "noise", Text: "Die Klappe klappert bei Wind."})
	return a.ID, codes, err
}

// warm resolves each pair of a hot label and one caller, and each caller once, so that what the cache can hold is in it.
func (e *estate) warm(b *testing.B) {
	b.Helper()
	for i, caller := range e.scans {
		if _, err := e.app.People.Authenticate(b.Context(), caller.Token, identity.Bearer, locale.German); err != nil {
			b.Fatal(err)
		}
		for k, code := range caller.Codes {
			if k%partsPerAsset == 0 || i%10 == 0 {
				e.scan(b, e.users[i], code)
			}
		}
	}
	b.ResetTimer()
}

// resolve resolves a random label for a random caller who may see all of it.
func (e *estate) resolve(b *testing.B) {
	i := rand.IntN(len(e.scans))
	codes := e.scans[i].Codes
	e.scan(b, e.users[i], codes[rand.IntN(len(codes))])
}

func (e *estate) scan(b *testing.B, v identity.Viewer, code string) {
	a, err := e.app.Scan.Code(b.Context(), v, e.addr, tagging.Code(code))
	if err == nil && (!a.Granted || a.Component == nil || a.Next == nil || !a.Faults) {
		err = errors.New("not all blocks are granted")
	}
	if err != nil {
		b.Fatalf("scan %s: %v", code, err)
	}
}

// compare measures a route in turns with the no-op route.
func (e *estate) compare(b *testing.B, route string) { e.compareWith(b, route, e, "noop") }

func (e *estate) compareWith(b *testing.B, route string, other *estate, base string) {
	load := startLoad(b, e, route)
	baseLoad := startLoad(b, other, base)
	n := max(b.N/rounds/loadConns, 1) * loadConns
	b.ReportAllocs()
	b.ResetTimer()
	var rate, cpu, tail, micros []float64
	for range rounds {
		b.StopTimer()
		want := baseLoad.run(b, n)
		b.StartTimer()
		got := load.run(b, n)
		rate = append(rate, float64(want.Elapsed)/float64(got.Elapsed))
		cpu = append(cpu, float64(got.cpu)/float64(want.cpu))
		tail = append(tail, float64(got.P99)/float64(want.P99))
		micros = append(micros, float64(got.cpu.Microseconds())/float64(n))
	}
	b.StopTimer()
	b.ReportMetric(median(rate), "of-noop")
	b.ReportMetric(median(cpu), "cpu-x-noop")
	b.ReportMetric(median(tail), "p99-x-noop")
	b.ReportMetric(median(micros), "server-µs")
}

// cpuTime is what this process, which is the server alone, has used of the processors.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
