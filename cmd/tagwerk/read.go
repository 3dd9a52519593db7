package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tagwerk/tagwerk/tagging"
	"github.com/tagwerk/tagwerk/tagging/picture"
)

type decodeCmd struct {
	JSON  bool     `name:"json" help:"Print one line of JSON a file: file, texts, ms, error."`
	Files []string `arg:"" help:"JPEG or PNG photos."`
}

type decoded struct {
	File  string   `json:"file"`
	Texts []string `json:"texts"`
	MS    float64  `json:"ms"`
	Error string   `json:"error,omitempty"`
}

// Run decodes each photo; the exit code is 1 if one of them shows nothing.
func (c *decodeCmd) Run(ctx context.Context, con console) error {
	reader := tagging.NewPhotoReader(picture.NewReader(2))
	empty := 0
	for _, file := range c.Files {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		begin := time.Now()
		texts, err := decodeFile(ctx, reader, file)
		line := decoded{File: file, Texts: texts, MS: float64(time.Since(begin).Microseconds()) / 1000}
		if err != nil {
			empty++
			line.Error = err.Error()
		}
		if c.JSON {
			if err := json.NewEncoder(con.out).Encode(line); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			fmt.Fprintf(con.err, "%s: %v\n", file, err)
		}
		for _, t := range texts {
			fmt.Fprintf(con.out, "%s: %s\n", file, shown(t))
		}
	}
	if empty > 0 {
		return fmt.Errorf("no code from %d of %s", empty, plural(len(c.Files), "file"))
	}
	return nil
}

// decodeFile gives the texts that a photo shows, and never nil.
func decodeFile(ctx context.Context, reader *tagging.PhotoReader, file string) ([]string, error) {
	info, err := os.Stat(file)
	if err == nil && info.Size() > picture.MaxBytes {
		err = fmt.Errorf("has over %d MB", picture.MaxBytes>>20)
	}
	if err != nil {
		return []string{}, reason(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return []string{}, reason(err)
	}
	read, err := reader.Read(ctx, data)
	texts := make([]string, len(read))
	for i, p := range read {
		texts[i] = p.Text
	}
	switch {
	case errors.Is(err, tagging.ErrNoCode):
		err = errors.New("no code found")
	case errors.Is(err, picture.ErrNotImage):
		err = errors.New("not a JPEG or PNG image")
	}
	return texts, err
}

type parseCmd struct {
	JSON    bool     `name:"json" help:"Print one line of JSON a code: input, candidates, flags; with --vectors one a failed vector."`
	Tag     bool     `help:"Read the codes as numbers of key fobs and cards."`
	Hint    string   `help:"With --tag: what the reader is: 125khz, 13.56mhz, iso14443, hid, webnfc, android or ios." enum:",125khz,13.56mhz,iso14443,hid,webnfc,android,ios" default:""`
	Hosts   []string `name:"own-host" help:"Hosts of our printed labels." placeholder:"HOST"`
	Vectors string   `help:"Instead of codes: run a file of test vectors, and print how many passed." placeholder:"FILE"`
	Codes   []string `arg:"" optional:"" help:"What was read or typed."`
}

type parsed struct {
	Input      string   `json:"input"`
	Candidates []string `json:"candidates"`
	Flags      []string `json:"flags"`
}

// Run prints the candidates in the order of preference; the exit code is 1 if a code has none.
func (c *parseCmd) Run(con console) error {
	switch {
	case c.Vectors != "" && len(c.Codes) > 0:
		return misuse("give codes or --vectors, not both")
	case c.Vectors != "":
		return runVectors(con, c.Vectors, c.JSON)
	case len(c.Codes) == 0:
		return misuse("parse wants at least one code")
	case c.Hint != "" && !c.Tag:
		return misuse("--hint goes with --tag")
	}
	var failed error
	for _, code := range c.Codes {
		var r tagging.Reading
		if c.Tag {
			r = tagging.ParseTag(code, c.Hint)
		} else {
			r = tagging.ParseComponent(code, tagging.Config{OwnHosts: c.Hosts})
		}
		if len(r.Candidates) == 0 {
			failed = errors.New("not every input is a code")
		}
		if c.JSON {
			line := parsed{code, append([]string{}, r.Candidates...), append([]string{}, r.Flags...)}
			if err := json.NewEncoder(con.out).Encode(line); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintln(con.out, shown(code))
		for _, candidate := range r.Candidates {
			fmt.Fprintf(con.out, "  %s\n", shown(candidate))
		}
		if len(r.Flags) > 0 {
			fmt.Fprintf(con.out, "  flags: %s\n", strings.Join(r.Flags, ", "))
		}
		if remark := typingError(code, c.Tag, r); remark != "" {
			fmt.Fprintf(con.out, "  %s\n", remark)
		}
	}
	return failed
}

// shown is a foreign text for a terminal: in quotes and escaped if it holds anything that a terminal might obey.
func shown(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(text) {
		return strconv.Quote(text)
	}
	return text
}

// typingError says why something of the length of a label code is none.
func typingError(code string, tag bool, r tagging.Reading) string {
	if _, own := r.Own(); own || tag {
		return ""
	}
	_, err := tagging.ParseCode(code)
	var wrong *tagging.CodeError
	if !errors.As(err, &wrong) || wrong.Kind != tagging.WrongCheck {
		return ""
	}
	if wrong.Hint != "" {
		return "no label of ours: the check symbol does not fit; " + wrong.Hint.Print() + " would"
	}
	return "no label of ours: the check symbol does not fit"
}
