// Package tagging knows what a code says. It is a leaf: it imports nothing of
// this module but its own subpackage picture, stores nothing and asks nobody.
//
// Three questions are answered here:
//
//   - Is this one of our labels? NewCode draws a label code, ParseCode reads
//     one as people write it and names the typing error, Code prints it.
//   - What may this scan of a component mean? ParseComponent lists the readings
//     of our own codes, GS1 element strings and Digital Links, identification
//     links, ISO/IEC 15434 envelopes and plain serial numbers.
//   - Which access tag may this number mean? ParseTag lists the readings of
//     numbers printed on or read from fobs and cards, Match compares them with
//     known tags, Keys and Lookups find these in an index of any size.
//
// Why says of each reading, in message keys, what it is and what is odd.
//
// PhotoReader turns a photo into the payloads it shows. Which component or
// holder a reading leads to, and who may see it, is decided by server/scan.
//
// The rules are those of standards.md sections 1 and 2; their numbers (C0 to
// C7, T0 to T7) stand at the functions that hold them.
package tagging
