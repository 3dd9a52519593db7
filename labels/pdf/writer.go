package pdf

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strconv"
	"unicode/utf16"

	"github.com/klauspost/compress/zlib"
)

// Options describe a document.
type Options struct {
	Title    string  // shown by viewers; cleaned like all text
	Language string  // BCP 47 tag of the texts, such as "de"; may be empty
	Fonts    []*Font // every font that pages will use
}

// Draw draws one page. It is called once, on any goroutine, possibly at the same time as others of the same document.
type Draw func(*Page) error

const (
	inFlight        = 4   // pages drawn and not yet written
	pagesPerNode    = 128 // leaves of one node of the page tree
	compression     = 4   // zlib level: smaller and faster than level 3 of the standard library on these pages
	objCatalog      = 1
	objPages        = 2
	objInfo         = 3
	objResources    = 4
	objFonts        = 5 // the first of five objects a font
	objectsPerFont  = 5
	objectsPerPage  = 2
	maxPageContents = 64 << 20
)

// Writer writes one document. Call [Writer.Pages] as often as needed and then [Writer.Close]; a Writer is not for use by
// several goroutines. After an error the document is broken and every further call returns that error.
type Writer struct {
	out   *bufio.Writer
	title string
	lang  string
	fonts []*Font
	used  []glyphUse

	written int64
	offsets []int64 // by object number
	nodes   []int   // object numbers of page tree nodes
	pages   int
	err     error
	slots   []*slot
}

// slot is the memory for one page in flight, used again and again.
type slot struct {
	page Page
	draw Draw
	zbuf bytes.Buffer
	zip  *zlib.Writer
	err  error
	done chan struct{}
}

// NewWriter begins a document on w. Nothing is written before the first page or Close.
func NewWriter(w io.Writer, o Options) *Writer {
	d := &Writer{out: bufio.NewWriterSize(w, 64<<10), title: CleanText(o.Title), lang: CleanText(o.Language), fonts: o.Fonts}
	d.used = newUse(o.Fonts)
	d.offsets = make([]int64, objFonts+objectsPerFont*len(o.Fonts))
	for range inFlight {
		s := &slot{done: make(chan struct{}, 1)}
		s.page.fonts, s.page.used = o.Fonts, newUse(o.Fonts)
		s.zip, _ = zlib.NewWriterLevel(&s.zbuf, compression) // fails only for an unknown level
		d.slots = append(d.slots, s)
	}
	d.raw("%%PDF-1.7\n%%\xE2\xE3\xCF\xD3\n")
	return d
}

func newUse(fonts []*Font) []glyphUse {
	use := make([]glyphUse, len(fonts))
	for i, f := range fonts {
		use[i].runes = make([]rune, len(f.advances))
	}
	return use
}

// PageCount is the number of pages written so far.
func (d *Writer) PageCount() int { return d.pages }

// Pages draws the pages that the sequence yields, on all cores with a few in flight, and writes them in order. The sequence itself
// runs on the calling goroutine; an error in it, of a Draw or of the underlying writer ends the document, as does ctx.
// When Pages returns, no Draw is running any more.
func (d *Writer) Pages(ctx context.Context, pages iter.Seq2[Draw, error]) error {
	if d.err != nil {
		return d.err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)

	free := make(chan *slot, inFlight)
	for _, s := range d.slots {
		free <- s
	}
	jobs, order := make(chan *slot, inFlight), make(chan *slot, inFlight)
	for range min(runtime.GOMAXPROCS(0), inFlight) {
		go func() {
			for s := range jobs {
				s.err = s.run(ctx)
				s.done <- struct{}{}
			}
		}()
	}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for s := range order {
			<-s.done
			if err := s.err; err != nil {
				stop(err)
			} else if context.Cause(ctx) == nil {
				d.page(s)
				if d.err != nil {
					stop(d.err)
				}
			}
			free <- s
		}
	}()

	func() {
		defer func() { // also when the sequence panics: the goroutines must end
			close(jobs)
			close(order)
			<-finished
		}()
		for draw, err := range pages {
			if err != nil {
				stop(err)
				return
			}
			var s *slot
			select {
			case <-ctx.Done():
				return
			case s = <-free:
			}
			if ctx.Err() != nil {
				return
			}
			s.draw = draw
			order <- s
			jobs <- s
		}
	}()
	if err := context.Cause(ctx); err != nil && d.err == nil {
		d.err = err
	}
	return d.err
}

