package tagging

import (
	"slices"
	"strings"
)

// The spellings from which candidates are read.
const (
	formPlain form = "" // as it stands: the kind says it all

	// Numbers of tags.
	formBits     form = "bits"
	formHex      form = "hex"
	formHexCheck form = "hex_check" // with its check byte
	formUnique   form = "unique"    // bits of each byte turned round
	formCascade  form = "cascade"   // behind the cascade tag 88
	formDecimal  form = "decimal"   // of all bytes of a UID
	formCard     form = "card"      // 16 bits
	form8D       form = "8d"        // 24 bits
	form10D      form = "10d"       // 32 bits
	form13D      form = "13d"       // 40 bits
	formIK3      form = "ik3"
	formZK       form = "zk"
	formPair     form = "pair"
	formPair35A  form = "pair35a"
	formPair35B  form = "pair35b"
	formPair35C  form = "pair35c"
	formPair55   form = "pair55"

	// Codes of components.
	formLabel       form = "label"
	formLabelURL    form = "label_url"
	formGS1Carrier  form = "gs1_carrier"
	formGS1Printed  form = "gs1_printed"
	formGS1Link     form = "gs1_link"
	formGS1Unmarked form = "gs1_unmarked"
	formEnvelope    form = "envelope"
	formField       form = "field"
)

// Message is a text by its key in the message area "reading", with the values
// for its placeholders.
type Message struct {
	Key  string
	Args map[string]any
}

// Remark says why a candidate or a flag of a Reading is there.
type Remark struct {
	// Candidate or Flag is what it is about. Both are empty if there was
	// nothing to read.
	Candidate, Flag string
	Messages        []Message
}

// Why explains a reading: each candidate in a few words (the kind, how much of
// the number is known, the spelling from which it was read), then each flag in
// a sentence. It repeats nothing of the input but the candidates.
func (r Reading) Why() []Remark {
	if len(r.Candidates) == 0 && len(r.Flags) == 0 {
		return []Remark{{Messages: []Message{{Key: "reading.nothing"}}}}
	}
	var why []Remark
	for i, c := range r.Candidates {
		remark := Remark{Candidate: c, Messages: kindMessages(c)}
		if i < len(r.origins) {
			if o := r.origins[i]; o.form != formPlain {
				remark.say("reading.form." + string(o.form))
				if o.turned {
					remark.say("reading.turned")
				}
			}
		}
		why = append(why, remark)
	}
	for _, f := range r.Flags {
		name, _, _ := strings.Cut(f, "=")
		remark := Remark{Flag: f}
		remark.say("reading.flag." + name)
		if name == FlagOwnCheckFailed && r.near != "" {
			remark.Messages = append(remark.Messages, Message{"reading.near", map[string]any{"Code": r.near.Print()}})
		}
		why = append(why, remark)
	}
	return why
}

func (r *Remark) say(key string) { r.Messages = append(r.Messages, Message{Key: key}) }

// kindMessages say what a candidate is and how many of its bits are known.
func kindMessages(candidate string) []Message {
	kind, value, _ := strings.Cut(candidate, ":")
	messages := []Message{{Key: "reading.kind." + kind}}
	switch kind {
	case "other":
		return []Message{{Key: "reading.other." + value}}
	case "gs1":
		if ai, _, ok := cutPrintedAI(value); ok {
			return []Message{{Key: "reading.gs1." + ai}}
		}
	}
	all, known := numberBits(candidate)
	if all > known {
		messages = append(messages, Message{"reading.known_bits", map[string]any{"Known": known, "All": all}})
	} else if all > 0 {
		messages = append(messages, Message{"reading.all_bits", map[string]any{"All": all}})
	}
	if kind == "iso14443" && len(value) == 8 && value[1] == 'F' {
		messages = append(messages, Message{Key: "reading.shared_uid"})
	}
	return messages
}

// numberBits tells of how many bits a number of a tag is, and how many of them
// are known; none for texts and codes of components.
func numberBits(candidate string) (all, known int) {
	switch kind, _, _ := strings.Cut(candidate, ":"); kind {
	case "h10306", "c1k35":
		return 32, 32
	case "h10302", "h10304":
		return 35, 35
	}
	p, _, ok := split(candidate)
	if !ok {
		return 0, 0
	}
	for i, bits := range p.bits {
		all += bits
		if p.knows(p.known, i) {
			known += bits
		}
	}
	return all, known
}

// Kinds lists the kinds of candidates: what stands before the first colon.
func Kinds() []string {
	return []string{
		"own", "gs1", "di", "url", "text", "other",
		"em4100", "iso14443", "iso15693", "felica", "h10301", "h10306", "h10302", "h10304", "c1k35", "raw",
	}
}

// MessageKeys lists all keys that Why may name, for those who keep the texts.
func MessageKeys() []string {
	keys := []string{"reading.all_bits", "reading.known_bits", "reading.shared_uid", "reading.turned", "reading.near", "reading.nothing"}
	for _, f := range Flags() {
		keys = append(keys, "reading.flag."+f)
	}
	for _, kind := range Kinds() {
		switch kind {
		case "gs1":
			for _, ai := range keyAIs {
				keys = append(keys, "reading.gs1."+ai)
			}
		case "other":
			for _, known := range otherPrefixes {
				keys = append(keys, "reading.other."+known.kind.name)
			}
			keys = append(keys, "reading.other."+epcPayment.name, "reading.other."+swissPayment.name)
		default:
			keys = append(keys, "reading.kind."+kind)
		}
	}
	for _, f := range [...]form{
		formBits, formHex, formHexCheck, formUnique, formCascade, formDecimal, formCard, form8D, form10D, form13D, formIK3, formZK,
		formPair, formPair35A, formPair35B, formPair35C, formPair55,
		formLabel, formLabelURL, formGS1Carrier, formGS1Printed, formGS1Link, formGS1Unmarked, formEnvelope, formField,
	} {
		keys = append(keys, "reading.form."+string(f))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
