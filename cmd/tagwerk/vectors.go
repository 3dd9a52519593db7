package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/tagwerk/tagwerk/tagging/vectors"
)

// runVectors runs a file of test vectors and prints each failure and the sum.
func runVectors(con console, path string, asJSON bool) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, reason(err))
	}
	file, err := vectors.Parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	failures := file.Run()
	for _, f := range failures {
		if asJSON {
			if err := json.NewEncoder(con.out).Encode(f); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(con.out, "%s %s %q: %s\n  want %+v\n  got  %+v\n", f.ID, f.Group, f.Input, f.Reason, f.Want, f.Got)
	}
	fmt.Fprintf(con.out, "%d passed, %d failed\n", len(file.Vectors)-len(failures), len(failures))
	if len(failures) > 0 {
		return fmt.Errorf("%s of %d failed", plural(len(failures), "vector"), len(file.Vectors))
	}
	return nil
}
