package sqlite

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

// generation counts the commits that touched a part of the data. Who loads notes it before the read and keeps what it
// loaded only if the count is the same; the writer raises it after the commit and before it answers. So nothing older than
// an answered write can come into a cache, however slow the loader is.
type generation = atomic.Uint64

// sieve is a map bounded by bytes, from the hash of a key, that forgets first what was never read again since the hand last
// came by: the SIEVE algorithm (Zhang et al., NSDI 2024). Unlike a list in the order of use, a hit moves nothing, so that it
// touches no memory but its own entry, and a long scan does not drive out what is read all the time. The value holds the key:
// who gets one compares it, for two keys may share a hash. A sieve is not safe for concurrent use.
type sieve[V any] struct {
	most, used           int64
	entries              map[uint64]*sieveEntry[V]
	newest, oldest, hand *sieveEntry[V]
}

type sieveEntry[V any] struct {
	hash         uint64
	read         bool
	size         int64
	newer, older *sieveEntry[V]
	value        V
}

func newSieve[V any](most int64) *sieve[V] {
	return &sieve[V]{most: most, entries: map[uint64]*sieveEntry[V]{}}
}

// get returns the value of a hash, nil if there is none. It may be changed in place as long as its size stays.
func (c *sieve[V]) get(hash uint64) *V {
	e := c.entries[hash]
	if e == nil {
		return nil
	}
	e.read = true
	return &e.value
}

// put keeps a value unless it would take over a quarter of the room.
func (c *sieve[V]) put(hash uint64, value V, size int64) {
	c.drop(hash)
	if size > c.most/4 {
		return
	}
	for c.used+size > c.most {
		c.evict()
	}
	e := &sieveEntry[V]{hash: hash, size: size, older: c.newest, value: value}
	if c.newest != nil {
		c.newest.newer = e
	} else {
		c.oldest = e
	}
	c.newest = e
	c.entries[hash] = e
	c.used += size
}

// evict moves the hand towards newer entries, around at the end, up to one that was not read since it last came by.
func (c *sieve[V]) evict() {
	for {
		if c.hand == nil {
			c.hand = c.oldest
		}
		e := c.hand
		if !e.read {
			c.drop(e.hash)
			return
		}
		e.read = false
		c.hand = e.newer
	}
}

func (c *sieve[V]) drop(hash uint64) {
	e := c.entries[hash]
	if e == nil {
		return
	}
	delete(c.entries, hash)
	c.used -= e.size
	if c.hand == e {
		c.hand = e.newer
	}
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		c.newest = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		c.oldest = e.newer
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

type cachedDoc struct {
	ref store.Ref
	doc store.Doc
}

type docShard struct {
	gen    generation
	mu     sync.Mutex
	docs   *sieve[cachedDoc]
	fenced map[store.Ref]struct{}
	_      [64]byte
}

func newDocCache(bytes int64) *docCache {
	c := &docCache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].docs = newSieve[cachedDoc](bytes / shardCount)
		c.shards[i].fenced = map[store.Ref]struct{}{}
	}
	return c
}

func (c *docCache) hash(ref store.Ref) uint64 { return maphash.Comparable(c.seed, ref) }

func (c *docCache) index(ref store.Ref) int { return int(c.hash(ref) % shardCount) }

func (c *docCache) get(ref store.Ref) (store.Doc, bool) {
	hash := c.hash(ref)
	s := &c.shards[hash%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	if held := s.docs.get(hash); held != nil && held.ref == ref {
		return held.doc, true
	}
	return store.Doc{}, false
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
	hash := c.hash(ref)
	s := &c.shards[hash%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	if held := s.docs.get(hash); held != nil && held.ref == ref && held.doc.Ver == doc.Ver && bytes.Equal(held.doc.Body, doc.Body) {
		return held.doc
	}
	if _, fenced := s.fenced[ref]; fenced || s.gen.Load() != mark || len(doc.Body) > largestCached {
		return doc
	}
	if doc.Ver > 0 {
		doc.Memo = new(store.Memo)
	}
	// The decoded form is taken to be twice as large as its text.
	s.docs.put(hash, cachedDoc{ref, doc}, entryCost+int64(len(ref.ID)+3*len(doc.Body)))
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
		hash := c.hash(ref)
		s := &c.shards[hash%shardCount]
		s.mu.Lock()
		if committed {
			s.gen.Add(1)
			// Of two documents of one hash this may be the other, which is loaded again.
			s.docs.drop(hash)
		}
		delete(s.fenced, ref)
		s.mu.Unlock()
	}
}

// cachedPage is a page with its query, and the generation of its collection before it was loaded: it holds while that is
// unchanged.
type cachedPage struct {
	query string // see appendQuery
	page  store.Page
	gen   uint64
}

// pageCache keeps the answers of small queries, such as the look-up by a unique field.
type pageCache struct {
	seed   maphash.Seed
	shards [shardCount]struct {
		mu    sync.Mutex
		pages *sieve[cachedPage]
		_     [64]byte
	}
}

func newPageCache(bytes int64) *pageCache {
	c := &pageCache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].pages = newSieve[cachedPage](bytes / shardCount)
	}
	return c
}

// get returns the page of a query if it is of generation gen.
func (c *pageCache) get(query []byte, gen uint64) (store.Page, bool) {
	hash := maphash.Bytes(c.seed, query)
	s := &c.shards[hash%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	if held := s.pages.get(hash); held != nil && held.gen == gen && held.query == string(query) {
		return held.page, true
	}
	return store.Page{}, false
}

func (c *pageCache) put(query []byte, page store.Page, gen uint64) {
	size := int64(entryCost + len(query) + len(page.Next))
	for _, doc := range page.Docs {
		size += entryCost + int64(len(doc.ID)+3*len(doc.Body))
	}
	if size > largestCached {
		return
	}
	hash := maphash.Bytes(c.seed, query)
	s := &c.shards[hash%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages.put(hash, cachedPage{string(query), page, gen}, size)
}
