package sqlite

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// changesTable feeds [Engine.Changes]. Its newest rows are never removed, so that sequence numbers never come again.
const changesTable = `CREATE TABLE IF NOT EXISTS changes(seq INTEGER PRIMARY KEY, collection TEXT NOT NULL, id TEXT NOT NULL, ver INTEGER NOT NULL)`

// table is a declared collection with its statements. Names in them come from the declaration, which [store.NewLayout]
// restricted to identifiers; values are always bound (SEC-59).
type table struct {
	name   string
	layout *store.Layout
	multi  []multiIndex
	// uniqueMulti says that a Multi index is unique too, so that its side table may refuse a document that was written.
	uniqueMulti bool

	get, insert, replace, remove, revision, rid string
	// gen counts commits that touched the collection, for the cache of pages.
	gen *generation
}

// multiIndex is the side table of a Multi index.
type multiIndex struct {
	store.Index
	table                string
	list, insert, remove string
}

func newTable(spec store.Spec) (*table, error) {
	layout, err := store.NewLayout(spec)
	if err != nil {
		return nil, err
	}
	low := strings.ToLower(spec.Name)
	if low == "changes" || strings.HasPrefix(low, "sqlite_") || strings.Contains(low+"_", "__") {
		return nil, fmt.Errorf("sqlite: collection name %q is taken", spec.Name)
	}
	q := quote(spec.Name)
	t := &table{
		name: spec.Name, layout: layout, gen: new(generation),
		get:      `SELECT ver, doc FROM ` + q + ` WHERE id=?`,
		insert:   `INSERT INTO ` + q + `(id, ver, doc) VALUES(?, 1, ?)`,
		replace:  `UPDATE ` + q + ` SET ver=ver+1, doc=?2 WHERE id=?1 AND ver=?3`,
		remove:   `DELETE FROM ` + q + ` WHERE id=?1 AND ver=?2`,
		revision: `SELECT ver FROM ` + q + ` WHERE id=?`,
		rid:      `SELECT rid FROM ` + q + ` WHERE id=?`,
	}
	for _, ix := range spec.Indexes {
		if ix.Multi {
			side := quote(sideName(spec.Name, ix.Name))
			t.uniqueMulti = t.uniqueMulti || ix.Unique
			t.multi = append(t.multi, multiIndex{Index: ix, table: side,
				list:   `SELECT key FROM ` + side + ` WHERE rid=?`,
				insert: `INSERT INTO ` + side + `(key, id, rid) VALUES(?, ?, ?)`,
				remove: `DELETE FROM ` + side + ` WHERE key=? AND id=?`,
			})
		}
	}
	return t, nil
}

func quote(name string) string                  { return `"` + name + `"` }
func sideName(collection, index string) string  { return collection + "__" + index }
func indexName(collection, index string) string { return collection + "." + index }

// column is the expression of an indexed field; [store.IDIndex] stands over the column itself.
func column(ix store.Index, field string) string {
	if ix.Name == store.IDIndex {
		return "id"
	}
	return `doc->>'$.` + field + `'`
}

// createIndex is the statement of an ordered index. It ends with the id unless it is unique, so that ties are in order too.
func createIndex(collection string, ix store.Index) string {
	cols := make([]string, 0, len(ix.Fields)+1)
	for _, f := range ix.Fields {
		cols = append(cols, column(ix, f))
	}
	unique := "UNIQUE "
	if !ix.Unique {
		unique = ""
		cols = append(cols, "id")
	}
	return `CREATE ` + unique + `INDEX ` + quote(indexName(collection, ix.Name)) + ` ON ` + quote(collection) + `(` + strings.Join(cols, ", ") + `)`
}

// Ensure creates the tables and indexes that are missing, rebuilds an index whose declaration changed, and drops indexes of
// declared collections that are declared no more. It is one transaction. It fails if a document lacks a newly indexed field.
func (e *Engine) Ensure(ctx context.Context, s store.Schema) error {
	var declared []*table
	seen := map[string]string{}
	for _, spec := range s.Collections {
		t, err := newTable(spec)
		if err != nil {
			return err
		}
		low := strings.ToLower(spec.Name)
		if other, twice := seen[low]; twice {
			return fmt.Errorf("sqlite: collections %q and %q differ by case at most", other, spec.Name)
		}
		seen[low] = spec.Name
		declared = append(declared, t)
	}
	return e.w.exclusive(ctx, func(conn *sqlite.Conn) error {
		if err := ensureAll(conn, s.Version, declared); err != nil {
			return err
		}
		tables := maps.Clone(*e.tables.Load())
		for _, t := range declared {
			if old := tables[t.name]; old != nil {
				t.gen = old.gen
			}
			tables[t.name] = t
		}
		e.tables.Store(&tables)
		return nil
	})
}

