package labels

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"sync"

	"github.com/go-fonts/dejavu/dejavusans"
	"github.com/go-fonts/dejavu/dejavusansmono"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/tagwerk/tagwerk/labels/pdf"
)

// maxPixels bounds a picture: the largest label known, A4, has 35 million at 600 dpi.
const maxPixels = 64 << 20

// PNG draws one label at a resolution (0: that of the roll, else 300), on the layout of [WritePDF]: modules are whole pixels without
// smoothing, text is smoothed. The file carries its resolution, so that programs print it in its actual size. Errors are those of
// [Preflight] and of w.
func PNG(w io.Writer, label Label, stock Stock, dpi int) error {
	p, err := newPlan(Sheet{Stock: stock, DPI: dpi})
	if err != nil {
		return err
	}
	f, err := p.frame(label)
	if err != nil {
		return err
	}
	m, err := Encode(label.URL, f.fit.Level)
	if err != nil {
		return err
	}
	px := func(mm float64) float64 { return mm / dotMM(p.dpi) }
	width, height := int(math.Round(px(stock.LabelW))), int(math.Round(px(stock.LabelH)))
	if width*height > maxPixels {
		return fmt.Errorf("%w: picture of %d × %d pixels", ErrStock, width, height)
	}
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = 0xFF
	}

	quiet := quietZone * f.fit.ModuleMM
	left, top := int(math.Round(px(f.symbol.x+quiet))), int(math.Round(px(f.symbol.y+quiet)))
	for y := range f.fit.Modules * f.fit.Dots {
		for x := range f.fit.Modules * f.fit.Dots {
			if m.Dark(x/f.fit.Dots, y/f.fit.Dots) {
				img.SetGray(left+x, top+y, color.Gray{})
			}
		}
	}
	for _, r := range f.compose(&label, nil) {
		if err := drawRun(img, r, p.dpi); err != nil {
			return err
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return err
	}
	_, err = w.Write(withResolution(out.Bytes(), p.dpi))
	return err
}

var (
	sansOutlines = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(dejavusans.TTF) })
	monoOutlines = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(dejavusansmono.TTF) })
)

// drawRun draws text with the widths of the PDF, without kerning, so that both look alike.
func drawRun(img *image.Gray, r run, dpi int) error {
	outlines := sansOutlines
	if r.font == pdf.Mono() {
		outlines = monoOutlines
	}
	parsed, err := outlines()
	if err != nil {
		return err
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: r.size, DPI: float64(dpi), Hinting: font.HintingNone})
	if err != nil {
		return err
	}
	defer face.Close()
	scale := float64(dpi) / 72
	x := r.x / dotMM(dpi)
	baseline := fixed.Int26_6(math.Round(r.base / dotMM(dpi) * 64))
	for i, c := range r.text {
		at := x + r.font.Width(r.text[:i], r.size)*scale
		where, mask, from, _, ok := face.Glyph(fixed.Point26_6{X: fixed.Int26_6(at * 64), Y: baseline}, c)
		if ok {
			draw.DrawMask(img, where, image.Black, image.Point{}, mask, from, draw.Over)
		}
	}
	return nil
}

// withResolution puts a pHYs chunk (PNG 11.3.4.3) behind the header of a PNG.
func withResolution(data []byte, dpi int) []byte {
	const header = 8 + 4 + 4 + 13 + 4
	perMetre := uint32(math.Round(float64(dpi) / mmPerInch * 1000))
	chunk := binary.BigEndian.AppendUint32([]byte("pHYs"), perMetre)
	chunk = append(binary.BigEndian.AppendUint32(chunk, perMetre), 1)
	out := append([]byte(nil), data[:header]...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(chunk)-4))
	out = append(out, chunk...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(chunk))
	return append(out, data[header:]...)
}
