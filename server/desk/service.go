package desk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
	"github.com/tagwerk/tagwerk/tagging/picture"
)

// Service answers for requests.
type Service struct {
	engine     store.Engine
	requests   store.Collection[Request]
	catalogues store.Collection[Catalogue]
	counters   store.Collection[counter]
	blobs      *store.Blobs
	assets     *asset.Service
	people     *identity.Directory
	pictures   *picture.Reader
	now        func() time.Time
	random     io.Reader
	wake       func()
}

// Options are the parts that a Service is built from. Wake is called after each commit that left a notice.
type Options struct {
	Engine   store.Engine
	Assets   *asset.Service
	People   *identity.Directory
	Blobs    *store.Blobs
	Pictures *picture.Reader
	Now      func() time.Time
	Random   io.Reader
	Wake     func()
}

// New returns the service over an engine whose schema holds [Specs].
func New(o Options) *Service {
	if o.Wake == nil {
		o.Wake = func() {}
	}
	return &Service{
		engine:     o.Engine,
		requests:   store.In[Request](o.Engine, "requests"),
		catalogues: store.In[Catalogue](o.Engine, "catalogues"),
		counters:   store.In[counter](o.Engine, "counters"),
		blobs:      o.Blobs, assets: o.Assets, people: o.People, pictures: o.Pictures,
		now: o.Now, random: o.Random, wake: o.Wake,
	}
}

// Specs declares the collections of this package.
func Specs() []store.Spec {
	return []store.Spec{
		{Name: "requests", Indexes: []store.Index{
			{Name: "key", Fields: []string{"key"}, Unique: true},
			{Name: "queue", Fields: []string{"provider", "rank"}},
			{Name: "customer", Fields: []string{"customer", "updated"}},
			{Name: "component", Fields: []string{"component", "open", "created"}},
			{Name: "asset", Fields: []string{"asset", "rank"}},
			{Name: "tag", Fields: []string{"tags"}, Multi: true},
			outbox.Index(),
			{Name: "provider_notice", Fields: []string{"provider", "notice_due"}},
		}},
		{Name: "catalogues"},
		{Name: "counters"},
	}
}

// PutCatalogue stores what the viewer's provider offers to report.
func (s *Service) PutCatalogue(ctx context.Context, v identity.Viewer, types []FaultType) error {
	if !v.ActsAsStaff() || v.Role != identity.Admin {
		return ErrNotAllowed
	}
	c := &Catalogue{Provider: v.Provider, FaultTypes: types}
	err := s.catalogues.Insert(ctx, v.Provider, c)
	if store.IsDuplicate(err, "id") {
		_, err = s.catalogues.Update(ctx, v.Provider, func(stored *Catalogue) error { *stored = *c; return nil })
	}
	return err
}

// FaultTypes lists the released fault types of the provider of an asset, to those who may report a fault there (F-30).
func (s *Service) FaultTypes(ctx context.Context, a asset.Access) ([]FaultType, error) {
	if !a.May.Has(asset.Faults) {
		return nil, ErrNotAllowed
	}
	c, err := s.catalogue(ctx, a.Asset.Provider)
	if err != nil {
		return nil, err
	}
	var released []FaultType
	for _, f := range c.FaultTypes {
		if f.Released {
			released = append(released, f)
		}
	}
	return released, nil
}

// FaultType is the fault type of a request, as whoever sees the request may know it; also one that is not released any more. A
// type that is gone has its id for a name.
func (s *Service) FaultType(ctx context.Context, v View) (FaultType, error) {
	c, err := s.catalogue(ctx, v.Provider)
	if err != nil {
		return FaultType{}, err
	}
	for _, f := range c.FaultTypes {
		if f.ID == v.FaultType {
			return f, nil
		}
	}
	return FaultType{ID: v.FaultType}, nil
}

func (s *Service) catalogue(ctx context.Context, provider string) (*Catalogue, error) {
	c, err := s.catalogues.Get(ctx, provider)
	if errors.Is(err, store.ErrNotFound) {
		return &Catalogue{Provider: provider}, nil
	}
	return c, err
}

// Report is what a viewer reports: exactly one of Code, Component and Asset says where.
type Report struct {
	Code      tagging.Code
	Component string
	Asset     string
	FaultType string
	Text      string
	// Key is the client's Idempotency-Key, "" for none: the same report under the same key is made once (X-12, SEC-86).
	Key string
	// Photos are files as the client sent them; they are encoded anew before they are kept.
	Photos [][]byte
}

