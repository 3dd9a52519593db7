package edge

import (
	"context"
	"mime"

	"github.com/danielgtaylor/huma/v2"
)

// PhotoTypes are the media types in which a photo may be uploaded: as the body itself, or as the file of a form.
var PhotoTypes = []string{"image/jpeg", "image/png", typeMultipart}

// WithPhoto makes an operation take a photo as its body. Huma leaves the body alone: [PhotoFrom] reads it.
func WithPhoto(op huma.Operation) huma.Operation {
	file := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	body := &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
	for _, t := range PhotoTypes {
		schema := file
		if t == typeMultipart {
			schema = &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"photo": file}}
		}
		body.Content[t] = &huma.MediaType{Schema: schema}
	}
	op.RequestBody, op.SkipValidateBody = body, true
	return op
}

// PhotoFrom returns the photo in the body of the request that ctx belongs to: the body itself, or the first file of a form. What
// the client says about its type is not believed by anyone who reads it (SEC-62). The error is a *[Problem].
func PhotoFrom(ctx context.Context) ([]byte, error) {
	r := from(ctx)
	if r == nil || r.fctx == nil {
		return nil, problemOf("bad_form")
	}
	media, _, _ := mime.ParseMediaType(string(r.fctx.Request.Header.ContentType()))
	if media != typeMultipart {
		return r.BodyRaw(), nil
	}
	form, err := r.Form()
	if err != nil {
		return nil, err
	}
	if len(form.Files) == 0 {
		return nil, problemOf("bad_form")
	}
	return form.Files[0].Data, nil
}
