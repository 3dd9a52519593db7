package portal_test

import (
	"context"
	"fmt"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	devtools "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/tagwerk/tagwerk/tagging"
)

// TestPhotosScript reports a fault in a browser with photos that are larger than what is kept.
func TestPhotosScript(t *testing.T) {
	ctx := chromium(t)
	w := newWorld(t)
	code := w.sample.Codes[0]
	w.signInBrowser(t, ctx, "haustechnik@", "en")
	var files []string
	for i := range 2 {
		name := filepath.Join(t.TempDir(), fmt.Sprintf("IMG_%d.jpg", i))
		if err := os.WriteFile(name, photo(t, uint8(i), 2600, 1300), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	err := chromedp.Do(ctx, chromedp.EmulateViewport(390, 844), chromedp.Navigate(w.url+"/t/"+code),
		chromedp.SetUploadFiles(`#photo`, files), chromedp.WaitVisible(`.thumbs img:nth-child(2)`))
	if err != nil {
		t.Fatal(err)
	}
	sizes, err := chromedp.Run(ctx, chromedp.Evaluate[[]int](`Array.from(document.querySelectorAll('.thumbs img')).map(i => i.naturalWidth)`))
	if err != nil || len(sizes) != 2 || sizes[0] != 2048 || sizes[1] != 2048 {
		t.Errorf("photos are %v pixels wide before they are sent: %v", sizes, err)
	}
	err = chromedp.Do(ctx, chromedp.Click(`input[name=fault_type][value=stuck]`), chromedp.SendKeys(`#text`, "Klemmt"),
		chromedp.Click(`form[data-photos] button`), chromedp.WaitVisible(`.photos img`))
	if err != nil {
		t.Fatal(err)
	}
	at, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil || !strings.Contains(at, "/requests/1") || !strings.HasSuffix(at, "?done=reported") {
		t.Errorf("F-29 sent, and now at %s: %v", at, err)
	}
	number := strings.TrimSuffix(at[strings.LastIndex(at, "/")+1:], "?done=reported")
	v, err := w.app.Desk.Request(t.Context(), w.viewer(t, "haustechnik@"), number)
	if err != nil || len(v.Photos) != 2 {
		t.Fatalf("%d photos: %v", len(v.Photos), err)
	}
	_, body, err := w.app.Desk.Photo(t.Context(), w.viewer(t, "haustechnik@"), number, v.Photos[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if c, err := jpeg.DecodeConfig(body); err != nil || c.Width != 2048 || c.Height != 1024 {
		t.Errorf("kept photo is %+v: %v", c, err)
	}
}

// detector stands in for the browser's own reader, which Chromium has on phones and macOS only. It sees a label in every frame.
const detector = `window.BarcodeDetector = class {
	static async getSupportedFormats() { return ['qr_code']; }
	async detect(video) { return video.videoWidth > 0 ? [{ rawValue: %q }] : []; }
}`

// TestCameraScript scans with the live camera of a browser, here a made-up one.
func TestCameraScript(t *testing.T) {
	ctx := chromium(t, chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true))
	w := newWorld(t)
	code := w.sample.Codes[0]
	if err := chromedp.Do(ctx, chromedp.Navigate(w.url+"/scan"), chromedp.WaitVisible(`#payload`), chromedp.WaitNotVisible(`[data-camera]`)); err != nil {
		t.Fatalf("without a reader in the browser the camera is not offered: %v", err)
	}
	err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		script := fmt.Sprintf(detector, w.app.Assets.LabelURL(tagging.Code(code)))
		_, err := cdp.Call(ctx, target, devtools.AddScriptToEvaluateOnNewDocument, devtools.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}), chromedp.Navigate(w.url+"/scan"), chromedp.Click(`[data-camera-start]`), chromedp.WaitVisible(`.contact`))
	if err != nil {
		t.Fatal(err)
	}
	if at, err := chromedp.Run(ctx, chromedp.Location()); err != nil || at != w.url+"/t/"+code {
		t.Errorf("F-40 the camera leads to %s: %v", at, err)
	}
}
