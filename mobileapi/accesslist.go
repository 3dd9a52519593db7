package mobileapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/signing"
)

// MaxWait is how long a controller may wait for news, in seconds: less than the deadline of a request (SEC-49).
const MaxWait = 15

// AccessListInput is the input of GET /v1/access-list.
type AccessListInput struct {
	Since       int64  `query:"since" minimum:"0" doc:"Version up to which the controller has the list; 0 or absent asks for the whole list"`
	Wait        int    `query:"wait" minimum:"0" maximum:"15" doc:"Seconds to wait for news"`
	IfNoneMatch string `header:"If-None-Match" maxLength:"200" doc:"ETag of an earlier answer"`
}

// AccessList is what a door controller has to know. Its bytes are signed as they are.
type AccessList struct {
	Since   int64         `json:"since" doc:"What was asked for"`
	Version int64         `json:"version" doc:"With the entries the list is complete up to here: ask from here next"`
	More    bool          `json:"more" doc:"There are more entries: ask again at once"`
	Entries []AccessEntry `json:"entries" doc:"In rising order of versions, at most 1,000; of a whole list the blocked tags only"`

	bytes []byte
}

// AccessEntry is one tag of an access list.
type AccessEntry struct {
	Tag       string    `json:"tag"`
	Blocked   bool      `json:"blocked" doc:"true: refuse it; false: it may pass again"`
	Readings  []string  `json:"readings" doc:"What a reader may say of the tag, in canonical form"`
	ChangedAt time.Time `json:"changed_at"`
	Version   int64     `json:"version"`
}

// AppendJSON appends the bytes that were signed.
func (l AccessList) AppendJSON(b []byte) []byte { return append(b, l.bytes...) }

// SignedList is an access list, or a 304, with its signature (Standard Webhooks) over id, timestamp and body.
type SignedList struct {
	Status    int
	ETag      string `header:"ETag" doc:"The version in quotes"`
	ID        string `header:"webhook-id"`
	Timestamp string `header:"webhook-timestamp"`
	Signature string `header:"webhook-signature"`
	Body      AccessList
}

// AckInput is the input of POST /v1/access-list/ack.
type AckInput struct {
	Body struct {
		Version int64     `json:"version" minimum:"0" doc:"The controller works by the list up to here"`
		Failed  []AckFail `json:"failed,omitempty" maxItems:"200" doc:"But for these tags"`
	}
}

// AckFail is a tag that a controller could not change.
type AckFail struct {
	Tag    string `json:"tag" minLength:"1" maxLength:"64"`
	Reason string `json:"reason" minLength:"1" maxLength:"200" doc:"The controller's own word, shown to people"`
}

func (a *api) accessLists() {
	own := edge.Access{Who: edge.Controller, Object: "access list of the own provider, of one customer if the controller belongs to one", Permission: "none"}

	list := op(http.MethodGet, "/v1/access-list", "getAccessList", "What changed on the access list since a version", "Door controllers")
	list.Description = "Signed like a webhook (Standard Webhooks) with the controller's secret: check it, and that since is what you asked for, before you use it; " +
		"refuse a version below the one that you have. With If-None-Match an unchanged list is answered 304, with wait only after that time."
	list.Responses = map[string]*huma.Response{"304": {Description: "Nothing new; signed over an empty body"}}
	edge.Operation(a.API, list, own, a.accessList, edge.RouteOptions{Limit: "api"})

	ack := op(http.MethodPost, "/v1/access-list/ack", "acknowledge", "Note that the controller works by the list", "Door controllers")
	ack.Description = "Repeating it changes nothing."
	edge.Operation(a.API, ack, own, func(ctx context.Context, in *AckInput) (*struct{}, error) {
		failed := make([]asset.FailedTag, len(in.Body.Failed))
		for i, f := range in.Body.Failed {
			failed[i] = asset.FailedTag{Tag: f.Tag, Reason: f.Reason}
		}
		return nil, a.Assets.Acknowledge(ctx, edge.ViewerFrom(ctx), in.Body.Version, failed)
	}, edge.RouteOptions{Limit: "api", Body: 256 << 10})
}

