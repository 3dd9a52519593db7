package signing_test

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/signing"
)

// The example of Standard Webhooks (standards.md section 5).
const (
	secret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	id        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	seconds   = 1614265330
	body      = `{"test": 2432232314}`
	signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func parse(t testing.TB, s string) []byte {
	t.Helper()
	b, err := signing.ParseSecret(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSign(t *testing.T) {
	key, at := parse(t, secret), time.Unix(seconds, 999_999_999)
	t.Run("SEC-82 the example of the standard", func(t *testing.T) {
		if got := signing.Sign(key, id, at, []byte(body)); got != signature {
			t.Errorf("%s", got)
		}
	})
	t.Run("SEC-82 two secrets overlap: a receiver that knows either accepts", func(t *testing.T) {
		other := bytes.Repeat([]byte{7}, 32)
		both := signing.Signatures([][]byte{other, key}, id, at, []byte(body))
		if len(strings.Fields(both)) != 2 || !strings.HasSuffix(both, " "+signature) {
			t.Fatalf("%q", both)
		}
		for _, known := range [][][]byte{{other}, {key}, {key, other}} {
			if err := signing.Verify(known, id, strconv.Itoa(seconds), both, []byte(body), at); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestVerify(t *testing.T) {
	keys, at := [][]byte{parse(t, secret)}, time.Unix(seconds, 0)
	cases := []struct {
		name, id, timestamp, signatures, body string
		now                                   time.Time
		want                                  error
	}{
		{"as it was signed", id, "1614265330", signature, body, at, nil},
		{"five minutes late", id, "1614265330", signature, body, at.Add(5 * time.Minute), nil},
		{"five minutes early", id, "1614265330", signature, body, at.Add(-5 * time.Minute), nil},
		{"beside signatures of other versions", id, "1614265330", "v1a,AAAA v2,x " + signature, body, at, nil},
		{"too late", id, "1614265330", signature, body, at.Add(5*time.Minute + time.Second), signing.ErrStale},
		{"too early", id, "1614265330", signature, body, at.Add(-5*time.Minute - time.Second), signing.ErrStale},
		{"another time", id, "1614265331", signature, body, at, signing.ErrSignature},
		{"another id", id + "x", "1614265330", signature, body, at, signing.ErrSignature},
		{"another body", id, "1614265330", signature, body + " ", at, signing.ErrSignature},
		{"no signature", id, "1614265330", "", body, at, signing.ErrSignature},
		{"a shortened signature", id, "1614265330", signature[:20], body, at, signing.ErrSignature},
		{"a signature without version", id, "1614265330", signature[3:], body, at, signing.ErrSignature},
		{"very many signatures", id, "1614265330", strings.Repeat("v1,AAAA ", 1000) + signature, body, at, signing.ErrSignature},
		{"no id", "", "1614265330", signature, body, at, signing.ErrStale},
		{"no time", id, "", signature, body, at, signing.ErrStale},
		{"a time in other digits", id, "+1614265330", signature, body, at, signing.ErrStale},
		{"a time with zeros", id, "01614265330", signature, body, at, signing.ErrStale},
		{"the largest time", id, "9223372036854775807", signature, body, at, signing.ErrStale},
		{"the smallest time", id, "-9223372036854775808", signature, body, at, signing.ErrStale},
		{"a fraction", id, "1614265330.5", signature, body, at, signing.ErrStale},
	}
	for _, c := range cases {
		t.Run("SEC-82 "+c.name, func(t *testing.T) {
			if err := signing.Verify(keys, c.id, c.timestamp, c.signatures, []byte(c.body), c.now); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	t.Run("SEC-82 without a secret nothing is accepted", func(t *testing.T) {
		if err := signing.Verify(nil, id, "1614265330", signature, []byte(body), at); !errors.Is(err, signing.ErrSignature) {
			t.Error(err)
		}
	})
}

func TestParseSecret(t *testing.T) {
	for _, s := range []string{"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa",
		"whsec_" + strings.Repeat("A", 88), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw!"} {
		t.Run("SEC-82 refused: "+s, func(t *testing.T) {
			if _, err := signing.ParseSecret(s); !errors.Is(err, signing.ErrSecret) {
				t.Error(err)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	key, at := parse(f, secret), time.Unix(seconds, 0)
	f.Add(id, "1614265330", signature, []byte(body))
	f.Add("", "-1", "v1,", []byte{})
	f.Add("a.b", "9223372036854775807", strings.Repeat("v1, ", 9), []byte("."))
	f.Fuzz(func(t *testing.T, id, timestamp, signatures string, body []byte) {
		if signing.Verify([][]byte{key}, id, timestamp, signatures, body, at) != nil {
			return
		}
		sec, err := strconv.ParseInt(timestamp, 10, 64)
		if err != nil || !strings.Contains(signatures, signing.Sign(key, id, time.Unix(sec, 0), body)) {
			t.Errorf("accepted %q %q %q", id, timestamp, signatures)
		}
	})
}
