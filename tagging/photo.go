package tagging

import (
	"context"
	"errors"
	"image"
	"slices"
	"strings"
	"time"

	"github.com/tagwerk/tagwerk/tagging/picture"
)

// ErrNoCode means that a photo is a proper image in which no code was found.
var ErrNoCode = errors.New("tagging: no code found in the photo")

const (
	// searchLimit bounds the search in one photo after decoding, by the clock.
	// All steps take about half of it on a core of their own; noise takes more.
	searchLimit = 350 * time.Millisecond
	// mostPayloads bounds the codes read from one photo: a sheet of labels.
	mostPayloads = 32
)

// Payload is what one code in a photo says.
type Payload struct {
	Text string // as decoded, FNC1 as GS (0x1D)
	// Symbology is the AIM identifier: ]Q1 QR, ]Q3 GS1 QR, ]d1 Data Matrix,
	// ]d2 GS1 DataMatrix, ]C0 Code 128, ]C1 GS1-128 and their relatives.
	Symbology string
}

// Input is the payload as a scanner would send it, for ParseComponent.
func (p Payload) Input() string { return p.Symbology + p.Text }

// PhotoReader finds codes in photos: QR Codes first, then Data Matrix and
// Code 128. It is safe for concurrent use.
type PhotoReader struct {
	pictures *picture.Reader
	limit    time.Duration
}

// NewPhotoReader returns a PhotoReader that takes turns with everything else
// that decodes images by r.
func NewPhotoReader(r *picture.Reader) *PhotoReader {
	return &PhotoReader{pictures: r, limit: searchLimit}
}

// Read gives the codes that the photo b shows, each payload once. The errors
// are ErrNoCode, those of picture.Inspect and picture.Reader.Decode, and that
// of ctx. A turned or mirrored photo is read like an upright one.
func (p *PhotoReader) Read(ctx context.Context, b []byte) ([]Payload, error) {
	var found []Payload
	err := p.pictures.WithGray(ctx, b, func(ctx context.Context, g *image.Gray, _ picture.Info) error {
		limited, cancel := context.WithTimeout(ctx, p.limit)
		defer cancel()
		found = search(limited, g)
		if len(found) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, ErrNoCode
	}
	return found, nil
}

// addPayload appends a payload that says something and is new.
func addPayload(list []Payload, p Payload) []Payload {
	p.Text = strings.ToValidUTF8(p.Text, "\ufffd")
	if p.Text == "" || slices.Contains(list, p) {
		return list
	}
	return append(list, p)
}