func ensureAll(conn *sqlite.Conn, version int, declared []*table) (err error) {
	stored, err := pragmaInt(conn, "user_version")
	if err != nil {
		return err
	}
	if stored > int64(version) {
		return fmt.Errorf("%w: their number is %d, this program knows %d; use a newer program", store.ErrNewerData, stored, version)
	}
	end, err := sqlitex.ImmediateTransaction(conn)
	if err != nil {
		return err
	}
	defer end(&err)
	if err := sqlitex.ExecuteTransient(conn, changesTable, nil); err != nil {
		return err
	}
	for _, t := range declared {
		if err := ensureTable(conn, t); err != nil {
			return fmt.Errorf("collection %s: %w", t.name, err)
		}
	}
	return sqlitex.ExecuteTransient(conn, fmt.Sprintf(`PRAGMA user_version=%d`, version), nil)
}

func ensureTable(conn *sqlite.Conn, t *table) error {
	err := sqlitex.ExecuteTransient(conn, `CREATE TABLE IF NOT EXISTS `+quote(t.name)+
		`(rid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ver INTEGER NOT NULL, doc TEXT NOT NULL)`, nil)
	if err != nil {
		return err
	}
	have, err := storedObjects(conn, t.name)
	if err != nil {
		return err
	}
	want := map[string]bool{}
	for _, ix := range t.layout.Spec.Indexes {
		name, ensure := indexName(t.name, ix.Name), ensureOrdered
		if ix.Multi {
			name, ensure = sideName(t.name, ix.Name), ensureMulti
		}
		want[name] = true
		if err := ensure(conn, t, ix, have[name]); err != nil {
			return fmt.Errorf("index %s: %w", ix.Name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if want[name] {
			continue
		}
		drop := `DROP INDEX `
		if strings.HasPrefix(name, t.name+"__") {
			drop = `DROP TABLE `
		}
		if err := sqlitex.ExecuteTransient(conn, drop+quote(name), nil); err != nil {
			return err
		}
	}
	return nil
}

// storedObjects are the statements of the indexes and side tables of a collection, by name.
func storedObjects(conn *sqlite.Conn, collection string) (map[string]string, error) {
	have := map[string]string{}
	err := sqlitex.ExecuteTransient(conn, `SELECT name, sql FROM sqlite_master
		WHERE sql IS NOT NULL AND (type='index' AND tbl_name=?1 OR type='table' AND substr(name, 1, length(?1)+2)=?1||'__')`,
		&sqlitex.ExecOptions{Args: []any{collection}, ResultFunc: func(s *sqlite.Stmt) error {
			have[s.ColumnText(0)] = s.ColumnText(1)
			return nil
		}})
	return have, err
}

func ensureOrdered(conn *sqlite.Conn, t *table, ix store.Index, stored string) error {
	create := createIndex(t.name, ix)
	if stored == create {
		return nil
	}
	if stored != "" {
		if err := sqlitex.ExecuteTransient(conn, `DROP INDEX `+quote(indexName(t.name, ix.Name)), nil); err != nil {
			return err
		}
	}
	if err := eachDocument(conn, t, func(_ int64, id string, body []byte) error {
		_, err := t.layout.Keys(id, body)
		return err
	}); err != nil {
		return err
	}
	return sqlitex.ExecuteTransient(conn, create, nil)
}

func ensureMulti(conn *sqlite.Conn, t *table, ix store.Index, stored string) error {
	side := quote(sideName(t.name, ix.Name))
	unique := ""
	if ix.Unique {
		unique = "UNIQUE "
	}
	// The field stands in the statement so that another one under the same name is noticed.
	create := `CREATE TABLE ` + side + `(/* $.` + ix.Fields[0] + ` */ key TEXT ` + unique +
		`NOT NULL, id TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY(key, id)) WITHOUT ROWID`
	if stored == create {
		return nil
	}
	if stored != "" {
		if err := sqlitex.ExecuteTransient(conn, `DROP TABLE `+side, nil); err != nil {
			return err
		}
	}
	if err := sqlitex.ExecuteTransient(conn, create, nil); err != nil {
		return err
	}
	if err := sqlitex.ExecuteTransient(conn, `CREATE INDEX `+quote(sideName(t.name, ix.Name)+".rid")+` ON `+side+`(rid)`, nil); err != nil {
		return err
	}
	insert := `INSERT INTO ` + side + `(key, id, rid) VALUES(?, ?, ?)`
	return eachDocument(conn, t, func(rid int64, id string, body []byte) error {
		keys, err := t.layout.Keys(id, body)
		if err != nil {
			return err
		}
		for _, key := range keys[ix.Fields[0]].([]string) {
			if err := sqlitex.Execute(conn, insert, &sqlitex.ExecOptions{Args: []any{key, id, rid}}); err != nil {
				return err
			}
		}
		return nil
	})
}

func eachDocument(conn *sqlite.Conn, t *table, f func(rid int64, id string, body []byte) error) error {
	return sqlitex.ExecuteTransient(conn, `SELECT rid, id, doc FROM `+quote(t.name), &sqlitex.ExecOptions{
		ResultFunc: func(s *sqlite.Stmt) error { return f(s.ColumnInt64(0), s.ColumnText(1), columnBody(s, 2)) }})
}