// ReportFault creates a request of type fault_report, or returns the one made before under the same key. The staff of the
// provider are told by a notice in the same write.
func (s *Service) ReportFault(ctx context.Context, v identity.Viewer, in Report) (*Request, error) {
	component, access, err := s.target(ctx, v, in)
	if err != nil {
		return nil, err
	}
	if !access.May.Has(asset.Faults) {
		return nil, ErrNotAllowed
	}
	text, err := cleanText("text", in.Text, true)
	if err != nil {
		return nil, err
	}
	files, hashes := distinct(in.Photos)
	if len(files) > MaxPhotos {
		return nil, ErrTooManyPhotos
	}
	key, content, err := s.idempotency(v, in.Key, append(hashes, access.Asset.ID, component, in.FaultType, text)...)
	if err != nil {
		return nil, err
	}
	if made, err := s.madeBefore(ctx, key, content); made != nil || err != nil {
		return made, err
	}
	catalogue, err := s.catalogue(ctx, access.Asset.Provider)
	if err != nil {
		return nil, err
	}
	kind, ok := catalogue.find(in.FaultType)
	if !ok {
		reason := NotChosen
		if in.FaultType == "" {
			reason = Missing
		}
		return nil, &FieldError{"fault_type", reason}
	}
	number, err := s.nextNumber(ctx)
	if err != nil {
		return nil, err
	}
	photos, err := s.storePhotos(ctx, v, number, files)
	if err != nil {
		return nil, err
	}
	now := store.At(s.now())
	customer := access.Asset.Customer
	if v.Kind == identity.CustomerUser {
		customer = v.Customer
	}
	r := &Request{
		Number: number, Type: FaultReport, Provider: access.Asset.Provider, Customer: customer,
		Asset: access.Asset.ID, Component: component, FaultType: kind.ID, Severity: min(max(kind.Severity, 1), 4), Text: text,
		Status: WaitingHandling, Open: true, Reporter: v.User, ReporterName: v.Name, Photos: photos, Key: key, Content: content,
		Created: now, Updated: now,
	}
	r.Rank = rank(r.Open, r.Severity, r.Created)
	if err := s.note(r, outbox.Notice{Event: Reported, By: v.User, At: now}); err != nil {
		return nil, err
	}
	err = s.requests.Insert(ctx, number, r)
	if store.IsDuplicate(err, "key") {
		return s.madeBefore(ctx, key, content)
	}
	if err != nil {
		return nil, err
	}
	s.wake()
	s.keepPhotos(ctx, r)
	return r, nil
}

// target resolves where a report points; what the viewer may not know of is ErrNotFound.
func (s *Service) target(ctx context.Context, v identity.Viewer, in Report) (component string, a asset.Access, err error) {
	given := 0
	for _, set := range []bool{in.Code != "", in.Component != "", in.Asset != ""} {
		if set {
			given++
		}
	}
	if given != 1 {
		return "", asset.Access{}, &FieldError{"code", OneOf}
	}
	switch {
	case in.Code != "":
		t, err := s.assets.ByCode(ctx, v, in.Code)
		if err != nil {
			return "", asset.Access{}, hidden(err)
		}
		if t.Component == nil {
			return "", asset.Access{}, &FieldError{"code", Missing}
		}
		return t.Component.ID, t.Access, nil
	case in.Component != "":
		c, a, err := s.assets.Component(ctx, v, in.Component)
		return c.ID, a, hidden(err)
	default:
		a, err := s.assets.Access(ctx, v, in.Asset)
		return "", a, hidden(err)
	}
}

func hidden(err error) error {
	if errors.Is(err, asset.ErrNotFound) {
		return ErrNotFound
	}
	return err
}

// idempotency returns the stored form of a key, bound to the person, and a hash of the content that it stands for. Without a
// key both are random: such an act is never the repeat of another.
func (s *Service) idempotency(v identity.Viewer, key string, content ...string) (string, string, error) {
	if len(key) > identity.MaxKey {
		return "", "", &FieldError{"idempotency_key", TooLong}
	}
	if key == "" {
		id, err := store.NewID(s.random)
		return "-" + id, "", err
	}
	h := sha256.Sum256([]byte(strings.Join(content, "\x00")))
	return v.StoredKey(key), hex.EncodeToString(h[:16]), nil
}

// madeBefore returns the request made under a key, nil if there is none.
func (s *Service) madeBefore(ctx context.Context, key, content string) (*Request, error) {
	it, err := s.requests.First(ctx, store.Query{Index: "key", Eq: []any{key}})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if it.Value.Content != content {
		return nil, ErrKeyReused
	}
	return it.Value, nil
}

// counter is the number series of requests.
type counter struct {
	Last int64 `json:"last"`
}

// firstNumber makes numbers of six digits from the start, so that they read alike on the phone.
const firstNumber = 100_001

// nextNumber takes the next number of the series. A number can be lost when the write after it fails; it is never given twice.
func (s *Service) nextNumber(ctx context.Context) (string, error) {
	for {
		c, err := s.counters.Update(ctx, "requests", func(c *counter) error { c.Last++; return nil })
		if err == nil {
			return strconv.FormatInt(c.Last, 10), nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return "", err
		}
		err = s.counters.Insert(ctx, "requests", &counter{Last: firstNumber - 1})
		if err != nil && !store.IsDuplicate(err, "id") {
			return "", err
		}
	}
}

// note gives a notice its id and adds it to the request.
func (s *Service) note(r *Request, n outbox.Notice) error {
	id, err := store.NewID(s.random)
	if err != nil {
		return err
	}
	n.ID = id
	r.Add(n)
	return nil
}

// cleanText checks a text of a person: UTF-8 without control characters but line breaks, not too long, and trimmed.
func cleanText(field, text string, required bool) (string, error) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		return "", &FieldError{field, BadText}
	case text == "" && required:
		return "", &FieldError{field, Missing}
	case utf8.RuneCountInString(text) > MaxText:
		return "", &FieldError{field, TooLong}
	}
	return text, nil
}
