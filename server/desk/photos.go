package desk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// photoSide is the longer side of a kept photo in pixels: enough to read a type plate, a tenth of a phone's file.
const photoSide = 2048

func photoHash(file []byte) string {
	h := sha256.Sum256(file)
	return hex.EncodeToString(h[:16])
}

// storePhotos encodes the files anew (SEC-62) and stores them. Nothing refers to them yet: if the request is not written, they
// are orphans and swept, unless the request that they name as owner holds them (see [Service.HasPhoto]).
func (s *Service) storePhotos(ctx context.Context, v identity.Viewer, number string, files [][]byte) ([]Photo, error) {
	var photos []Photo
	for _, file := range files {
		clean, info, err := s.pictures.Clean(ctx, file, photoSide)
		if err != nil {
			return nil, err
		}
		blob, err := s.blobs.Put(ctx, store.Blob{Type: "image/jpeg", Name: "photo.jpg", Owner: blobOwner(number)}, bytes.NewReader(clean))
		if err != nil {
			return nil, err
		}
		id, err := store.NewID(s.random)
		if err != nil {
			return nil, err
		}
		photos = append(photos, Photo{ID: id, Blob: blob, At: store.At(s.now()), Author: v.User,
			Width: info.Width, Height: info.Height, Hash: photoHash(file)})
	}
	return photos, nil
}

// keepPhotos tells the blobs that the committed request refers to them. Its failure is none of the act, which is stored: the
// sweep asks [Service.HasPhoto] about photos that were not kept.
func (s *Service) keepPhotos(ctx context.Context, r *Request) {
	for _, p := range r.Photos {
		if err := s.blobs.Keep(ctx, p.Blob, blobOwner(r.Number)); err != nil {
			return
		}
	}
}

// distinct returns the files without repeats, and their hashes.
func distinct(files [][]byte) (kept [][]byte, hashes []string) {
	for _, file := range files {
		if hash := photoHash(file); !slices.Contains(hashes, hash) {
			kept, hashes = append(kept, file), append(hashes, hash)
		}
	}
	return kept, hashes
}

const ownerPrefix = "request:"

func blobOwner(number string) string { return ownerPrefix + number }

// HasPhoto reports whether the request that a blob names as its owner refers to it, for the sweep of orphans.
func (s *Service) HasPhoto(ctx context.Context, owner, blob string) (bool, error) {
	number, ok := strings.CutPrefix(owner, ownerPrefix)
	if !ok {
		return false, nil
	}
	r, err := s.requests.Get(ctx, number)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(r.Photos, func(p Photo) bool { return p.Blob == blob }), nil
}
