package picture

import (
	"image"
	"image/draw"
)

// scaleDown copies img onto white, at most maxSide pixels a side, each pixel
// the average of the area it covers. It works row by row: the kernels of
// golang.org/x/image/draw keep 32 bytes for every pixel of result width times
// source height, which is 150 MB for a 12 megapixel photo.
func scaleDown(img image.Image, maxSide int) *image.RGBA {
	from := img.Bounds()
	w, h := from.Dx(), from.Dy()
	if long := max(w, h); long > maxSide {
		w, h = max(1, w*maxSide/long), max(1, h*maxSide/long)
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	if w == from.Dx() && h == from.Dy() {
		draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(out, out.Rect, img, from.Min, draw.Over)
		return out
	}
	row := image.NewRGBA(image.Rect(0, 0, from.Dx(), 1))
	narrow := make([]uint32, 3*w)
	sums := make([]uint64, 3*w)
	area := uint64(from.Dx()) * uint64(from.Dy())
	emit := func(y int) {
		line := out.Pix[y*out.Stride:]
		for x := range w {
			for c := range 3 {
				line[4*x+c] = uint8((sums[3*x+c] + area/2) / area)
			}
			line[4*x+3] = 0xff
		}
		clear(sums)
	}
	for i := range from.Dy() {
		draw.Draw(row, row.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(row, row.Rect, img, image.Pt(from.Min.X, from.Min.Y+i), draw.Over)
		shrinkRow(narrow, row.Pix, w, from.Dx())
		cell, here, next := share(i, h, from.Dy())
		for k, v := range narrow {
			sums[k] += uint64(here) * uint64(v)
		}
		if (cell+1)*from.Dy() <= (i+1)*h {
			emit(cell)
			for k, v := range narrow {
				sums[k] += uint64(next) * uint64(v)
			}
		}
	}
	return out
}

// shrinkRow adds the n pixels of row up into w cells of three colours; the
// weights of a cell sum up to n.
func shrinkRow(cells []uint32, row []byte, w, n int) {
	clear(cells)
	for i := range n {
		cell, here, next := share(i, w, n)
		for c := range 3 {
			v := uint32(row[4*i+c])
			cells[3*cell+c] += uint32(here) * v
			if next > 0 {
				cells[3*cell+3+c] += uint32(next) * v
			}
		}
	}
}

// share tells to which of cells pieces position i of n belongs, and how much
// of it to that cell and to the following one, in units of 1/cells.
func share(i, cells, n int) (cell, here, next int) {
	begin, end := i*cells, (i+1)*cells
	cell = begin / n
	if edge := (cell + 1) * n; end > edge {
		return cell, edge - begin, end - edge
	}
	return cell, cells, 0
}
