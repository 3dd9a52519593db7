package asset_test

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/tagwerk/tagwerk/labels"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/tagging"
)

func TestMint(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	staff := staffOf("nord")

	t.Run("X-5 sixteen people mint at once", func(t *testing.T) {
		var mu sync.Mutex
		seen := map[tagging.Code]bool{}
		race(16, func(int) {
			made, err := w.Mint(ctx, staff, 25)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, l := range made {
				if _, err := tagging.ParseCode(string(l.Code)); err != nil || seen[l.Code] {
					t.Errorf("code %q: given twice %v, %v", l.Code, seen[l.Code], err)
				}
				seen[l.Code] = true
			}
		})
		if stored := w.countTags("nord"); len(seen) != 400 || stored != 400 {
			t.Errorf("%d codes given out, %d stored, want 400", len(seen), stored)
		}
	})
	t.Run("SEC-73 the number of one order is bounded", func(t *testing.T) {
		before := w.countTags("nord")
		for _, n := range []int{-1, 0, asset.MaxLabels + 1} {
			if _, err := w.Mint(ctx, staff, n); !errors.Is(err, asset.ErrTooMany) {
				t.Errorf("%d labels: %v", n, err)
			}
		}
		many := make([]string, asset.MaxLabels+1)
		if _, err := w.LabelsForComponents(ctx, staff, many); !errors.Is(err, asset.ErrTooMany) {
			t.Errorf("too many components: %v", err)
		}
		if _, err := w.LabelsByCode(ctx, staff, make([]tagging.Code, asset.MaxLabels+1)); !errors.Is(err, asset.ErrTooMany) {
			t.Errorf("too many codes: %v", err)
		}
		if after := w.countTags("nord"); after != before {
			t.Errorf("refused orders made %d labels", after-before)
		}
		made, err := w.Mint(ctx, staff, asset.MaxLabels)
		if err != nil || len(made) != asset.MaxLabels {
			t.Errorf("the most that is allowed: %d, %v", len(made), err)
		}
	})
	t.Run("SEC-33 staff who must enrol first, and everybody else, mint nothing", func(t *testing.T) {
		waiting := staff
		waiting.MustEnrol = true
		for _, v := range []identity.Viewer{waiting, customerUser("p"), {}} {
			if _, err := w.Mint(ctx, v, 1); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("mint by %+v: %v", v, err)
			}
			if _, err := w.PutObject(ctx, v, asset.Object{Name: "Speicher 7"}); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("object by %+v: %v", v, err)
			}
			if _, err := w.PutAsset(ctx, v, asset.Asset{Name: "Lift"}); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("asset by %+v: %v", v, err)
			}
			if _, err := w.PrintSheet(ctx, v, asset.SheetOrder{Stock: "L6009", Count: 1}); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("sheet by %+v: %v", v, err)
			}
			if _, _, err := w.FindTags(ctx, v, asset.TagFilter{}, "", 10); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("tags by %+v: %v", v, err)
			}
		}
	})
}