func (a *api) accessList(ctx context.Context, in *AccessListInput) (*SignedList, error) {
	v := edge.ViewerFrom(ctx)
	list, err := a.Assets.AccessList(ctx, v, in.Since)
	if err != nil {
		return nil, err
	}
	if in.Wait > 0 && !in.news(list) {
		if list, err = a.awaitNews(ctx, v, in, list.Version); err != nil {
			return nil, err
		}
	}
	return a.sign(ctx, v, in, list)
}

// news reports whether a list is worth an answer before the time to wait is over. A tag that the controller failed to change, which
// comes with each answer, is not.
func (in *AccessListInput) news(l asset.AccessList) bool {
	switch {
	case in.names(l):
		return false
	case l.More, in.Since == 0 && l.Version > 0:
		return true
	}
	return slices.ContainsFunc(l.Entries, func(e asset.AccessEntry) bool { return e.Version > in.Since })
}

// known reports whether the controller has all that a list says.
func (in *AccessListInput) known(l asset.AccessList) bool {
	return in.names(l) && !slices.ContainsFunc(l.Entries, func(e asset.AccessEntry) bool { return e.Version <= in.Since })
}

// names reports whether If-None-Match holds the ETag of a list. The comparison is the weak one, as RFC 9110 has it for that header.
func (in *AccessListInput) names(l asset.AccessList) bool {
	return slices.ContainsFunc(strings.Split(in.IfNoneMatch, ","), func(tag string) bool {
		return strings.TrimPrefix(strings.TrimSpace(tag), "W/") == etag(l)
	})
}

func etag(l asset.AccessList) string { return `"` + strconv.FormatInt(l.Version, 10) + `"` }

// awaitNews waits until the list is newer than version, and reads it as it is then or after the time to wait.
func (a *api) awaitNews(ctx context.Context, v identity.Viewer, in *AccessListInput, version int64) (asset.AccessList, error) {
	waiting, done := edge.Wait(ctx, time.Duration(in.Wait)*time.Second)
	_, err := a.Assets.AwaitAccessList(waiting, v, version)
	waited := waiting.Err() != nil
	if refusal := done(); refusal != nil {
		return asset.AccessList{}, refusal
	}
	if err != nil && !waited {
		return asset.AccessList{}, err
	}
	return a.Assets.AccessList(ctx, v, in.Since)
}

// sign writes the answer's bytes and their signature by each secret in force (SEC-10, SEC-82).
func (a *api) sign(ctx context.Context, v identity.Viewer, in *AccessListInput, l asset.AccessList) (*SignedList, error) {
	c, err := a.People.ActiveController(ctx, v.User)
	if err != nil {
		return nil, err
	}
	secrets, err := a.People.SigningSecrets(c)
	if err != nil {
		return nil, err
	}
	now := a.Now()
	out := &SignedList{Status: http.StatusOK, ETag: etag(l), ID: fmt.Sprintf("list_%d_%d", in.Since, l.Version),
		Timestamp: strconv.FormatInt(now.Unix(), 10), Body: AccessList{Since: in.Since, Version: l.Version, More: l.More, Entries: make([]AccessEntry, len(l.Entries))}}
	for i, e := range l.Entries {
		out.Body.Entries[i] = AccessEntry{Tag: e.Tag, Blocked: e.Blocked, Readings: append([]string{}, e.Readings...), ChangedAt: e.Changed.Time, Version: e.Version}
	}
	var signed []byte
	if in.known(l) {
		out.Status = http.StatusNotModified
	} else {
		if out.Body.bytes, err = json.Marshal(out.Body); err != nil {
			return nil, err
		}
		// An operation's JSON ends with a line feed.
		signed = append(slices.Clip(out.Body.bytes), '\n')
	}
	out.Signature = signing.Signatures(secrets, out.ID, now, signed)
	return out, nil
}
