package portal

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"github.com/tagwerk/tagwerk/server/edge"
)

//go:embed assets/*
var assetFiles embed.FS

// static holds the files that pages refer to. Their public names carry a hash of their content, so that browsers may keep them
// for good and never show an old one (style.md part 5, row 27).
type static struct {
	byName map[string]string // "portal.css" -> "/static/portal.1a2b3c4d5e6f.css"
	files  map[string]staticFile
}

type staticFile struct {
	media string
	data  []byte
}

var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func loadStatic() (*static, error) {
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		return nil, err
	}
	s := &static{byName: map[string]string{}, files: map[string]staticFile{}}
	for _, e := range entries {
		name := e.Name()
		ext := path.Ext(name)
		media, ok := mediaTypes[ext]
		if !ok {
			return nil, fmt.Errorf("portal: no media type for asset %s", name)
		}
		data, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(data)
		hashed := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
		s.byName[name] = "/static/" + hashed
		s.files[hashed] = staticFile{media, data}
	}
	return s, nil
}

// url is the public path of an asset; an unknown one is a mistake in a template and fails its page.
func (s *static) url(name string) (string, error) {
	u, ok := s.byName[name]
	if !ok {
		return "", fmt.Errorf("portal: no asset is called %s", name)
	}
	return u, nil
}

func (s *static) mount(server *edge.Server) {
	server.Handle("GET", "/static/{name}", open("none: the same files for everybody"), edge.RouteOptions{NoViewer: true}, func(r *edge.Request) error {
		f, ok := s.files[r.Param("name")]
		if !ok {
			return errNoPage
		}
		r.CachePublic()
		return r.Bytes(200, f.media, f.data)
	})
}
