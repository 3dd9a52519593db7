package sqlite

import (
	"bytes"
	"container/list"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

// generation counts the commits that touched a part of the data. Who loads notes it before the read and keeps what it
// loaded only if the count is the same; the writer raises it after the commit and before it answers. So nothing older than
// an answered write can come into a cache, however slow the loader is.
type generation = atomic.Uint64

// lru is a map bounded by bytes that forgets what was not used for longest. It is not safe for concurrent use.
type lru[K comparable, V any] struct {
	most, used int64
	entries    map[K]*list.Element
	order      list.List
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
	size  int64
}

func newLRU[K comparable, V any](most int64) *lru[K, V] {
	return &lru[K, V]{most: most, entries: map[K]*list.Element{}}
}

func (c *lru[K, V]) get(key K) (v V, ok bool) {
	el, ok := c.entries[key]
	if !ok {
		return v, false
	}
	c.order.MoveToFront(el)
	return el.Value.(*lruEntry[K, V]).value, true
}

// put keeps a value unless it would take over a quarter of the room.
func (c *lru[K, V]) put(key K, value V, size int64) {
	c.drop(key)
	if size > c.most/4 {
		return
	}
	for c.used+size > c.most {
		c.drop(c.order.Back().Value.(*lruEntry[K, V]).key)
	}
	c.entries[key] = c.order.PushFront(&lruEntry[K, V]{key, value, size})
	c.used += size
}

func (c *lru[K, V]) drop(key K) {
	if el, ok := c.entries[key]; ok {
		c.used -= el.Value.(*lruEntry[K, V]).size
		c.order.Remove(el)
		delete(c.entries, key)
	}
}

const (
	shardCount = 64
	// entryCost is what an entry takes beside its texts: map slot, list element, headers.
	entryCost = 320
	// largestCached keeps chunks of binary data from driving out what is read all the time.
	largestCached = 64 << 10
)

// marks are the generations of all shards before a load.
type marks [shardCount]uint64

// docCache keeps documents by reference; one with Ver 0 says that there is none.
//
// Beside staying exact for one document it keeps GetMany true to one moment. While a commit runs its documents are fenced:
// old ones stay, new ones do not come in. After the commit all are dropped while epoch is odd. So a reader that saw the
// same even epoch before and after its look-ups saw what was stored together.
type docCache struct {
	seed   maphash.Seed
	epoch  atomic.Uint64
	shards [shardCount]docShard
}

type docShard struct {
	gen    generation
	mu     sync.Mutex
	docs   *lru[store.Ref, store.Doc]
	fenced map[store.Ref]struct{}
	_      [64]byte
}

func newDocCache(bytes int64) *docCache {
	c := &docCache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].docs = newLRU[store.Ref, store.Doc](bytes / shardCount)
		c.shards[i].fenced = map[store.Ref]struct{}{}
	}
	return c
}

func (c *docCache) index(ref store.Ref) int {
	return int(maphash.Comparable(c.seed, ref) % shardCount)
}

func (c *docCache) get(ref store.Ref) (store.Doc, bool) {
	s := &c.shards[c.index(ref)]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.docs.get(ref)
}

// getMany answers all documents of one moment, or false.
func (c *docCache) getMany(refs []store.Ref) ([]store.Doc, bool) {
	epoch := c.epoch.Load()
	if epoch%2 != 0 {
		return nil, false
	}
	docs := make([]store.Doc, len(refs))
	for i, ref := range refs {
		var ok bool
		if docs[i], ok = c.get(ref); !ok {
			return nil, false
		}
	}
	return docs, c.epoch.Load() == epoch
}

// marks notes the generations before a load.
func (c *docCache) marks() *marks {
	m := new(marks)
	for i := range c.shards {
		m[i] = c.shards[i].gen.Load()
	}
	return m
}

// mark notes the generation of one document before its load.
func (c *docCache) mark(ref store.Ref) uint64 { return c.shards[c.index(ref)].gen.Load() }

// put offers a loaded document and returns the one to use: that of the cache if it holds the same revision, so that readers
// share what was decoded.
func (c *docCache) put(ref store.Ref, doc store.Doc, mark uint64) store.Doc {
	s := &c.shards[c.index(ref)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if held, ok := s.docs.get(ref); ok && held.Ver == doc.Ver && bytes.Equal(held.Body, doc.Body) {
		return held
	}
	if _, fenced := s.fenced[ref]; fenced || s.gen.Load() != mark || len(doc.Body) > largestCached {
		return doc
	}
	if doc.Ver > 0 {
		doc.Memo = new(store.Memo)
	}
	// The decoded form is taken to be twice as large as its text.
	s.docs.put(ref, doc, entryCost+int64(len(ref.ID)+3*len(doc.Body)))
	return doc
}

// fence keeps documents out while the commit that changes them runs.
func (c *docCache) fence(refs []store.Ref) {
	for _, ref := range refs {
		s := &c.shards[c.index(ref)]
		s.mu.Lock()
		s.fenced[ref] = struct{}{}
		s.mu.Unlock()
	}
}

// release ends a fence; after a commit it also drops the documents.
func (c *docCache) release(refs []store.Ref, committed bool) {
	if committed {
		c.epoch.Add(1)
		defer c.epoch.Add(1)
	}
	for _, ref := range refs {
		s := &c.shards[c.index(ref)]
		s.mu.Lock()
		if committed {
			s.gen.Add(1)
			s.docs.drop(ref)
		}
		delete(s.fenced, ref)
		s.mu.Unlock()
	}
}

// pageKey names a page: the collection and all that its query says.
type pageKey struct{ collection, query string }

// cachedPage is a page and the generation of its collection before it was loaded: it holds while that is unchanged.
type cachedPage struct {
	page store.Page
	gen  uint64
}

// pageCache keeps the answers of small queries, such as the look-up by a unique field.
type pageCache struct {
	seed   maphash.Seed
	shards [shardCount]struct {
		mu    sync.Mutex
		pages *lru[pageKey, cachedPage]
		_     [64]byte
	}
}

func newPageCache(bytes int64) *pageCache {
	c := &pageCache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].pages = newLRU[pageKey, cachedPage](bytes / shardCount)
	}
	return c
}

// get returns the page if it is of generation gen.
func (c *pageCache) get(key pageKey, gen uint64) (store.Page, bool) {
	s := &c.shards[maphash.Comparable(c.seed, key)%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	held, ok := s.pages.get(key)
	return held.page, ok && held.gen == gen
}

func (c *pageCache) put(key pageKey, page store.Page, gen uint64) {
	size := int64(entryCost + len(key.query) + len(page.Next))
	for _, doc := range page.Docs {
		size += entryCost + int64(len(doc.ID)+3*len(doc.Body))
	}
	if size > largestCached {
		return
	}
	s := &c.shards[maphash.Comparable(c.seed, key)%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages.put(key, cachedPage{page, gen}, size)
}
