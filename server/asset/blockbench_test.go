package asset

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/tagging"
)

// benchmarkBlock finds a tag by its number and blocks it, with three controllers to be told, in the stores of [BenchmarkMatch] and by its
// metrics. Each block is another person's, because the record of one who blocks much would cost more than the block.
func benchmarkBlock(b *testing.B, small, large *fobStore) {
	stores := []*fobStore{small, large}
	for _, s := range stores {
		for i := range 3 {
			n := identity.NewController{Name: fmt.Sprint("Tor ", i), Webhook: "https://door.example/"}
			if _, _, err := s.people.AddController(b.Context(), s.viewer, n); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, f := range forms {
		if !slices.Contains([]string{"em4100/10-hex", "em4100/13D", "iso14443-7/reversed", "iso15693/20D"}, f.name) {
			continue
		}
		b.Run("block/"+f.name, func(b *testing.B) {
			const rounds = 9
			n := max(b.N/rounds, 1)
			var ratios []float64
			var took [2]time.Duration
			for range rounds {
				var each [2]time.Duration
				for i, s := range stores {
					for range n {
						each[i] += s.blockNext(b, f)
					}
					took[i] += each[i]
				}
				ratios = append(ratios, float64(each[1])/float64(each[0]))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[rounds/2], "x-of-small")
			b.ReportMetric(float64(took[0].Nanoseconds())/float64(rounds*n), "ns/small")
			b.ReportMetric(float64(took[1].Nanoseconds())/float64(rounds*n), "ns/op")
		})
	}
}

// blockNext finds the next known number by a form, blocks its tag, and returns how long that took. Then the tag passes again.
func (s *fobStore) blockNext(b *testing.B, f form) time.Duration {
	b.Helper()
	ctx := b.Context()
	s.next++
	id := s.known[f.kind][s.next%len(s.known[f.kind])]
	number, who := f.print(id), s.viewer
	who.User = fmt.Sprint("person-", s.next)

	begun := time.Now()
	m, err := s.MatchNumber(ctx, who, number, "")
	if err != nil || m.Decision != tagging.DecideOne {
		b.Fatalf("%s: %s of %d tags, %v", number, m.Decision, len(m.Tags), err)
	}
	done, err := s.Block(ctx, who, m.Tags[0].ID, Blocking{Reason: "verloren"})
	took := time.Since(begun)
	if err != nil || done.Already || done.Tag.Number != hexOf(id) || len(done.Tag.Notices) < 3 {
		b.Fatalf("%s: %+v, %v", number, done, err)
	}
	if _, err := s.Reactivate(ctx, identity.Operator(s.viewer.Provider), done.Tag.ID, "gefunden"); err != nil {
		b.Fatal(err)
	}
	return took
}
