package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// genuine checks the signature of an answer or webhook, and that it is at most five minutes old. Libraries of Standard Webhooks do the
// same in most languages.
func genuine(h http.Header, body []byte) bool {
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("TAGWERK_SECRET"), "whsec_"))
	at, _ := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	mac := hmac.New(sha256.New, secret)
	_, _ = fmt.Fprintf(mac, "%s.%d.%s", h.Get("webhook-id"), at, body)
	want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return err == nil && time.Since(time.Unix(at, 0)).Abs() < 5*time.Minute &&
		slices.ContainsFunc(strings.Fields(h.Get("webhook-signature")), func(s string) bool { return hmac.Equal([]byte(s), want) })
}
