package labels

import (
	"testing"

	skip2 "github.com/skip2/go-qrcode"
	"rsc.io/qr"
)

const benchURL = "HTTPS://TAGWERK.EXAMPLE/T/7K3M9QXD2VHTP"

// One symbol of 39 characters at level Q, beside two encoders of others.
func BenchmarkEncode(b *testing.B) {
	b.Run("own", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Encode(benchURL, LevelQ); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("rsc.io", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := qr.Encode(benchURL, qr.Q); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("skip2", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, err := skip2.New(benchURL, skip2.High)
			if err != nil {
				b.Fatal(err)
			}
			c.Bitmap()
		}
	})
}
