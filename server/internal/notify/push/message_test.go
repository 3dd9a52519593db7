package push

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

var sendTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func fault() Message {
	return Message{
		ID: "evt-1", Kind: "request.new", Title: "Neue Störung", Body: "Nora Förderanlage 4",
		Ref: "R-2026-0042", Link: "/requests/R-2026-0042", Urgent: true, TTL: time.Hour, Collapse: "R-2026-0042",
	}
}

// wantFault is fault() for the device ok-1 at sendTime, as FCM has to get it.
const wantFault = `{
	"token": "ok-1",
	"data": {"event_id": "evt-1", "kind": "request.new", "ref": "R-2026-0042", "link": "/requests/R-2026-0042"},
	"notification": {"title": "Neue Störung", "body": "Nora Förderanlage 4"},
	"android": {"collapse_key": "R-2026-0042", "priority": "high", "ttl": "3600s"},
	"apns": {
		"headers": {"apns-priority": "10", "apns-collapse-id": "R-2026-0042", "apns-expiration": "1772370000"},
		"payload": {"aps": {"sound": "default"}}
	}
}`

func sameJSON(t *testing.T, got []byte, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestBuild(t *testing.T) {
	for _, tt := range []struct {
		name  string
		msg   Message
		token string
		want  string
	}{
		{"X-20 urgent with every field", fault(), "ok-1", wantFault},
		{"SEC-83 an id and a sentence only", Message{ID: "e", Kind: "k", Title: "T"}, "t", `{
			"token": "t",
			"data": {"event_id": "e", "kind": "k"},
			"notification": {"title": "T"},
			"android": {"priority": "normal", "ttl": "0s"},
			"apns": {"headers": {"apns-priority": "5", "apns-expiration": "0"}}}`},
		{"longest life, part of a second", Message{ID: "e", Kind: "k", Title: "T", TTL: MaxTTL - time.Millisecond}, "t", `{
			"token": "t",
			"data": {"event_id": "e", "kind": "k"},
			"notification": {"title": "T"},
			"android": {"priority": "normal", "ttl": "2419199.999000000s"},
			"apns": {"headers": {"apns-priority": "5", "apns-expiration": "1774785599"}}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			built, err := build(tt.msg, tt.token, sendTime)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(built)
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, got, tt.want)
		})
	}
}

func TestBuildRefuses(t *testing.T) {
	for _, tt := range []struct {
		field  string
		change func(*Message)
	}{
		{"ID", func(m *Message) { m.ID = "" }},
		{"Kind", func(m *Message) { m.Kind = "" }},
		{"Title", func(m *Message) { m.Title = "" }},
		{"TTL", func(m *Message) { m.TTL = -1 }},
		{"TTL", func(m *Message) { m.TTL = MaxTTL + 1 }},
		{"Collapse", func(m *Message) { m.Collapse = strings.Repeat("ö", MaxCollapse/2) + "x" }},
	} {
		m := fault()
		tt.change(&m)
		_, err := build(m, "t", sendTime)
		var fe *FieldError
		if !errors.As(err, &fe) || fe.Field != tt.field {
			t.Errorf("%s: %v", tt.field, err)
		}
	}
	var fe *FieldError
	if _, err := build(fault(), "", sendTime); !errors.As(err, &fe) || fe.Field != "address" {
		t.Errorf("no address: %v", err)
	}
}

func TestBuildSize(t *testing.T) {
	m := fault()
	m.Body = ""
	used := len("event_id"+m.ID+"kind"+m.Kind+"ref"+m.Ref+"link"+m.Link+"title"+m.Title) + len("body")
	m.Body = strings.Repeat("x", MaxPayload-used)
	if _, err := build(m, "t", sendTime); err != nil {
		t.Errorf("%d bytes: %v", MaxPayload, err)
	}
	m.Body += "x"
	_, err := build(m, "t", sendTime)
	var se *SizeError
	if !errors.As(err, &se) || se.Bytes != MaxPayload+1 {
		t.Errorf("one byte more: %v", err)
	}
}
