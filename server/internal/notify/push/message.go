package push

import (
	"fmt"
	"strconv"
	"time"

	"firebase.google.com/go/v4/messaging"
)

// Limits of one message to one device (standards.md 4.1).
const (
	// MaxPayload is the most bytes that the keys and values of data and
	// notification may take together. The SDK does not check it.
	MaxPayload = 4096
	// MaxTTL is the longest that FCM keeps a message for a device that is
	// away: 28 days. The SDK does not check it.
	MaxTTL = 2_419_200 * time.Second
	// MaxCollapse is the most bytes of a collapse key, the limit of the APNs
	// header apns-collapse-id.
	MaxCollapse = 64
)

// Message is what one person is told on one device. It carries an id and a
// sentence without personal data; the app fetches the rest after sign-in
// (X-20, SEC-83).
type Message struct {
	// ID is the event's id, the same for every try and every device, by which
	// the app drops repeats: delivery is at least once. Required.
	ID string
	// Kind says what happened, as a word that the app switches on. Required.
	Kind string
	// Title and Body are shown as they are, in the reader's language. Title is
	// required.
	Title, Body string
	// Ref names the thing concerned, for example a request number.
	Ref string
	// Link is where a tap leads.
	Link string
	// Urgent wakes the device at once. For faults, not for news: FCM lowers the
	// priority of apps that cry wolf.
	Urgent bool
	// TTL is how long from the sending on FCM may keep the message for a device
	// that is away, 0 to MaxTTL; 0 means now or never.
	TTL time.Duration
	// Collapse, at most MaxCollapse bytes, lets a later message with the same
	// key replace this one on a device that is away.
	Collapse string
}

// SizeError says that a message is over MaxPayload. Sending it again unchanged
// cannot succeed.
type SizeError struct {
	Bytes int // keys and values together
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("push: message of %d bytes, at most %d", e.Bytes, MaxPayload)
}

// FieldError says which field of a message cannot be sent, and why. Sending the
// message again unchanged cannot succeed.
type FieldError struct {
	Field  string
	Reason string
}

func (e *FieldError) Error() string { return "push: " + e.Field + " " + e.Reason }

// build makes the FCM message for one device. now is the time of sending, from
// which the expiry for Apple devices counts. The error is a *SizeError or a
// *FieldError.
func build(m Message, token string, now time.Time) (*messaging.Message, error) {
	switch {
	case token == "":
		return nil, &FieldError{"address", "is empty"}
	case m.ID == "":
		return nil, &FieldError{"ID", "is empty"}
	case m.Kind == "":
		return nil, &FieldError{"Kind", "is empty"}
	case m.Title == "":
		return nil, &FieldError{"Title", "is empty"}
	case m.TTL < 0 || m.TTL > MaxTTL:
		return nil, &FieldError{"TTL", fmt.Sprintf("is %s, outside 0 to %s", m.TTL, MaxTTL)}
	case len(m.Collapse) > MaxCollapse:
		return nil, &FieldError{"Collapse", fmt.Sprintf("takes %d bytes, at most %d", len(m.Collapse), MaxCollapse)}
	}
	data := map[string]string{"event_id": m.ID, "kind": m.Kind}
	if m.Ref != "" {
		data["ref"] = m.Ref
	}
	if m.Link != "" {
		data["link"] = m.Link
	}
	if n := payloadSize(data, m); n > MaxPayload {
		return nil, &SizeError{n}
	}

	ttl := m.TTL
	android := &messaging.AndroidConfig{CollapseKey: m.Collapse, Priority: "normal", TTL: &ttl}
	apns := &messaging.APNSConfig{Headers: map[string]string{"apns-priority": "5", "apns-expiration": "0"}}
	if m.TTL > 0 {
		apns.Headers["apns-expiration"] = strconv.FormatInt(now.Add(m.TTL).Unix(), 10)
	}
	if m.Collapse != "" {
		apns.Headers["apns-collapse-id"] = m.Collapse
	}
	if m.Urgent {
		android.Priority = "high"
		apns.Headers["apns-priority"] = "10"
		// Without a sound an iPhone shows the alert silently.
		apns.Payload = &messaging.APNSPayload{Aps: &messaging.Aps{Sound: "default"}}
	}
	return &messaging.Message{
		Token:        token,
		Data:         data,
		Notification: &messaging.Notification{Title: m.Title, Body: m.Body},
		Android:      android,
		APNS:         apns,
	}, nil
}

// minimal is the smallest valid message to token, for the dry run that tells a
// bad token from a bad message.
func minimal(token string) *messaging.Message {
	return &messaging.Message{Token: token, Data: map[string]string{"kind": "check"}}
}

func payloadSize(data map[string]string, m Message) int {
	n := len("title") + len(m.Title)
	if m.Body != "" {
		n += len("body") + len(m.Body)
	}
	for k, v := range data {
		n += len(k) + len(v)
	}
	return n
}
