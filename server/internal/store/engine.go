// Package store is the port between the domain and its database.
//
// [Engine] is the narrow interface that an engine implements; [Collection] above it holds everything that is the same for
// all engines: JSON encoding, compare-and-swap updates through a pure function, paging. A domain package declares its
// collections and their indexes as [Spec] values and never sees an engine.
//
// One aggregate is one document: nothing here changes two documents together, so a rule that needs it is a rule to redesign
// (design.md section 3). A query without a declared index does not exist.
package store

import (
	"context"
	"errors"
	"fmt"
)

// Limits of the port, the same for each engine.
const (
	// MaxPage is the most documents one [Query] answers.
	MaxPage = 500
	// MaxDoc is the largest document in bytes; larger data go through [Blobs] in chunks.
	MaxDoc = 1 << 20
)

var (
	// ErrNotFound says that no document has the id asked for.
	ErrNotFound = errors.New("store: not found")
	// ErrStale says that the document has another revision than the writer read; read again and repeat.
	ErrStale = errors.New("store: stale revision")
	// ErrClosed is returned after Close, and by an engine that stopped itself after a failed sync (SEC-85).
	ErrClosed = errors.New("store: closed")
	// ErrFull says that the disk has no room for a write; reads go on (SEC-85).
	ErrFull = errors.New("store: no space left")
	// ErrNewerData says that the data were written by a newer version of the program (SEC-91).
	ErrNewerData = errors.New("store: data of a newer version")
	// ErrChangesLost says that changes after the number asked for are no longer kept: read the collections anew and go on from 0.
	ErrChangesLost = errors.New("store: changes no longer kept")
	// ErrBadQuery says that a query does not fit a declared index; it is a programming error, or a forged cursor.
	ErrBadQuery = errors.New("store: query does not fit its index")
)

// DuplicateError says that a write would break the unique index named Index; Index is "id" for the document id itself.
type DuplicateError struct{ Collection, Index string }

// Error names the collection and index.
func (e *DuplicateError) Error() string {
	return fmt.Sprintf("store: duplicate in %s by %s", e.Collection, e.Index)
}

// IsDuplicate reports whether err is a [DuplicateError] of the index named index; an empty name means any.
func IsDuplicate(err error, index string) bool {
	var d *DuplicateError
	return errors.As(err, &d) && (index == "" || d.Index == index)
}

// Doc is one stored document: its id, its revision (1 at insert, +1 at each replace) and its body, one JSON object.
// A Doc that an engine returned is shared and must not be changed.
type Doc struct {
	ID   string
	Ver  int64
	Body []byte
	// Memo keeps the decoded form of Body beside a cached document. Engines without a cache leave it nil.
	Memo *Memo
}

// Ref names one document.
type Ref struct{ Collection, ID string }

// Index is an ordered index over top-level fields of a document. Indexed fields are always present and are strings,
// integers or booleans (times are fixed-width strings, see [Time]); an engine refuses a document that breaks this.
type Index struct {
	Name   string
	Fields []string
	Unique bool
	// Multi marks an index over exactly one field that holds an array of strings; a document is found under each of them.
	// Null counts as an empty array. The field is under no other index.
	Multi bool
}

// Spec declares a collection.
type Spec struct {
	Name    string
	Indexes []Index
}

// Schema is all that an engine must know of the product: the number of the stored form and the collections.
type Schema struct {
	Version     int
	Collections []Spec
}

// Query asks for documents in the order of one declared index, ties in the order of ids. The index [IDIndex] is there
// without a declaration.
type Query struct {
	Index string
	// Eq holds the values of the leading fields of the index, in order: string, int64 or bool (also of named types, or Time).
	// For a Multi index it holds one string.
	Eq []any
	// Lo and Hi bound the field after Eq, both inclusive; nil means open. A Multi index has no bounds.
	Lo, Hi any
	// Desc reverses the whole order, ties included.
	Desc bool
	// After is Page.Next of an earlier page of the same query; it keeps its place under inserts and deletes.
	After string
	// Limit is 1 to MaxPage.
	Limit int
}

// Page is one page of a query. Next is empty on the last page. Docs is shared like the documents in it and must not be changed.
type Page struct {
	Docs []Doc
	Next string
}

// OpKind is what an [Op] does.
type OpKind int

// The kinds of write.
const (
	OpInsert OpKind = iota
	OpReplace
	OpDelete
)

// Op is one write. Ver is the revision that OpReplace and OpDelete expect.
type Op struct {
	Kind       OpKind
	Collection string
	ID         string
	Ver        int64
	Body       []byte
}

// Change says that a document was written; Ver is 0 after a delete.
type Change struct {
	Seq        int64
	Collection string
	ID         string
	Ver        int64
}

// Caps says what an engine can do beyond the contract.
type Caps struct {
	// Snapshot: GetMany reads all documents of one moment.
	Snapshot bool
	// Exclusive: this process is the only writer, so that a cache dropped in the commit is exact.
	Exclusive bool
}

// Engine is a database behind the port. All methods are safe for concurrent use, obey the context's deadline, and answer
// success only after a durable commit (SEC-84).
type Engine interface {
	// Ensure creates what the schema declares and is missing. It returns ErrNewerData if the stored number is above Schema.Version.
	Ensure(ctx context.Context, s Schema) error
	// Get returns one document or ErrNotFound.
	Get(ctx context.Context, collection, id string) (Doc, error)
	// GetMany returns the documents in the order of refs; a missing one has Ver 0.
	GetMany(ctx context.Context, refs []Ref) ([]Doc, error)
	// Find answers a query over one declared index.
	Find(ctx context.Context, collection string, q Query) (Page, error)
	// Count counts what Find would answer without After and Limit, and stops at most.
	Count(ctx context.Context, collection string, q Query, most int) (int, error)
	// Insert stores a new document with revision 1, or returns *DuplicateError.
	Insert(ctx context.Context, collection, id string, body []byte) error
	// Replace stores a new body under ver+1 if the stored revision is ver: else ErrStale, ErrNotFound or *DuplicateError.
	Replace(ctx context.Context, collection, id string, body []byte, ver int64) error
	// Delete removes a document if its revision is ver: else ErrStale or ErrNotFound.
	Delete(ctx context.Context, collection, id string, ver int64) error
	// Batch applies the writes in order, each atomic on its own, and returns one error (or nil) for each. It is for imports.
	Batch(ctx context.Context, ops []Op) ([]error, error)
	// Changes lists writes after a sequence number, oldest first, and the number to go on from; at least once each. An engine
	// keeps the last 100,000 at least; from 0 it starts at the oldest kept, and answers ErrChangesLost for a later number whose successors are gone.
	Changes(ctx context.Context, after int64, limit int) ([]Change, int64, error)
	// Caps says what this engine can do.
	Caps() Caps
	// Close ends the engine after running writes; later calls return ErrClosed.
	Close() error
}

type essentialKey struct{}

// Essential marks the writes of a context as ones that must work while the disk is nearly full, such as blocking a lost tag:
// an engine keeps a reserve for them (SEC-85).
func Essential(ctx context.Context) context.Context {
	return context.WithValue(ctx, essentialKey{}, true)
}

// IsEssential reports whether the context was marked by [Essential]; it is for engines.
func IsEssential(ctx context.Context) bool { return ctx.Value(essentialKey{}) != nil }