func TestLabelsForComponents(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	staff := staffOf("nord")
	a := w.asset("nord")

	codesOf := func(list []asset.PrintLabel) []tagging.Code {
		codes := make([]tagging.Code, len(list))
		for i, l := range list {
			codes[i] = l.Code
		}
		return codes
	}
	t.Run("X-5 the same label again", func(t *testing.T) {
		c := w.components(a, 3)
		ids := []string{c[0].ID, c[1].ID, c[2].ID}
		first, err := w.LabelsForComponents(ctx, staff, ids)
		if err != nil {
			t.Fatal(err)
		}
		again, err := w.LabelsForComponents(ctx, staff, ids)
		if err != nil || !slices.Equal(codesOf(first), codesOf(again)) {
			t.Errorf("first %v, again %v, %v", codesOf(first), codesOf(again), err)
		}
		for i, l := range first {
			got, err := w.ByCode(ctx, staff, l.Code)
			if err != nil || got.Component.ID != ids[i] || l.Component.ID != ids[i] || l.Asset.ID != a.ID {
				t.Errorf("label %d leads to %+v, %v", i, got.Component, err)
			}
		}
	})
	t.Run("X-5 one component twice in one order has one label", func(t *testing.T) {
		c := w.components(a, 1)[0]
		before := w.countTags("nord")
		made, err := w.LabelsForComponents(ctx, staff, []string{c.ID, c.ID})
		if err != nil || made[0].Code != made[1].Code || made[0].Code == "" || w.countTags("nord") != before+1 {
			t.Errorf("labels %v, %d more stored, %v", codesOf(made), w.countTags("nord")-before, err)
		}
	})
	t.Run("X-5 sixteen people print one asset at once", func(t *testing.T) {
		var ids []string
		for _, c := range w.components(a, 5) {
			ids = append(ids, c.ID)
		}
		before := w.countTags("nord")
		got := make([][]tagging.Code, 16)
		race(len(got), func(i int) {
			made, err := w.LabelsForComponents(ctx, staff, ids)
			if err != nil {
				t.Error(err)
			}
			got[i] = codesOf(made)
		})
		for _, codes := range got {
			if !slices.Equal(codes, got[0]) {
				t.Errorf("two callers have different labels: %v and %v", codes, got[0])
			}
		}
		if made := w.countTags("nord") - before; made != len(ids) {
			t.Errorf("%d labels for %d components", made, len(ids))
		}
	})
	t.Run("SEC-65 a label whose writer died is made by the next one", func(t *testing.T) {
		c := w.components(a, 1)[0]
		code := w.label(c)
		if err := w.tags.Delete(ctx, string(code)); err != nil {
			t.Fatal(err)
		}
		if again := w.label(c); again != code {
			t.Errorf("reserved %s, made %s", code, again)
		}
	})
	for _, dead := range []tagging.State{tagging.Blocked, tagging.Damaged, tagging.Replaced, tagging.Retired} {
		t.Run("X-5 a label that is "+string(dead)+" is not printed for the component again", func(t *testing.T) {
			c := w.components(a, 1)[0]
			code := w.label(c)
			w.setState(code, dead)
			fresh := w.label(c)
			if fresh == code || w.label(c) != fresh {
				t.Errorf("label %s after %s", fresh, code)
			}
		})
	}
	t.Run("SEC-15 a foreign or unknown component mints nothing", func(t *testing.T) {
		own := w.components(a, 1)[0]
		foreign := w.components(w.asset("syd"), 1)[0]
		before := w.countTags("nord")
		for _, other := range []string{foreign.ID, "unknown", ""} {
			if _, err := w.LabelsForComponents(ctx, staff, []string{own.ID, other}); !errors.Is(err, asset.ErrNotFound) {
				t.Errorf("component %q: %v", other, err)
			}
		}
		if w.countTags("nord") != before || w.countTags("syd") != 0 {
			t.Error("a label was minted")
		}
	})
}

