package labels

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"rsc.io/qr/coding"
)

// tool finds a program that a test needs; without it the test is skipped, or fails when TAGWERK_TEST_STRICT=1.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("TAGWERK_TEST_STRICT") == "1" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("SKIPPED, NOT PROVED: %s is not installed", name)
	}
	return path
}

// picture draws a symbol with its quiet zone.
func picture(m *Matrix, scale int) *image.Gray {
	side := (m.Size() + 2*quietZone) * scale
	img := image.NewGray(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			if !m.Dark(x/scale-quietZone, y/scale-quietZone) {
				img.SetGray(x, y, color.Gray{Y: 255})
			}
		}
	}
	return img
}

func decode(img image.Image) (string, error) {
	bmp, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return "", err
	}
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true, gozxing.DecodeHintType_CHARACTER_SET: "UTF-8"}
	res, err := qrcode.NewQRCodeReader().Decode(bmp, hints)
	if err != nil {
		return "", err
	}
	return res.GetText(), nil
}

func randomText(rnd *rand.Rand, set string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = set[rnd.IntN(len(set))]
	}
	return string(b)
}

const (
	digits   = "0123456789"
	alnumSet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
	urlSet   = "abcdefghijklmnopqrstuvwxyz0123456789-._~:/?#=&%ABC"
)

func TestEncodeReadsBack(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for name, set := range map[string]string{"numeric": digits, "alphanumeric": alnumSet, "byte": urlSet} {
		t.Run(name, func(t *testing.T) {
			for level := LevelL; level <= LevelH; level++ {
				for version := 1; version <= maxVersion; version++ {
					full := capacity(modeOf(set), version, level)
					for _, n := range []int{full, full - 1, full - 2} {
						text := randomText(rnd, set, n-1) + set[len(set)-1:]
						m, err := Encode(text, level)
						if err != nil {
							t.Fatal(err)
						}
						if n == full && m.Version() != version {
							t.Errorf("%d characters at %s became version %d, want %d", n, level, m.Version(), version)
						}
						got, err := decode(picture(&m, 3))
						if err != nil || got != text {
							t.Fatalf("version %d-%s: read %q, %v; want %q", version, level, got, err, text)
						}
					}
				}
			}
		})
	}
	t.Run("UTF-8", func(t *testing.T) {
		const text = "Prüfstück Å ß €"
		m, err := Encode(text, LevelM)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decode(picture(&m, 3)); err != nil || got != text {
			t.Errorf("read %q, %v", got, err)
		}
	})
	t.Run("empty text", func(t *testing.T) {
		m, err := Encode("", LevelM)
		if err != nil || m.Version() != 1 {
			t.Errorf("version %d, %v", m.Version(), err)
		}
	})
}

// Capacities of standards.md 1.2, alphanumeric and bytes.
func TestCapacity(t *testing.T) {
	want := [maxVersion + 1][4][2]int{
		1: {{25, 17}, {20, 14}, {16, 11}, {10, 7}}, 2: {{47, 32}, {38, 26}, {29, 20}, {20, 14}},
		3: {{77, 53}, {61, 42}, {47, 32}, {35, 24}}, 4: {{114, 78}, {90, 62}, {67, 46}, {50, 34}},
		5: {{154, 106}, {122, 84}, {87, 60}, {64, 44}}, 6: {{195, 134}, {154, 106}, {108, 74}, {84, 58}},
		7: {{224, 154}, {178, 122}, {125, 86}, {93, 64}}, 8: {{279, 192}, {221, 152}, {157, 108}, {122, 84}},
		9: {{335, 230}, {262, 180}, {189, 130}, {143, 98}}, 10: {{395, 271}, {311, 213}, {221, 151}, {174, 119}},
	}
	for v := 1; v <= maxVersion; v++ {
		for level := LevelL; level <= LevelH; level++ {
			got := [2]int{capacity(modeAlphanumeric, v, level), capacity(modeByte, v, level)}
			if got != want[v][level-LevelL] {
				t.Errorf("version %d-%s holds %v, want %v", v, level, got, want[v][level-LevelL])
			}
		}
	}
}

func TestEncodeTooLong(t *testing.T) {
	for _, text := range []string{strings.Repeat("A", 222), strings.Repeat("a", 152), strings.Repeat("A", 1<<20)} {
		if _, err := Encode(text, LevelQ); !errors.Is(err, ErrTooLong) {
			t.Errorf("%d characters: %v, want ErrTooLong", len(text), err)
		}
	}
	if _, err := Encode("A", LevelH+1); err == nil {
		t.Error("a level that does not exist was accepted")
	}
}

// An encoder of other hands makes the same modules, for every mask.
func TestEncodeEqualsPeer(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range 600 {
		set := []string{digits, alnumSet, urlSet}[i%3]
		level := LevelL + Level(rnd.IntN(4))
		mask := rnd.IntN(8)
		text := randomText(rnd, set, 1+rnd.IntN(capacity(modeOf(set), maxVersion, level)))
		m, err := encode(text, level, mask)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := coding.NewPlan(coding.Version(m.Version()), coding.Level(level-LevelL), coding.Mask(mask))
		if err != nil {
			t.Fatal(err)
		}
		var enc coding.Encoding
		switch modeOf(text) {
		case modeNumeric:
			enc = coding.Num(text)
		case modeAlphanumeric:
			enc = coding.Alpha(text)
		default:
			enc = coding.String(text)
		}
		code, err := plan.Encode(enc)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for y := range m.Size() {
			for x := range m.Size() {
				if m.Dark(x, y) != code.Black(x, y) {
					t.Fatalf("%q version %d-%s mask %d: module %d,%d differs", text, m.Version(), level, mask, x, y)
				}
			}
		}
	}
}

