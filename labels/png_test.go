package labels

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestPNG(t *testing.T) {
	for _, row := range []struct {
		stock string
		dpi   int
	}{{"L6009", 300}, {"L6009", 203}, {"L6008", 600}, {"L6112", 300}, {"dymo-11352", 0}} {
		t.Run(fmt.Sprintf("SEC-71 %s at %d", row.stock, row.dpi), func(t *testing.T) {
			s, _ := FindStock(row.stock)
			var out bytes.Buffer
			if err := PNG(&out, sample(1)[0], s, row.dpi); err != nil {
				t.Fatal(err)
			}
			img, err := png.Decode(bytes.NewReader(out.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			if want := int(math.Round(s.LabelW / dotMM(cmp.Or(row.dpi, 300)))); img.Bounds().Dx() != want {
				t.Errorf("%d pixels wide, want %d", img.Bounds().Dx(), want)
			}
			if got, err := detect(withMargin(img.(*image.Gray))); err != nil || got != sample(1)[0].URL {
				t.Errorf("read %q, %v", got, err)
			}
			if dir := os.Getenv("TAGWERK_KEEP_IMAGES"); dir != "" {
				_ = os.WriteFile(filepath.Join(dir, row.stock+".png"), out.Bytes(), 0o600)
			}
		})
	}
	t.Run("too large", func(t *testing.T) {
		s, _ := FindStock("L6013")
		if err := PNG(io.Discard, sample(1)[0], s, 2400); !errors.Is(err, ErrStock) {
			t.Errorf("%v", err)
		}
	})
}
