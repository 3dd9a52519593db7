package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/tagging"
)

type parseCmd struct {
	JSON    bool     `name:"json" help:"Print one line of JSON a code: input, candidates, flags, why; with --vectors one a failed vector."`
	Tag     bool     `help:"Read the codes as numbers of key fobs and cards."`
	Hint    string   `help:"With --tag: what the reader is: 125khz, 13.56mhz, iso14443, hid, webnfc, android, ios or wedge." enum:",125khz,13.56mhz,iso14443,hid,webnfc,android,ios,wedge" default:""`
	Hosts   []string `name:"own-host" help:"Hosts of our printed labels." placeholder:"HOST"`
	Vectors string   `help:"Instead of codes: run a file of test vectors, and print how many passed." placeholder:"FILE"`
	Codes   []string `arg:"" optional:"" help:"What was read or typed."`
}

type parsed struct {
	Input      string    `json:"input"`
	Candidates []string  `json:"candidates"`
	Flags      []string  `json:"flags"`
	Why        []because `json:"why"`
}

// because explains one candidate or one flag, or neither if there was nothing to read.
type because struct {
	Candidate string `json:"candidate,omitempty"`
	Flag      string `json:"flag,omitempty"`
	Text      string `json:"text"`
}

// Run prints the candidates in the order of preference, each with the reason why it is one, and then what is odd; the exit code
// is 1 if a code has none. Programs get English whatever the language of the terminal.
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
	texts, err := locale.Load()
	if err != nil {
		return err
	}
	language := terminalLanguage(os.Getenv)
	if c.JSON {
		language = locale.English
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
		why := explain(texts, language, r)
		if c.JSON {
			line := parsed{code, append([]string{}, r.Candidates...), append([]string{}, r.Flags...), why}
			if err := json.NewEncoder(con.out).Encode(line); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintln(con.out, shown(code))
		for _, b := range why {
			if about := b.Candidate + b.Flag; about != "" {
				fmt.Fprintf(con.out, "  %s\n", shown(about))
			}
			fmt.Fprintf(con.out, "      %s\n", b.Text)
		}
	}
	return failed
}

// explain puts the remarks on a reading into words.
func explain(texts *locale.Catalogue, language locale.Tag, r tagging.Reading) []because {
	all := []because{}
	for _, remark := range r.Why() {
		parts := make([]string, len(remark.Messages))
		for i, m := range remark.Messages {
			parts[i] = texts.Text(language, m.Key, m.Args)
		}
		glue := ", "
		if remark.Flag != "" {
			glue = " "
		}
		all = append(all, because{remark.Candidate, remark.Flag, strings.Join(parts, glue)})
	}
	return all
}

// terminalLanguage is what the variables of POSIX say, as in LANG=de_DE.UTF-8; English if that is none of ours.
func terminalLanguage(getenv func(string) string) locale.Tag {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := getenv(name); value != "" {
			if end := strings.IndexAny(value, ".@"); end >= 0 {
				value = value[:end]
			}
			tag, _ := locale.Parse(strings.ReplaceAll(value, "_", "-"))
			return tag
		}
	}
	return locale.English
}
