package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"testing"
	"testing/iotest"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

func testBlobs(t *testing.T, e store.Engine) {
	ctx := t.Context()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	b := store.NewBlobs(e, func() time.Time { return now }, rand.Reader)
	noise := func(n int) []byte {
		data := make([]byte, n)
		_, _ = mathrand.NewChaCha8([32]byte{}).Read(data)
		return data
	}
	read := func(id string) ([]byte, store.Blob, error) {
		blob, r, err := b.Open(ctx, id)
		if err != nil {
			return nil, blob, err
		}
		data, err := io.ReadAll(iotest.HalfReader(r))
		return data, blob, errors.Join(err, r.Close())
	}
	for _, size := range []int{0, 1, 256 << 10, 256<<10 + 1, 1_000_000} {
		t.Run(fmt.Sprintf("%d bytes", size), func(t *testing.T) {
			data := noise(size)
			id, err := b.Put(ctx, store.Blob{Type: "image/jpeg", Name: "Foto ä.jpg"}, iotest.HalfReader(bytes.NewReader(data)))
			must(t, err)
			got, blob, err := read(id)
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%d bytes came back, %v", len(got), err)
			}
			if blob.ID != id || blob.Type != "image/jpeg" || blob.Name != "Foto ä.jpg" || blob.Size != int64(size) || len(blob.SHA256) != 64 || !blob.At.Equal(now) {
				t.Fatalf("%+v", blob)
			}
			must(t, b.Delete(ctx, id))
			_, _, err = b.Open(ctx, id)
			want(t, err, store.ErrNotFound)
			want(t, b.Delete(ctx, id), store.ErrNotFound)
			if n, err := e.Count(ctx, "blob_chunks", store.Query{Index: store.IDIndex}, 10); err != nil || n != 0 {
				t.Fatalf("%d chunks stay, %v", n, err)
			}
		})
	}
	t.Run("SEC-65 damage is found before it is handed out", func(t *testing.T) {
		data := noise(600_000)
		for name, harm := range map[string]func(chunk string){
			"changed": func(chunk string) {
				doc, err := e.Get(ctx, "blob_chunks", chunk)
				must(t, err)
				var c map[string][]byte
				must(t, json.Unmarshal(doc.Body, &c))
				c["data"][1000] ^= 1
				must(t, e.Replace(ctx, "blob_chunks", chunk, body(t, c), doc.Ver))
			},
			"lost": func(chunk string) {
				doc, err := e.Get(ctx, "blob_chunks", chunk)
				must(t, err)
				must(t, e.Delete(ctx, "blob_chunks", chunk, doc.Ver))
			},
		} {
			id, err := b.Put(ctx, store.Blob{}, bytes.NewReader(data))
			must(t, err)
			harm(id + "/00000001")
			got, _, err := read(id)
			want(t, err, store.ErrDamaged)
			if !bytes.Equal(got, data[:256<<10]) {
				t.Fatalf("%s: %d bytes were handed out", name, len(got))
			}
		}
		id, err := b.Put(ctx, store.Blob{}, bytes.NewReader(data))
		must(t, err)
		first, err := e.Get(ctx, "blob_chunks", id+"/00000000")
		must(t, err)
		second, err := e.Get(ctx, "blob_chunks", id+"/00000001")
		must(t, err)
		must(t, e.Replace(ctx, "blob_chunks", id+"/00000000", second.Body, 1))
		must(t, e.Replace(ctx, "blob_chunks", id+"/00000001", first.Body, 1))
		_, _, err = read(id)
		want(t, err, store.ErrDamaged)
	})
	t.Run("a reader that fails leaves nothing to open", func(t *testing.T) {
		broken := errors.New("client went away")
		_, err := b.Put(ctx, store.Blob{}, io.MultiReader(bytes.NewReader(noise(400_000)), iotest.ErrReader(broken)))
		want(t, err, broken)
	})
	t.Run("SEC-65 sweep", func(t *testing.T) {
		all := func(context.Context, store.Blob) (bool, error) { return false, nil }
		_, err := b.Sweep(ctx, now.Add(time.Hour), all)
		must(t, err)
		if n, err := e.Count(ctx, "blob_chunks", store.Query{Index: store.IDIndex}, 10); err != nil || n != 0 {
			t.Fatalf("%d chunks stay, %v", n, err)
		}
		put := func(name string) string {
			id, err := b.Put(ctx, store.Blob{Name: name}, bytes.NewReader(noise(300_000)))
			must(t, err)
			return id
		}
		kept, referenced, orphan := put("kept"), put("referenced"), put("orphan")
		must(t, b.Keep(ctx, kept, "request/1"))
		must(t, b.Keep(ctx, kept, "request/1"))
		want(t, b.Keep(ctx, "none", "request/1"), store.ErrNotFound)
		now = now.Add(2 * time.Hour)
		young := put("young")
		// A writer that died after the first chunk.
		_, err = b.Put(ctx, store.Blob{}, io.MultiReader(bytes.NewReader(noise(300_000)), iotest.ErrReader(io.ErrClosedPipe)))
		want(t, err, io.ErrClosedPipe)
		var asked []string
		ask := func(_ context.Context, blob store.Blob) (bool, error) {
			asked = append(asked, blob.Name)
			return blob.ID == referenced, nil
		}
		removed, err := b.Sweep(ctx, now.Add(-time.Hour), ask)
		if err != nil || removed != 1 || len(asked) != 2 {
			t.Fatalf("removed %d, asked for %v, %v", removed, asked, err)
		}
		_, _, err = read(orphan)
		want(t, err, store.ErrNotFound)
		for _, id := range []string{kept, referenced, young} {
			if _, _, err := read(id); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(2 * time.Hour)
		asked = nil
		removed, err = b.Sweep(ctx, now.Add(-time.Hour), ask)
		if err != nil || removed != 2 || fmt.Sprint(asked) != "[young]" {
			t.Fatalf("removed %d, asked for %v, %v", removed, asked, err)
		}
		if blob, _, err := b.Open(ctx, kept); err != nil || blob.Owner != "request/1" {
			t.Fatalf("%+v, %v", blob, err)
		}
		// Two chunks each of the two that stay.
		if n, err := e.Count(ctx, "blob_chunks", store.Query{Index: store.IDIndex}, 10); err != nil || n != 4 {
			t.Fatalf("%d chunks stay, %v", n, err)
		}
		// What is kept while the sweep asks stays.
		late := put("late")
		now = now.Add(2 * time.Hour)
		removed, err = b.Sweep(ctx, now, func(ctx context.Context, blob store.Blob) (bool, error) {
			return false, b.Keep(ctx, blob.ID, "request/2")
		})
		if err != nil || removed != 0 {
			t.Fatalf("removed %d, %v", removed, err)
		}
		if _, _, err := read(late); err != nil {
			t.Fatal(err)
		}
	})
}