func TestBind(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	staff := staffOf("nord")
	a := w.asset("nord")
	c := w.components(a, 2)
	foreign := w.components(w.asset("syd"), 1)[0]
	blank := func() tagging.Code {
		made, err := w.Mint(ctx, staff, 1)
		return must(t, made, err)[0].Code
	}

	t.Run("X-5 bound once, and again without a change", func(t *testing.T) {
		code := blank()
		first, err := w.Bind(ctx, staff, code, c[0].ID)
		if err != nil || first.State != tagging.Bound || first.Component != c[0].ID || len(first.History) != 2 {
			t.Fatalf("%+v, %v", first, err)
		}
		again, err := w.Bind(ctx, staff, code, c[0].ID)
		if err != nil || len(again.History) != 2 || again.Updated != first.Updated {
			t.Errorf("again: %+v, %v", again, err)
		}
		if _, err := w.Bind(ctx, staff, code, c[1].ID); !errors.Is(err, asset.ErrBound) {
			t.Errorf("to another component: %v", err)
		}
		if got, err := w.ByCode(ctx, staff, code); err != nil || got.Component.ID != c[0].ID {
			t.Errorf("leads to %+v, %v", got.Component, err)
		}
	})
	t.Run("X-5 of many who bind at once one wins", func(t *testing.T) {
		code := blank()
		parts := w.components(a, 16)
		won := make([]bool, len(parts))
		race(len(parts), func(i int) {
			_, err := w.Bind(ctx, staff, code, parts[i].ID)
			if won[i] = err == nil; !won[i] && !errors.Is(err, asset.ErrBound) {
				t.Error(err)
			}
		})
		got, err := w.ByCode(ctx, staff, code)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range parts {
			if won[i] != (p.ID == got.Component.ID) {
				t.Errorf("component %d was told %v, the label leads to %s", i, won[i], got.Component.ID)
			}
		}
	})
	t.Run("SEC-15 foreign and unknown are one answer", func(t *testing.T) {
		code := blank()
		stranger := must(t, code, nil)
		for name, call := range map[string]func() error{
			"foreign component": func() error { _, err := w.Bind(ctx, staff, code, foreign.ID); return err },
			"unknown component": func() error { _, err := w.Bind(ctx, staff, code, "none"); return err },
			"foreign label":     func() error { _, err := w.Bind(ctx, staffOf("syd"), code, foreign.ID); return err },
			"unknown label":     func() error { _, err := w.Bind(ctx, staff, "0000000000000", c[0].ID); return err },
			"customer":          func() error { _, err := w.Bind(ctx, customerUser("p"), stranger, c[0].ID); return err },
			"foreign reprint":   func() error { _, err := w.LabelsByCode(ctx, staffOf("syd"), []tagging.Code{code}); return err },
		} {
			if err := call(); !errors.Is(err, asset.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got, err := w.ByCode(ctx, staff, code); err != nil || got.Component != nil {
			t.Errorf("after refusals the label leads to %+v, %v", got.Component, err)
		}
	})
	t.Run("X-5 a retired blank label is not bound", func(t *testing.T) {
		code := blank()
		w.setState(code, tagging.Retired)
		if _, err := w.Bind(ctx, staff, code, c[0].ID); !errors.As(err, new(*tagging.StepError)) {
			t.Errorf("bind: %v", err)
		}
	})
}

func TestPrintSheet(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	staff := staffOf("nord")
	a := w.asset("nord")
	parts := w.components(a, 3)

	const tooSmall = "herma-4202" // 10 mm
	t.Run("X-6 nothing is minted for what cannot be printed", func(t *testing.T) {
		for name, o := range map[string]struct {
			order asset.SheetOrder
			want  error
		}{
			"unknown stock":         {asset.SheetOrder{Stock: "none", Count: 3}, asset.ErrStock},
			"start behind the last": {asset.SheetOrder{Stock: "L6009", Count: 3, Start: 10_000}, asset.ErrStock},
			"negative start":        {asset.SheetOrder{Stock: "L6009", Count: 3, Start: -1}, asset.ErrStock},
			"nothing asked for":     {asset.SheetOrder{Stock: "L6009"}, asset.ErrSheetOrder},
			"two things asked for":  {asset.SheetOrder{Stock: "L6009", Count: 3, Asset: a.ID}, asset.ErrSheetOrder},
			"too many":              {asset.SheetOrder{Stock: "L6009", Count: asset.MaxLabels + 1}, asset.ErrTooMany},
			"negative":              {asset.SheetOrder{Stock: "L6009", Count: -1}, asset.ErrTooMany},
			"foreign asset":         {asset.SheetOrder{Stock: "L6009", Asset: w.asset("syd").ID}, asset.ErrNotFound},
		} {
			if _, err := w.PrintSheet(ctx, staff, o.order); !errors.Is(err, o.want) {
				t.Errorf("%s: %v, want %v", name, err, o.want)
			}
		}
		for _, o := range []asset.SheetOrder{{Stock: tooSmall, Count: 3}, {Stock: tooSmall, Asset: a.ID}} {
			if _, err := w.PrintSheet(ctx, staff, o); !errors.As(err, new(*labels.PreflightError)) {
				t.Errorf("stock %s: %v", tooSmall, err)
			}
		}
		if n := w.countTags("nord"); n != 0 {
			t.Errorf("%d labels were minted", n)
		}
	})
	t.Run("X-5 a sheet of an asset prints and records each label", func(t *testing.T) {
		sheet, err := w.PrintSheet(ctx, staff, asset.SheetOrder{Stock: "L6009", Asset: a.ID})
		if err != nil || sheet.Labels != len(parts) || sheet.Pages != 1 || !bytes.HasPrefix(sheet.PDF, []byte("%PDF-")) {
			t.Fatalf("%d labels on %d pages, %v", sheet.Labels, sheet.Pages, err)
		}
		for _, c := range parts {
			tag, err := w.tags.Get(ctx, string(w.label(c)))
			if err != nil || tag.State != tagging.Bound || len(tag.History) != 3 || tag.History[2].Step != tagging.Print || tag.History[2].Who != staff.User {
				t.Errorf("tag %+v, %v", tag, err)
			}
		}
		if n := w.countTags("nord"); n != len(parts) {
			t.Errorf("%d labels for %d components", n, len(parts))
		}
	})
	t.Run("X-5 blank labels become printed, in any spelling of their code", func(t *testing.T) {
		made, err := w.Mint(ctx, staff, 1)
		code := must(t, made, err)[0].Code
		if _, err := w.PrintSheet(ctx, staff, asset.SheetOrder{Stock: "L6009", Codes: []string{code.Print()}}); err != nil {
			t.Fatal(err)
		}
		if tag, err := w.tags.Get(ctx, string(code)); err != nil || tag.State != tagging.Printed {
			t.Errorf("tag %+v, %v", tag, err)
		}
		if _, err := w.PrintSheet(ctx, staff, asset.SheetOrder{Stock: "L6009", Codes: []string{"U"}}); !errors.As(err, new(*tagging.CodeError)) {
			t.Errorf("mistyped code: %v", err)
		}
	})
}
