package labels

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
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

const benchLabels = 10000

// benchList is 24 labels a page of 70 × 37 mm with a URL and three lines with umlauts, like bench/labels.
func benchList(n int) []Label {
	list := make([]Label, n)
	for i := range list {
		list[i] = Label{
			URL:  fmt.Sprintf("HTTPS://INV.EXAMPLE.ORG/A/%07d-ABCDEF", i),
			Code: fmt.Sprintf("7K3M-9QXD-%05d", i%100000),
			Lines: []string{
				fmt.Sprintf("Bürodrehstuhl %d", i), "Köln, Halle Ö", fmt.Sprintf("Größe XL · ÄÖÜ %07d", i),
			},
		}
	}
	return list
}

func benchSheet() Sheet {
	s, _ := FindStock("3474")
	return Sheet{Stock: s}
}

// Encoding the same codes alone on all cores: what a sheet cannot be faster than.
func BenchmarkEncodeOnly(b *testing.B) {
	list := benchList(benchLabels)
	for name, encode := range map[string]func(string) error{
		"own":    func(s string) error { _, err := Encode(s, LevelQ); return err },
		"rsc.io": func(s string) error { _, err := qr.Encode(s, qr.Q); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var wg sync.WaitGroup
				for part := range slices.Chunk(list, (len(list)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0)) {
					wg.Go(func() {
						for _, l := range part {
							if err := encode(l.URL); err != nil {
								panic(err)
							}
						}
					})
				}
				wg.Wait()
			}
			b.ReportMetric(float64(benchLabels*b.N)/b.Elapsed().Seconds(), "labels/s")
		})
	}
}

func BenchmarkSheet10000(b *testing.B) {
	list := benchList(benchLabels)
	var out countingWriter
	for b.Loop() {
		out = 0
		if _, err := WritePDF(b.Context(), &out, benchSheet(), All(list)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(benchLabels*b.N)/b.Elapsed().Seconds(), "labels/s")
	b.ReportMetric(float64(out)/benchLabels, "bytes/label")
}

// Peak heap of a run of 100,000 labels against one of 1,000: the same but for a few bytes a page.
func BenchmarkSheetMemory(b *testing.B) {
	for b.Loop() {
		small, large := peakHeap(b, 1000), peakHeap(b, 100000)
		b.ReportMetric(large, "MiB-at-100000")
		b.ReportMetric(large-small, "MiB-growth")
	}
}

// peakHeap is the largest heap in MiB seen while the pages are made, collected before each look.
func peakHeap(b *testing.B, n int) float64 {
	list := benchList(1000)
	var peak uint64
	labels := func(yield func(Label, error) bool) {
		for i := range n {
			if i%500 == 499 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
			if !yield(list[i%len(list)], nil) {
				return
			}
		}
	}
	if _, err := WritePDF(b.Context(), io.Discard, benchSheet(), labels); err != nil {
		b.Fatal(err)
	}
	return float64(peak) / (1 << 20)
}

type countingWriter int

func (c *countingWriter) Write(p []byte) (int, error) {
	*c += countingWriter(len(p))
	return len(p), nil
}
