package tagging

import (
	"strings"

	"github.com/makiuchi-d/gozxing"
	matrixdecoder "github.com/makiuchi-d/gozxing/datamatrix/decoder"
	matrixdetector "github.com/makiuchi-d/gozxing/datamatrix/detector"
	"github.com/makiuchi-d/gozxing/oned"
)

// readDataMatrix looks for a Data Matrix around the middle of each image.
func readDataMatrix(images ...*gozxing.BitMatrix) []Payload {
	for _, m := range images {
		if m == nil {
			continue
		}
		detector, err := matrixdetector.NewDetector(m)
		if err != nil {
			continue
		}
		sampled, err := detector.Detect()
		if err != nil {
			continue
		}
		result, err := matrixdecoder.NewDecoder().Decode(sampled.GetBits())
		if err != nil {
			continue
		}
		p := Payload{Text: result.GetText(), Symbology: "]d" + string(rune('0'+result.GetSymbologyModifier()))}
		if found := addPayload(nil, p); found != nil {
			return found
		}
	}
	return nil
}

// readCode128 looks for Code 128 in rows and columns.
func readCode128(p plane) []Payload {
	for _, turned := range []bool{false, true} {
		if turned {
			p = p.turn()
		}
		text, ok := code128Text(p)
		if !ok {
			continue
		}
		symbology := "]C0"
		if rest, ok := strings.CutPrefix(text, "]C1"); ok {
			text, symbology = rest, "]C1"
		}
		if found := addPayload(nil, Payload{Text: text, Symbology: symbology}); found != nil {
			return found
		}
	}
	return nil
}

// code128Text reads the rows from the middle on and wants a second row nearby to say
// the same: one check character of 103 is little against a photo of anything.
func code128Text(p plane) (string, bool) {
	hints := map[gozxing.DecodeHintType]interface{}{
		gozxing.DecodeHintType_TRY_HARDER: true,
		gozxing.DecodeHintType_ASSUME_GS1: true,
	}
	read := func(top, bottom int) (*gozxing.Result, bool) {
		if top >= bottom {
			return nil, false
		}
		part := plane{p.w, bottom - top, p.pix[top*p.w : bottom*p.w]}
		bitmap, err := gozxing.NewBinaryBitmap(gozxing.NewGlobalHistgramBinarizer(part.source()))
		if err != nil {
			return nil, false
		}
		result, err := oned.NewCode128Reader().Decode(bitmap, hints)
		return result, err == nil
	}
	result, ok := read(0, p.h)
	if !ok || len(result.GetResultPoints()) == 0 {
		return "", false
	}
	y := int(result.GetResultPoints()[0].GetY())
	const near = 12
	for _, part := range [][2]int{{max(0, y-near), y}, {y + 1, min(p.h, y+1+near)}} {
		if again, ok := read(part[0], part[1]); ok && again.GetText() == result.GetText() {
			return result.GetText(), true
		}
	}
	return "", false
}
