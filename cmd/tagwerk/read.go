package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/tagwerk/tagwerk/tagging"
	"github.com/tagwerk/tagwerk/tagging/picture"
)

type decodeCmd struct {
	JSON  bool     `name:"json" help:"One JSON line a file: file, texts, milliseconds, error."`
	Files []string `arg:"" help:"JPEG or PNG photos." type:"path"`
}

// Run decodes each photo; the exit code is 1 if one of them shows nothing.
func (c *decodeCmd) Run(ctx context.Context, con console) error {
	reader := tagging.NewPhotoReader(picture.NewReader(2))
	empty := 0
	for _, file := range c.Files {
		begin := time.Now()
		texts, err := decodeFile(ctx, reader, file)
		took := time.Since(begin)
		if err != nil {
			empty++
		}
		if c.JSON {
			line := map[string]any{"file": file, "texts": texts, "ms": float64(took.Microseconds()) / 1000}
			if err != nil {
				line["error"] = err.Error()
			}
			if err := json.NewEncoder(con.out).Encode(line); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			fmt.Fprintf(con.err, "%s: %v\n", file, err)
		}
		for _, t := range texts {
			fmt.Fprintf(con.out, "%s: %s\n", file, t)
		}
	}
	if empty > 0 {
		return fmt.Errorf("%d of %d photos show no code", empty, len(c.Files))
	}
	return nil
}

func decodeFile(ctx context.Context, reader *tagging.PhotoReader, file string) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return []string{}, err
	}
	read, err := reader.Read(ctx, data)
	texts := make([]string, len(read))
	for i, p := range read {
		texts[i] = p.Text
	}
	return texts, err
}

type parseCmd struct {
	JSON  bool     `name:"json" help:"One JSON line a code: input, candidates, flags."`
	Tag   bool     `help:"Read the codes as numbers of key fobs and cards."`
	Hint  string   `help:"With --tag: what the reader is: 125khz, 13.56mhz, iso14443, hid, webnfc, android, ios."`
	Hosts []string `name:"own-host" help:"Hosts of our printed labels."`
	Codes []string `arg:"" help:"What was read or typed."`
}

// Run prints the candidates in the order of preference; the exit code is 1 if a code has none.
func (c *parseCmd) Run(con console) error {
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
			if err := json.NewEncoder(con.out).Encode(map[string]any{"input": code, "candidates": r.Candidates, "flags": r.Flags}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(con.out, "%s\n", code)
		for _, candidate := range r.Candidates {
			fmt.Fprintf(con.out, "  %s\n", candidate)
		}
		if len(r.Flags) > 0 {
			fmt.Fprintf(con.out, "  flags: %s\n", strings.Join(r.Flags, ", "))
		}
	}
	return failed
}
