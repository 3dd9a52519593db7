// Package labels prints what the camera will read: label stock, QR symbols, the layout of a label with its
// preflight, and the writers that draw it.
//
// A [Stock] describes the sheet or roll. A [Label] is the URL for the symbol and the text beside it. [Preflight]
// tells how large the modules will be and refuses what would not scan (standards.md 3.2); [WritePDF] streams any
// number of labels in constant memory through [github.com/tagwerk/tagwerk/labels/pdf]; [PNG] draws a single one from
// the same layout.
//
// Lengths are millimetres and measured from the top left corner unless a name says otherwise; text sizes are points.
// The package knows nothing of tags, customers or languages: it prints the URL and the texts it is given, as text
// (SEC-70), and the printed symbol depends on the URL alone (SEC-71).
package labels