// run draws and compresses the page of a slot.
func (s *slot) run(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	p := &s.page
	p.width, p.height, p.content = 0, 0, p.content[:0]
	for i := range p.used {
		for _, g := range p.used[i].touched {
			p.used[i].runes[g] = 0
		}
		p.used[i].touched = p.used[i].touched[:0]
	}
	if err := s.draw(p); err != nil {
		return err
	}
	switch {
	case !(p.width > 0 && p.height > 0 && p.width <= 14400 && p.height <= 14400):
		return fmt.Errorf("pdf: page of %v × %v points", p.width, p.height)
	case len(p.content) > maxPageContents:
		return errors.New("pdf: page content over 64 MiB")
	}
	s.zbuf.Reset()
	s.zip.Reset(&s.zbuf)
	if _, err := s.zip.Write(p.content); err != nil {
		return err
	}
	return s.zip.Close()
}

// page writes the two objects of a drawn page. The node of the page tree above it gets its number when its first page is
// written, so that nothing but offsets is kept of a page.
func (d *Writer) page(s *slot) {
	if d.pages%pagesPerNode == 0 {
		d.nodes = append(d.nodes, len(d.offsets))
		d.offsets = append(d.offsets, 0)
	}
	d.pages++
	for i := range s.page.used {
		for _, g := range s.page.used[i].touched {
			d.used[i].add(g, s.page.used[i].runes[g])
		}
	}
	content := len(d.offsets)
	d.offsets = append(d.offsets, 0, 0)
	d.stream(content, "/Filter/FlateDecode", s.zbuf.Bytes())
	var size Page
	size.number(s.page.width)
	size.number(s.page.height)
	d.object(content+1, "<</Type/Page/Parent %d 0 R/MediaBox[0 0 %s]/Resources %d 0 R/Contents %d 0 R>>",
		d.nodes[len(d.nodes)-1], bytes.TrimSpace(size.content), objResources, content)
}

// Close writes what belongs to the whole document: fonts, page tree, cross-reference table. It does not close the underlying writer.
func (d *Writer) Close() error {
	if d.err == nil && d.pages == 0 {
		d.err = errors.New("pdf: a document needs at least one page")
	}
	if d.err != nil {
		return d.err
	}
	for i, f := range d.fonts {
		d.font(i, f)
	}
	var kids []byte
	for i, node := range d.nodes {
		kids = fmt.Appendf(kids, "%d 0 R ", node)
		var leaves []byte
		n := min(pagesPerNode, d.pages-i*pagesPerNode)
		for k := range n {
			leaves = fmt.Appendf(leaves, "%d 0 R ", node+objectsPerPage*(k+1)) // content and page follow the node in turn
		}
		d.object(node, "<</Type/Pages/Parent %d 0 R/Count %d/Kids[%s]>>", objPages, n, bytes.TrimSpace(leaves))
	}
	d.object(objPages, "<</Type/Pages/Count %d/Kids[%s]>>", d.pages, bytes.TrimSpace(kids))
	d.object(objResources, "<</ProcSet[/PDF/Text/ImageB]/Font<<%s>>>>", d.fontNames())
	d.object(objInfo, "<</Title %s/Producer(Tagwerk)>>", textString(d.title))
	lang := ""
	if d.lang != "" {
		lang = "/Lang " + textString(d.lang)
	}
	d.object(objCatalog, "<</Type/Catalog/Pages %d 0 R/ViewerPreferences<</PrintScaling/None/DisplayDocTitle true>>%s>>", objPages, lang)

	start := d.written
	d.raw("xref\n0 %d\n0000000000 65535 f \n", len(d.offsets))
	for _, at := range d.offsets[1:] {
		d.raw("%010d 00000 n \n", at)
	}
	d.raw("trailer\n<</Size %d/Root %d 0 R/Info %d 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(d.offsets), objCatalog, objInfo, start)
	if d.err == nil {
		d.err = d.out.Flush()
	}
	if d.err != nil {
		return d.err
	}
	d.err = errors.New("pdf: document is closed")
	return nil
}

// textString writes text outside of page contents: UTF-16 with a byte order mark in hexadecimal (ISO 32000-1 7.9.2.2).
func textString(s string) string {
	b := []byte{0xFE, 0xFF}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u>>8), byte(u))
	}
	return "<" + hex.EncodeToString(b) + ">"
}

func (d *Writer) raw(format string, args ...any) {
	if d.err == nil {
		n, err := fmt.Fprintf(d.out, format, args...)
		d.written += int64(n)
		d.err = err
	}
}

func (d *Writer) object(number int, format string, args ...any) {
	d.offsets[number] = d.written
	d.raw("%d 0 obj\n"+format+"\nendobj\n", append([]any{number}, args...)...)
}

func (d *Writer) stream(number int, dict string, data []byte) {
	d.offsets[number] = d.written
	d.raw("%d 0 obj\n<</Length %s%s>>stream\n", number, strconv.Itoa(len(data)), dict)
	if d.err == nil {
		n, err := d.out.Write(data)
		d.written += int64(n)
		d.err = err
	}
	d.raw("\nendstream\nendobj\n")
}
