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

// shown is a foreign text for a terminal: in quotes and escaped if it holds anything that a terminal might obey.
func shown(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(text) {
		return strconv.Quote(text)
	}
	return text
}