// slowPenalty is the rule of ISO/IEC 18004 7.8.3 read module by module.
func slowPenalty(m *Matrix) int {
	n, p, dark := m.Size(), 0, 0
	for _, at := range []func(i, j int) bool{m.Dark, func(i, j int) bool { return m.Dark(j, i) }} {
		for i := range n {
			for run, j := 1, 1; j <= n; j++ {
				if j < n && at(j, i) == at(j-1, i) {
					run++
					continue
				}
				if run >= 5 {
					p += run - 2
				}
				run = 1
			}
			for j := range n {
				match := true
				for k, want := range []bool{true, false, true, true, true, false, true} {
					match = match && at(j+k, i) == want
				}
				before, after := true, true
				for k := 1; k <= 4; k++ {
					before = before && !at(j-k, i)
					after = after && !at(j+6+k, i)
				}
				if match && (before || after) {
					p += 40
				}
			}
		}
	}
	for y := range n {
		for x := range n {
			if m.Dark(x, y) {
				dark++
			}
			if x+1 < n && y+1 < n && m.Dark(x, y) == m.Dark(x+1, y) && m.Dark(x, y) == m.Dark(x, y+1) && m.Dark(x, y) == m.Dark(x+1, y+1) {
				p += 3
			}
		}
	}
	off := dark*2 - n*n
	return p + max(off, -off)*10/(n*n)*10
}

func TestMaskHasLowestPenalty(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		text := randomText(rnd, alnumSet, 1+rnd.IntN(170))
		lowest, want := 1<<30, -1
		for mask := range 8 {
			m, err := encode(text, LevelH, mask)
			if err != nil {
				t.Fatal(err)
			}
			if p := slowPenalty(&m); p < lowest {
				lowest, want = p, mask
			}
		}
		if m, _ := Encode(text, LevelH); int(m.mask) != want {
			t.Errorf("%q: mask %d, want %d", text, m.mask, want)
		}
	}
}

func TestEncodeReadByZbar(t *testing.T) {
	zbar := tool(t, "zbarimg")
	dir := t.TempDir()
	var want []string
	args := []string{"--nodbus", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"}
	rnd := rand.New(rand.NewPCG(7, 8))
	for v := 1; v <= maxVersion; v++ {
		text := "HTTPS://A.DE/T/"[:min(15, capacity(modeAlphanumeric, v, LevelQ))]
		text += randomText(rnd, alnumSet[:36], capacity(modeAlphanumeric, v, LevelQ)-len(text))
		data, err := QRPNG(text, 4)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, fmt.Sprintf("%02d.png", v))
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		want, args = append(want, text), append(args, name)
	}
	out, err := exec.CommandContext(t.Context(), zbar, args...).Output()
	if got := strings.TrimSpace(string(out)); err != nil || got != strings.Join(want, "\n") {
		t.Errorf("zbarimg: %v, read\n%s\nwant\n%s", err, got, strings.Join(want, "\n"))
	}
}

func TestTerminalReadsBack(t *testing.T) {
	const text = "https://192.168.178.20:8443/t/7K3M9QXD2VHTP"
	m, err := Encode(text, LevelM)
	if err != nil {
		t.Fatal(err)
	}
	side := m.Size() + 2*quietZone
	img := image.NewGray(image.Rect(0, 0, side*4, (side+1)*4))
	for row, line := range strings.Split(strings.TrimSpace(m.Terminal()), "\n") {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "\x1b[38;5;16;48;5;231m"), "\x1b[0m")
		for col, r := range []rune(line) {
			for y := range 8 {
				for x := range 4 {
					dark := r == '█' || r == '▀' && y < 4 || r == '▄' && y >= 4
					if !dark {
						img.SetGray(col*4+x, row*8+y, color.Gray{Y: 255})
					}
				}
			}
		}
	}
	if got, err := decode(img); err != nil || got != text {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestQRPNG(t *testing.T) {
	text := "otpauth://totp/Tagwerk:" + strings.Repeat("x", 180) + "?secret=JBSWY3DPEHPK3PXP"
	data, err := QRPNG(text, 3)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decode(img); err != nil || got != text {
		t.Errorf("read %q, %v", got, err)
	}
	for _, scale := range []int{0, -1, 41} {
		if _, err := QRPNG("A", scale); err == nil {
			t.Errorf("scale %d was accepted", scale)
		}
	}
	if _, err := QRPNG(strings.Repeat("x", 272), 3); !errors.Is(err, ErrTooLong) {
		t.Errorf("272 bytes: %v, want ErrTooLong", err)
	}
}

func TestEncodeDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(50, func() {
		if _, err := Encode("HTTPS://TAGWERK.EXAMPLE/T/7K3M9QXD2VHTP", LevelQ); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a symbol", n)
	}
}
