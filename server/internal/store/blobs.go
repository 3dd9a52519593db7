package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
)

// chunkSize is how many bytes of binary data one document holds; as base64 in JSON they are well under MaxDoc.
const chunkSize = 256 << 10

const (
	blobsName  = "blobs"
	chunksName = "blob_chunks"
)

// ErrDamaged says that stored binary data are not what was put in.
var ErrDamaged = errors.New("store: binary data are damaged")

// Blob describes binary data. Put takes Type, Name and Owner and finds out the rest.
type Blob struct {
	ID string `json:"-"`
	// Type is the media type, Name the file name for people; neither is checked here.
	Type string `json:"type"`
	Name string `json:"name"`
	// Owner names the document that refers to the data.
	Owner string `json:"owner"`
	// Size is in bytes, SHA256 in hexadecimal.
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	// At is when Put began.
	At Time `json:"at"`
}

// blobHead is the document of a blob. It is Whole once all chunks are stored, and Kept once a reference was committed.
type blobHead struct {
	Blob
	Whole bool `json:"whole"`
	Kept  bool `json:"kept"`
}

// blobChunk is one piece of the data with its own hash, so that damage is found before the piece is handed out.
type blobChunk struct {
	SHA256 []byte `json:"sha256"`
	Data   []byte `json:"data"`
}

// Blobs keeps photos, documents and other binary data in the engine, in chunks, so that they share its durability and backup.
//
// Order of a writer: Put, commit the document that refers to the id, Keep. Whatever happens in between, a reference never
// dangles, and data without one are removed by Sweep (SEC-65).
type Blobs struct {
	heads  Collection[blobHead]
	chunks Collection[blobChunk]
	now    func() time.Time
	rand   io.Reader
}

// BlobSpecs declares the collections of [Blobs]; they belong into the schema.
func BlobSpecs() []Spec {
	return []Spec{
		{Name: blobsName, Indexes: []Index{{Name: "loose", Fields: []string{"kept", "at"}}}},
		{Name: chunksName},
	}
}

// NewBlobs returns the blobs of an engine. rand is a cryptographic source, because an id may stand in a link.
func NewBlobs(e Engine, now func() time.Time, rand io.Reader) *Blobs {
	return &Blobs{heads: In[blobHead](e, blobsName), chunks: In[blobChunk](e, chunksName), now: now, rand: rand}
}

func chunkID(id string, n int64) string { return fmt.Sprintf("%s/%08d", id, n) }

