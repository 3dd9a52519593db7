package edge

import (
	"bytes"
	"testing"
)

func FuzzForms(f *testing.F) {
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.jpg\"\r\n\r\n\xff\xd8\r\n--b--\r\n"), "b")
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=41\r\n--b--\r\n"), "b")
	f.Add([]byte("a=1&b=%C3%A5&a=+"), "")
	f.Fuzz(func(t *testing.T, body []byte, boundary string) {
		check := func(form *Form, err error, most int) {
			if err != nil {
				return
			}
			fields, size := 0, 0
			for name, values := range form.Values {
				for _, v := range values {
					if fields++; !cleanText(name) || !cleanText(v) {
						t.Fatalf("field %q is %q", name, v)
					}
					size += len(v)
				}
			}
			for _, file := range form.Files {
				if fields++; !cleanText(file.Name) || bytes.ContainsAny([]byte(file.Name), "/") {
					t.Fatalf("file name %q", file.Name)
				}
				size += len(file.Data)
			}
			if fields > most || size > len(body) {
				t.Fatalf("%d fields with %d bytes out of %d", fields, size, len(body))
			}
		}
		form, err := readMultipart(body, boundary)
		check(form, err, PartLimit)
		form, err = readURLForm(body)
		check(form, err, FormFields)
	})
}
