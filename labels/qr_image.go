package labels

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
)

// Terminal draws the symbol with its quiet zone for a text terminal, two module rows a line in half blocks. Black on white is
// set by escape sequences, so that it reads on dark and light themes alike.
func (m *Matrix) Terminal() string {
	var b strings.Builder
	n := m.Size()
	for y := -quietZone; y < n+quietZone; y += 2 {
		b.WriteString("\x1b[38;5;16;48;5;231m")
		for x := -quietZone; x < n+quietZone; x++ {
			upper, lower := m.Dark(x, y), m.Dark(x, y+1)
			switch {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String()
}

// QRPNG draws text as a QR symbol with its quiet zone, scale pixels a module (1 to 40), as a black and white PNG: for pages,
// such as the enrolment of a second factor. The level is M, or L where the text would not fit otherwise; longer text
// fails with [ErrTooLong].
func QRPNG(text string, scale int) ([]byte, error) {
	if scale < 1 || scale > 40 {
		return nil, fmt.Errorf("labels: %d pixels a module is not between 1 and 40", scale)
	}
	m, err := Encode(text, LevelM)
	if err != nil {
		if m, err = Encode(text, LevelL); err != nil {
			return nil, err
		}
	}
	side := (m.Size() + 2*quietZone) * scale
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range side {
		for x := range side {
			if m.Dark(x/scale-quietZone, y/scale-quietZone) {
				img.Pix[y*img.Stride+x] = 1
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
