package edge

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

const (
	typeJSON      = "application/json"
	typeForm      = "application/x-www-form-urlencoded"
	typeMultipart = "multipart/form-data"
)

// checkBody refuses a body whose type the route did not ask for (SEC-41, row 12).
func (r *Request) checkBody() error {
	if len(r.body()) == 0 {
		return nil
	}
	media, params, err := mime.ParseMediaType(string(r.fctx.Request.Header.ContentType()))
	if err != nil || !slices.Contains(r.route.Options.ContentTypes, media) {
		return problemOf("unsupported_media_type")
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return problemOf("unsupported_media_type")
	}
	return nil
}

// Form is a decoded form.
type Form struct {
	Values url.Values
	Files  []File
}

// File is one uploaded file. Name and Type are what the client claims (SEC-62, SEC-63).
type File struct {
	Field, Name, Type string
	Data              []byte
}

// Form reads an urlencoded or multipart body of at most [FormFields] fields or [PartLimit] parts. The error is a *[Problem].
func (r *Request) Form() (*Form, error) {
	if r.form != nil {
		return r.form, nil
	}
	media, params, err := mime.ParseMediaType(string(r.fctx.Request.Header.ContentType()))
	switch {
	case len(r.body()) == 0:
		r.form = &Form{Values: url.Values{}}
	case err == nil && media == typeForm:
		r.form, err = readURLForm(r.body())
	case err == nil && media == typeMultipart:
		r.form, err = readMultipart(r.body(), params["boundary"])
	default:
		return nil, problemOf("unsupported_media_type")
	}
	if err != nil {
		r.form = nil
		return nil, &Problem{Code: "bad_form", Status: fiber.StatusBadRequest, Cause: err}
	}
	return r.form, nil
}

func readURLForm(body []byte) (*Form, error) {
	if bytes.Count(body, []byte("&")) >= FormFields {
		return nil, errors.New("too many fields")
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	for name, list := range values {
		for _, v := range list {
			if !cleanText(name) || !cleanText(v) {
				return nil, errors.New("not UTF-8")
			}
		}
	}
	return &Form{Values: values}, nil
}

func readMultipart(body []byte, boundary string) (*Form, error) {
	if err := checkParts(body, boundary); err != nil {
		return nil, err
	}
	form := &Form{Values: url.Values{}}
	for reader := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		part, err := reader.NextPart()
		if err == io.EOF {
			return form, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		name, file := part.FormName(), part.FileName()
		if !cleanText(name) || !cleanText(file) {
			return nil, errors.New("not UTF-8")
		}
		if file != "" {
			form.Files = append(form.Files, File{Field: name, Name: file, Type: part.Header.Get(fiber.HeaderContentType), Data: data})
			continue
		}
		if !cleanText(string(data)) {
			return nil, errors.New("not UTF-8")
		}
		form.Values.Add(name, string(data))
	}
}

// checkParts counts delimiters before anything is parsed: 60,000 parts cost one pass over the body.
func checkParts(body []byte, boundary string) error {
	if boundary == "" || bytes.Count(body, []byte("--"+boundary)) > PartLimit+1 {
		return errors.New("no boundary, or too many parts")
	}
	return nil
}

// FormValue returns the first value of a form field, "" if absent or the body is no form.
func (r *Request) FormValue(name string) string {
	f, err := r.Form()
	if err != nil {
		return ""
	}
	return f.Values.Get(name)
}
