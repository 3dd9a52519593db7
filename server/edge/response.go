package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
)

// SetHeader sets a header of the answer. The security headers are set afterwards and cannot be changed by it.
func (r *Request) SetHeader(name, value string) { r.fctx.Response.Header.Set(name, value) }

// Status sets the status of the answer.
func (r *Request) Status(code int) { r.fctx.SetStatusCode(code) }

// Bytes answers data of a media type.
func (r *Request) Bytes(status int, mediaType string, data []byte) error {
	r.fctx.SetStatusCode(status)
	r.fctx.SetContentType(mediaType)
	r.fctx.SetBody(data)
	return nil
}

// HTML answers a page that html/template has written into a buffer (row 26).
func (r *Request) HTML(status int, page []byte) error {
	return r.Bytes(status, "text/html; charset=utf-8", page)
}

// Text answers plain text.
func (r *Request) Text(status int, text string) error {
	return r.Bytes(status, "text/plain; charset=utf-8", []byte(text))
}

// JSON answers v as JSON.
func (r *Request) JSON(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("edge: encode answer: %w", err)
	}
	return r.Bytes(status, typeJSON, body)
}

// NoContent answers 204.
func (r *Request) NoContent() error {
	r.fctx.SetStatusCode(fiber.StatusNoContent)
	return nil
}

// Attachment answers a file for saving, under a name as RFC 6266 writes it and a policy that lets it do nothing (SEC-63, SEC-64).
func (r *Request) Attachment(mediaType, name string, data []byte) error {
	r.SetHeader(fiber.HeaderContentDisposition, Disposition(name))
	r.policy = apiPolicy
	return r.Bytes(fiber.StatusOK, mediaType, data)
}

// Accepts reports whether an Accept header takes a media type: its most specific range counts, and q=0 refuses (RFC 9110,
// 12.5.1). No header takes everything.
func Accepts(header, mediaType string) bool {
	if strings.TrimSpace(header) == "" {
		return true
	}
	kind, _, _ := strings.Cut(mediaType, "/")
	ranges := []string{"*/*", kind + "/*", mediaType} // from the least specific on
	best, accepted := -1, false
	for part := range strings.SplitSeq(header, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		if level := slices.Index(ranges, media); level > best {
			q, err := strconv.ParseFloat(params["q"], 64)
			best, accepted = level, params["q"] == "" || err == nil && q > 0
		}
	}
	return accepted
}

// Disposition writes the Content-Disposition of an attachment (RFC 6266, RFC 8187). Control characters, path separators and
// changes of direction in the name become "_".
func Disposition(name string) string {
	clean := strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == utf8.RuneError || strings.ContainsRune(`/\"`, c) {
			return '_'
		}
		return c
	}, name)
	plain := strings.Map(func(c rune) rune {
		if c > 0x7e || c == '%' {
			return '_'
		}
		return c
	}, clean)
	if plain == clean {
		return `attachment; filename="` + plain + `"`
	}
	// url.PathEscape leaves a few signs that attr-char of RFC 8187 does not have.
	escaped := strings.NewReplacer("@", "%40", ":", "%3A", "=", "%3D", "'", "%27", "(", "%28", ")", "%29", "*", "%2A", ",", "%2C", ";", "%3B").Replace(url.PathEscape(clean))
	return `attachment; filename="` + plain + `"; filename*=UTF-8''` + escaped
}

// CachePublic lets everyone keep the answer: for assets whose name holds the hash of their content (row 27). All other answers
// are no-store.
func (r *Request) CachePublic() { r.cache = "public, max-age=31536000, immutable" }

// Redirect answers 303 to one of our own paths (SEC-57). Any other target is an error.
func (r *Request) Redirect(path string) error {
	if !OwnPath(path) {
		return errors.New("edge: redirect to a target that is not an own path")
	}
	r.fctx.SetStatusCode(fiber.StatusSeeOther)
	r.SetHeader(fiber.HeaderLocation, path)
	return nil
}

// OwnPath reports whether s is a path of this server with optional query, as a browser would read it: "//host", "/\host" and
// anything with a scheme, host, fragment or control character is not.
func OwnPath(s string) bool {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\#") || !cleanText(s) {
		return false
	}
	for _, c := range s {
		if c <= 0x20 || c == 0x7f {
			return false
		}
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil && u.Opaque == "" && !strings.HasPrefix(u.Path, "//") && !strings.Contains(u.Path, "\\")
}
