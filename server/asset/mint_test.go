package asset_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/tagging"
)

func TestMintOnce(t *testing.T) {
	w := newWorld(t)
	codes := func(labels []asset.PrintLabel, err error) []tagging.Code {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var out []tagging.Code
		for _, l := range labels {
			out = append(out, l.Code)
		}
		return out
	}
	first := codes(w.MintOnce(t.Context(), staffOf("nord"), "k1", 5))
	t.Run("SEC-86 the same order again is the same labels", func(t *testing.T) {
		if again := codes(w.MintOnce(t.Context(), staffOf("nord"), "k1", 5)); !slices.Equal(again, first) {
			t.Errorf("%v, then %v", first, again)
		}
	})
	t.Run("SEC-86 another number under the key", func(t *testing.T) {
		if _, err := w.MintOnce(t.Context(), staffOf("nord"), "k1", 6); !errors.Is(err, asset.ErrKeyReused) {
			t.Errorf("%v", err)
		}
	})
	t.Run("SEC-86 keys of different people do not meet", func(t *testing.T) {
		if other := codes(w.MintOnce(t.Context(), staffOf("syd"), "k1", 5)); slices.Contains(other, first[0]) {
			t.Error("staff of another provider got these labels")
		}
	})
	t.Run("SEC-86 a crash in the middle is completed by the repeat", func(t *testing.T) {
		for _, code := range first[2:] {
			if err := w.tags.Delete(t.Context(), string(code)); err != nil {
				t.Fatal(err)
			}
		}
		if again := codes(w.MintOnce(t.Context(), staffOf("nord"), "k1", 5)); !slices.Equal(again, first) {
			t.Errorf("%v, then %v", first, again)
		}
		for _, code := range first {
			if _, err := w.tags.Get(t.Context(), string(code)); err != nil {
				t.Errorf("label %s: %v", code, err)
			}
		}
	})
	t.Run("SEC-86 repeats that race make one order", func(t *testing.T) {
		var mu sync.Mutex
		seen := map[string]bool{}
		race(16, func(int) {
			labels, err := w.MintOnce(t.Context(), staffOf("nord"), "k2", 8)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			seen[fmt.Sprint(labels)] = true
		})
		if len(seen) != 1 {
			t.Errorf("%d different orders", len(seen))
		}
	})
	if n := w.countTags("nord"); n != 5+8 {
		t.Errorf("%d labels are stored", n)
	}
}
