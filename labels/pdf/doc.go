// Package pdf writes PDF files as a stream: pages are drawn and compressed on all cores and written in order as they are
// made, so memory does not grow with the number of pages (bench/labels-and-decode.md A).
//
// A [Writer] makes one document. Its pages use embedded fonts, of which only the glyphs used are written; text can be
// searched and copied. The same calls give the same bytes. Text is drawn as text whatever it contains, and a document
// holds no links, actions, scripts or forms (SEC-70).
package pdf
