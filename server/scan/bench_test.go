package scan_test

import (
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/scan"
)

// BenchmarkCode measures what the log of scans and the sightings cost on the path of a scan: with must be within a few per cent of
// without (design.md section 7). It runs in turns, so that a busy machine slows down both.
func BenchmarkCode(b *testing.B) {
	w := newWorld(b)
	w.grant(asset.AllPermissions)
	contacts := scan.Contacts{People: w.people, Other: w.nord.Provider}
	plain := scan.New(scan.Options{Assets: w.assets, Desk: w.desk, People: w.people, Contacts: contacts, Hosts: hosts, Now: time.Now})
	for _, c := range []struct {
		name string
		r    *scan.Resolver
	}{{"without", plain}, {"with", w.Resolver}, {"without again", plain}, {"with again", w.Resolver}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if a, err := c.r.Code(b.Context(), w.lars, host, w.code); err != nil || !a.Granted {
					b.Fatal(err)
				}
			}
		})
	}
}
