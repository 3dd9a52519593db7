package main

import (
	"context"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/server"
	"github.com/tagwerk/tagwerk/server/identity"
)

func TestImport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tagwerk(t, "user", "add", "--role", "admin", "--company", "Nordlicht/Hamburg", "--data", dir, "ute@nordlicht.example", "Ute").want(t, exitOK)
	err := installation{Data: dir}.open(t.Context(), "", false, func(app *server.App) error {
		v, err := operatorOf(t.Context(), app, "")
		if err != nil {
			return err
		}
		_, err = app.People.PutCustomer(context.Background(), identity.Customer{Name: "Hafen eG", Number: "4711", Providers: []string{v.Provider}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	files := t.TempDir()
	run := func(t *testing.T, csv string, args ...string) result {
		t.Helper()
		return tagwerk(t, append(append([]string{"import", "--data", dir}, args...), writeFile(t, files, "fobs.csv", csv))...)
	}
	const good = "Nummer;Mieter;Ausgegeben;Farbe\r\n0F0368568B;Lars Berg;1.5.2025;rot\r\n104,22156;;;\r\n"

	t.Run("X-5 a check, the import, and again", func(t *testing.T) {
		run(t, good, "--customer", "4711", "--check").want(t, exitOK, "2 tags new, 0 known already, 0 refused: nothing was stored", "not read: Farbe")
		if r := run(t, good, "--customer", "4711").want(t, exitOK, "2 tags new, 0 known already, 0 refused"); !strings.Contains(r.out, "line 3: 104,22156: The number is short") {
			t.Errorf("out %q", r.out)
		}
		var line importedLine
		r := run(t, good, "--customer", "4711", "--json").want(t, exitOK, "0 tags new, 2 known already")
		decodeJSON(t, strings.SplitAfter(r.out, "\n")[0], &line)
		if line.Line != 2 || line.Outcome != "exists" || len(line.Tag) != 13 {
			t.Errorf("%+v", line)
		}
	})
	t.Run("X-5 a refused line says why, and nothing is stored", func(t *testing.T) {
		r := run(t, "number,customer\n0F0F0F0F0F,4711\n08A1B2C3,4711\n0F0F0F0F0F,4711\n0E0E0E0E0E,12\n").want(t, exitFailed, "1 tag new, 0 known already, 3 refused: nothing was stored")
		for _, want := range []string{"line 3: 08A1B2C3: number: This number starts with 08", "line 4: 0F0F0F0F0F: number: Line 2 has the same number.", "line 5: 0E0E0E0E0E: customer: It is not known here."} {
			if !strings.Contains(r.out, want) {
				t.Errorf("%q is not said in %q", want, r.out)
			}
		}
		run(t, "number,customer\n0F0F0F0F0F,4711\n", "--check").want(t, exitOK, "1 tag new")
	})
	for name, c := range map[string]struct {
		csv  string
		args []string
		code int
		say  string
	}{
		"no number":        {"Mieter\nLars\n", nil, exitFailed, "No column is called number"},
		"number twice":     {"UID;Nummer\n1;2\n", nil, exitFailed, "Two columns both stand for “number”"},
		"open quotation":   {"Nummer;Mieter\n1;\"Lars\n", nil, exitFailed, "Line 2, character"},
		"no lines":         {"Nummer;Mieter\n", nil, exitFailed, "has a header, but no lines"},
		"unknown customer": {good, []string{"--customer", "12"}, exitFailed, `no customer has the number "12"`},
		"unknown company":  {good, []string{"--company", "Other"}, exitUsage, "--company"},
		"unknown zone":     {good, []string{"--time-zone", "Moon"}, exitUsage, "Moon"},
		"no installation":  {good, []string{"--data", files}, exitFailed, "holds no installation"},
	} {
		t.Run("X-5 "+name, func(t *testing.T) {
			run(t, c.csv, c.args...).want(t, c.code, c.say)
		})
	}
	t.Run("X-5 a file that is not there", func(t *testing.T) {
		tagwerk(t, "import", "--data", dir, files+"/none.csv").want(t, exitFailed, "cannot read").oneLine(t)
		tagwerk(t, "import", "--data", dir).want(t, exitUsage, "See tagwerk import --help.")
	})
}
