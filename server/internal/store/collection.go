package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Memo holds the decoded form of a cached document, so that a hot document is decoded once.
type Memo struct{ value atomic.Pointer[any] }

func memoized[T any](m *Memo) (*T, bool) {
	if m == nil {
		return nil, false
	}
	held := m.value.Load()
	if held == nil {
		return nil, false
	}
	v, ok := (*held).(*T)
	return v, ok
}

func (m *Memo) keep(v any) {
	if m != nil {
		m.value.Store(&v)
	}
}

// Collection is a typed view of one collection. T is the stored form: a struct whose JSON has every indexed field.
type Collection[T any] struct {
	engine Engine
	name   string
}

// Item is a document together with its revision. Value is shared with other readers: do not change what it points to.
type Item[T any] struct {
	ID    string
	Ver   int64
	Value *T
}

// In returns the collection named name of an engine.
func In[T any](e Engine, name string) Collection[T] { return Collection[T]{engine: e, name: name} }

// Ref names the document id of this collection, for [GetMany].
func (c Collection[T]) Ref(id string) Ref { return Ref{Collection: c.name, ID: id} }

// Get returns one document, or ErrNotFound. The value is shared: do not change it; [Collection.Update] hands out its own copy.
func (c Collection[T]) Get(ctx context.Context, id string) (*T, error) {
	doc, err := c.engine.Get(ctx, c.name, id)
	if err != nil {
		return nil, err
	}
	return c.Decode(doc)
}

// Item is Get with the revision, for callers that answer an ETag.
func (c Collection[T]) Item(ctx context.Context, id string) (Item[T], error) {
	doc, err := c.engine.Get(ctx, c.name, id)
	if err != nil {
		return Item[T]{}, err
	}
	v, err := c.Decode(doc)
	return Item[T]{ID: doc.ID, Ver: doc.Ver, Value: v}, err
}

// Decode returns the typed form of a document that the engine answered, decoded once if the engine caches it.
func (c Collection[T]) Decode(doc Doc) (*T, error) {
	if v, ok := memoized[T](doc.Memo); ok {
		return v, nil
	}
	v := new(T)
	if err := json.Unmarshal(doc.Body, v); err != nil {
		return nil, fmt.Errorf("store: decode %s %s: %w", c.name, doc.ID, err)
	}
	doc.Memo.keep(v)
	return v, nil
}

// Insert stores a new document, or returns a *DuplicateError.
func (c Collection[T]) Insert(ctx context.Context, id string, v *T) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	return c.engine.Insert(ctx, c.name, id, body)
}

// Update applies change to a private copy of the document and stores it if nobody else wrote in between, else repeats:
// change must be pure and may run more than once. An error of change ends the update and is returned as it is.
// A change that leaves the document as it was writes nothing.
func (c Collection[T]) Update(ctx context.Context, id string, change func(*T) error) (*T, error) {
	for attempt := 0; ; attempt++ {
		doc, err := c.engine.Get(ctx, c.name, id)
		if err != nil {
			return nil, err
		}
		v := new(T)
		if err := json.Unmarshal(doc.Body, v); err != nil {
			return nil, fmt.Errorf("store: decode %s %s: %w", c.name, id, err)
		}
		if err := change(v); err != nil {
			return nil, err
		}
		body, err := encode(v)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(body, doc.Body) {
			return v, nil
		}
		err = c.engine.Replace(ctx, c.name, id, body, doc.Ver)
		if !errors.Is(err, ErrStale) {
			return v, err
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

// Delete removes a document whatever its revision, or returns ErrNotFound.
func (c Collection[T]) Delete(ctx context.Context, id string) error {
	return c.DeleteIf(ctx, id, func(*T) error { return nil })
}

// DeleteIf removes a document if allowed, called with its latest form, returns nil; else it returns that error.
func (c Collection[T]) DeleteIf(ctx context.Context, id string, allowed func(*T) error) error {
	for attempt := 0; ; attempt++ {
		doc, err := c.engine.Get(ctx, c.name, id)
		if err != nil {
			return err
		}
		v, err := c.Decode(doc)
		if err != nil {
			return err
		}
		if err := allowed(v); err != nil {
			return err
		}
		err = c.engine.Delete(ctx, c.name, id, doc.Ver)
		if !errors.Is(err, ErrStale) {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// Find answers one page of a query and the cursor of the next one, empty at the end.
func (c Collection[T]) Find(ctx context.Context, q Query) ([]Item[T], string, error) {
	page, err := c.engine.Find(ctx, c.name, q)
	if err != nil {
		return nil, "", err
	}
	items := make([]Item[T], len(page.Docs))
	for i, doc := range page.Docs {
		v, err := c.Decode(doc)
		if err != nil {
			return nil, "", err
		}
		items[i] = Item[T]{ID: doc.ID, Ver: doc.Ver, Value: v}
	}
	return items, page.Next, nil
}

// First returns the first document of a query, or ErrNotFound.
func (c Collection[T]) First(ctx context.Context, q Query) (Item[T], error) {
	q.Limit = 1
	items, _, err := c.Find(ctx, q)
	if err != nil {
		return Item[T]{}, err
	}
	if len(items) == 0 {
		return Item[T]{}, ErrNotFound
	}
	return items[0], nil
}

// Each calls f for every document of a query, page by page, until f returns an error.
func (c Collection[T]) Each(ctx context.Context, q Query, f func(Item[T]) error) error {
	if q.Limit == 0 {
		q.Limit = 200
	}
	for {
		items, next, err := c.Find(ctx, q)
		if err != nil {
			return err
		}
		for _, it := range items {
			if err := f(it); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		q.After = next
	}
}

// Count counts the documents of a query and stops at most.
func (c Collection[T]) Count(ctx context.Context, q Query, most int) (int, error) {
	return c.engine.Count(ctx, c.name, q, most)
}

// InsertAll stores many new documents in few commits, in order; it returns the first error. It is for imports and samples.
func (c Collection[T]) InsertAll(ctx context.Context, ids []string, values []*T) error {
	ops := make([]Op, len(ids))
	for i, id := range ids {
		body, err := encode(values[i])
		if err != nil {
			return err
		}
		ops[i] = Op{Kind: OpInsert, Collection: c.name, ID: id, Body: body}
	}
	results, err := c.engine.Batch(ctx, ops)
	if err != nil {
		return err
	}
	for _, err := range results {
		if err != nil {
			return err
		}
	}
	return nil
}

func encode(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("store: encode: %w", err)
	}
	return body, nil
}

// pause waits a little longer after each lost race, with jitter so that racers part.
func pause(ctx context.Context, attempt int) error {
	if attempt < 2 {
		return ctx.Err()
	}
	most := time.Duration(1<<min(attempt, 8)) * 100 * time.Microsecond
	t := time.NewTimer(rand.N(most))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