// Put stores data until r ends and returns their id, durable but not yet kept. An error of r ends it; the caller limits r.
func (b *Blobs) Put(ctx context.Context, blob Blob, r io.Reader) (id string, err error) {
	raw := make([]byte, 16)
	if _, err := io.ReadFull(b.rand, raw); err != nil {
		return "", fmt.Errorf("store: blob id: %w", err)
	}
	id = hex.EncodeToString(raw)
	// The head comes first, so that Sweep finds chunks whose writer died.
	blob.At, blob.Size, blob.SHA256 = At(b.now()), 0, ""
	if err := b.heads.Insert(ctx, id, &blobHead{Blob: blob}); err != nil {
		return "", err
	}
	sum := sha256.New()
	buf := make([]byte, chunkSize)
	for n := int64(0); ; n++ {
		size, err := io.ReadFull(r, buf)
		if size > 0 {
			piece := sha256.Sum256(buf[:size])
			sum.Write(buf[:size])
			blob.Size += int64(size)
			if err := b.chunks.Insert(ctx, chunkID(id, n), &blobChunk{SHA256: piece[:], Data: buf[:size]}); err != nil {
				return "", err
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return "", fmt.Errorf("store: read blob: %w", err)
		}
	}
	blob.SHA256 = hex.EncodeToString(sum.Sum(nil))
	_, err = b.heads.Update(ctx, id, func(h *blobHead) error {
		*h = blobHead{Blob: blob, Whole: true}
		return nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// Keep marks data as owned after the reference to them was committed. It may be repeated.
func (b *Blobs) Keep(ctx context.Context, id, owner string) error {
	_, err := b.heads.Update(ctx, id, func(h *blobHead) error {
		if !h.Whole {
			return ErrNotFound
		}
		h.Kept, h.Owner = true, owner
		return nil
	})
	return err
}

// Open returns the description and a reader of data that Put finished, or ErrNotFound. The reader checks each chunk before it
// hands it out and the whole at the end; it fails with ErrDamaged. ctx bounds the reading too.
func (b *Blobs) Open(ctx context.Context, id string) (Blob, io.ReadCloser, error) {
	head, err := b.heads.Get(ctx, id)
	if err != nil {
		return Blob{}, nil, err
	}
	if !head.Whole {
		return Blob{}, nil, ErrNotFound
	}
	blob := head.Blob
	blob.ID = id
	return blob, &blobReader{ctx: ctx, blobs: b, blob: blob, sum: sha256.New()}, nil
}

// blobReader reads chunk after chunk.
type blobReader struct {
	ctx   context.Context
	blobs *Blobs
	blob  Blob
	sum   hash.Hash
	next  int64
	read  int64
	piece []byte
	err   error
}

// Read implements io.Reader.
func (r *blobReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.piece) == 0 && r.err == nil {
		r.piece, r.err = r.load()
	}
	if len(r.piece) == 0 {
		return 0, r.err
	}
	n := copy(p, r.piece)
	r.piece = r.piece[n:]
	return n, nil
}

// load returns the next chunk, io.EOF after the last one of undamaged data.
func (r *blobReader) load() ([]byte, error) {
	if r.read >= r.blob.Size {
		if r.read != r.blob.Size || hex.EncodeToString(r.sum.Sum(nil)) != r.blob.SHA256 {
			return nil, fmt.Errorf("%w: %s", ErrDamaged, r.blob.ID)
		}
		return nil, io.EOF
	}
	chunk, err := r.blobs.chunks.Get(r.ctx, chunkID(r.blob.ID, r.next))
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%w: %s lacks chunk %d", ErrDamaged, r.blob.ID, r.next)
	}
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(chunk.Data); len(chunk.Data) == 0 || string(sum[:]) != string(chunk.SHA256) {
		return nil, fmt.Errorf("%w: chunk %d of %s", ErrDamaged, r.next, r.blob.ID)
	}
	r.sum.Write(chunk.Data)
	r.next++
	r.read += int64(len(chunk.Data))
	return chunk.Data, nil
}

// Close implements io.Closer.
func (r *blobReader) Close() error {
	r.piece, r.err = nil, ErrClosed
	return nil
}

// Delete removes data, kept or not. It is right after the reference to them is gone; it may be repeated and then returns ErrNotFound.
func (b *Blobs) Delete(ctx context.Context, id string) error {
	return b.remove(ctx, id, func(*blobHead) error { return nil })
}

// errStays ends the removal of data that are in use after all.
var errStays = errors.New("store: blob stays")

// remove condemns the head if allowed, so that nobody opens or keeps it any more, then removes the chunks, and the head last: if
// the process dies in between, Sweep goes on from there.
func (b *Blobs) remove(ctx context.Context, id string, allowed func(*blobHead) error) error {
	_, err := b.heads.Update(ctx, id, func(h *blobHead) error {
		if err := allowed(h); err != nil {
			return err
		}
		h.Whole, h.Kept = false, false
		return nil
	})
	if err != nil {
		return err
	}
	err = b.chunks.Each(ctx, Query{Index: IDIndex, Lo: id + "/", Hi: id + "0", Limit: 10}, func(it Item[blobChunk]) error {
		if err := b.chunks.Delete(ctx, it.ID); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	return b.heads.Delete(ctx, id)
}

// Sweep removes data that were begun before olderThan and never kept, after asking referenced whether a committed document
// refers to them all the same (its writer died before Keep): these are kept instead. It returns how many it removed. olderThan
// must leave a writer time to Put, commit and Keep: an hour is plenty.
func (b *Blobs) Sweep(ctx context.Context, olderThan time.Time, referenced func(context.Context, Blob) (bool, error)) (removed int, err error) {
	q := Query{Index: "loose", Eq: []any{false}, Hi: At(olderThan), Limit: 100}
	err = b.heads.Each(ctx, q, func(it Item[blobHead]) error {
		if it.Value.Whole {
			blob := it.Value.Blob
			blob.ID = it.ID
			inUse, err := referenced(ctx, blob)
			if err != nil {
				return err
			}
			if inUse {
				if err := b.Keep(ctx, it.ID, blob.Owner); err != nil && !errors.Is(err, ErrNotFound) {
					return err
				}
				return nil
			}
		}
		err := b.remove(ctx, it.ID, func(h *blobHead) error {
			if h.Kept || h.Whole != it.Value.Whole {
				return errStays
			}
			return nil
		})
		if errors.Is(err, errStays) || errors.Is(err, ErrNotFound) {
			return nil
		}
		if err == nil {
			removed++
		}
		return err
	})
	return removed, err
}
