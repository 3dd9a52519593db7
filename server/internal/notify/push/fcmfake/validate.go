package fcmfake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Limits of one message (standards.md 4.1).
const (
	maxPayload      = 4096
	maxTopicPayload = 2048
	maxTTL          = 2_419_200 // seconds
	maxCollapse     = 64
)

// sendRequest is a valid request as far as the answer needs it.
type sendRequest struct {
	dryRun      bool
	target      string // token, topic or condition
	title, body string
	data        map[string]string
	wire        json.RawMessage
}

// check says whether a JSON value may stand at a path.
type check func(path string, v any) error

// parseSend reads and checks the body of a messages:send request: the fields of
// the v1 reference that SDK v4.19.0 can write, and no others.
func parseSend(body []byte) (sendRequest, error) {
	var envelope struct {
		ValidateOnly bool            `json:"validate_only"`
		Message      json.RawMessage `json:"message"`
	}
	var tree any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return sendRequest{}, errors.New("body is not JSON")
	}
	if _, err := dec.Token(); err != io.EOF {
		return sendRequest{}, errors.New("body has something after the JSON")
	}
	if err := object(map[string]check{"validate_only": boolean, "message": messageShape()})("body", tree); err != nil {
		return sendRequest{}, err
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return sendRequest{}, err
	}
	var m struct {
		Token, Topic, Condition string
		Data                    map[string]string
		Notification            struct{ Title, Body, Image string }
	}
	if envelope.Message == nil {
		return sendRequest{}, errors.New("body.message is missing")
	}
	if err := json.Unmarshal(envelope.Message, &m); err != nil {
		return sendRequest{}, err
	}
	targets := slices.DeleteFunc([]string{m.Token, m.Topic, m.Condition}, func(t string) bool { return t == "" })
	if len(targets) != 1 {
		return sendRequest{}, fmt.Errorf("%d of token, topic, condition, want exactly one", len(targets))
	}
	limit := maxTopicPayload
	if m.Token != "" {
		limit = maxPayload
	}
	size := 0
	for k, v := range m.Data {
		size += len(k) + len(v)
	}
	for k, v := range map[string]string{"title": m.Notification.Title, "body": m.Notification.Body, "image": m.Notification.Image} {
		if v != "" {
			size += len(k) + len(v)
		}
	}
	if size > limit {
		return sendRequest{}, fmt.Errorf("payload of %d bytes, at most %d", size, limit)
	}
	return sendRequest{
		dryRun: envelope.ValidateOnly,
		target: targets[0],
		title:  m.Notification.Title,
		body:   m.Notification.Body,
		data:   m.Data,
		wire:   envelope.Message,
	}, nil
}

func messageShape() check {
	label := object(map[string]check{"analytics_label": text})
	return object(map[string]check{
		"token":        text,
		"topic":        matching(`^[a-zA-Z0-9\-_.~%]+$`),
		"condition":    text,
		"data":         dataMap,
		"notification": object(map[string]check{"title": text, "body": text, "image": text}),
		"fcm_options":  label,
		"android": object(map[string]check{
			"collapse_key":            text,
			"priority":                oneOf("normal", "high"),
			"ttl":                     ttl,
			"restricted_package_name": text,
			"data":                    dataMap,
			"notification":            androidNotification(),
			"fcm_options":             label,
			"direct_boot_ok":          boolean,
		}),
		"webpush": object(map[string]check{
			"headers":      textMap,
			"data":         dataMap,
			"notification": anyObject,
			"fcm_options":  object(map[string]check{"link": matching(`^https://`), "analytics_label": text}),
		}),
		"apns": object(map[string]check{
			"headers":             apnsHeaders,
			"payload":             anyObject,
			"fcm_options":         object(map[string]check{"analytics_label": text, "image": text}),
			"live_activity_token": text,
		}),
	})
}

func androidNotification() check {
	texts := list(text)
	return object(map[string]check{
		"title": text, "body": text, "icon": text, "sound": text, "tag": text, "click_action": text,
		"color":        matching(`^#[0-9a-fA-F]{6}$`),
		"body_loc_key": text, "body_loc_args": texts, "title_loc_key": text, "title_loc_args": texts,
		"channel_id": text, "image": text, "ticker": text,
		"sticky": boolean, "local_only": boolean,
		"default_sound": boolean, "default_vibrate_timings": boolean, "default_light_settings": boolean,
		"event_time":            text,
		"notification_priority": oneOf("PRIORITY_MIN", "PRIORITY_LOW", "PRIORITY_DEFAULT", "PRIORITY_HIGH", "PRIORITY_MAX"),
		"visibility":            oneOf("PRIVATE", "PUBLIC", "SECRET"),
		"proxy":                 oneOf("ALLOW", "DENY", "IF_PRIORITY_LOWERED"),
		"vibrate_timings":       list(duration),
		"notification_count":    number,
		"light_settings": object(map[string]check{
			"color":             object(map[string]check{"red": number, "green": number, "blue": number, "alpha": number}),
			"light_on_duration": duration, "light_off_duration": duration,
		}),
	})
}

func object(fields map[string]check) check {
	return func(path string, v any) error {
		m, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is not an object", path)
		}
		for k, v := range m {
			c, known := fields[k]
			if !known {
				return fmt.Errorf("%s.%s is no known field", path, k)
			}
			if err := c(path+"."+k, v); err != nil {
				return err
			}
		}
		return nil
	}
}

func anyObject(path string, v any) error {
	if _, ok := v.(map[string]any); !ok {
		return fmt.Errorf("%s is not an object", path)
	}
	return nil
}

func text(path string, v any) error {
	if _, ok := v.(string); !ok {
		return fmt.Errorf("%s is not a string", path)
	}
	return nil
}

func boolean(path string, v any) error {
	if _, ok := v.(bool); !ok {
		return fmt.Errorf("%s is not a boolean", path)
	}
	return nil
}

func number(path string, v any) error {
	if _, ok := v.(json.Number); !ok {
		return fmt.Errorf("%s is not a number", path)
	}
	return nil
}

func list(item check) check {
	return func(path string, v any) error {
		items, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%s is not a list", path)
		}
		for i, v := range items {
			if err := item(path+"["+strconv.Itoa(i)+"]", v); err != nil {
				return err
			}
		}
		return nil
	}
}

func oneOf(words ...string) check {
	return func(path string, v any) error {
		if s, ok := v.(string); !ok || !slices.Contains(words, s) {
			return fmt.Errorf("%s is not one of %q", path, words)
		}
		return nil
	}
}

func matching(pattern string) check {
	re := regexp.MustCompile(pattern)
	return func(path string, v any) error {
		if s, ok := v.(string); !ok || !re.MatchString(s) {
			return fmt.Errorf("%s does not match %s", path, pattern)
		}
		return nil
	}
}

// duration holds a value to the form of google.protobuf.Duration in JSON.
func duration(path string, v any) error { return matching(`^[0-9]{1,12}(\.[0-9]{9})?s$`)(path, v) }

func ttl(path string, v any) error {
	if err := duration(path, v); err != nil {
		return err
	}
	secs, err := strconv.ParseFloat(strings.TrimSuffix(v.(string), "s"), 64)
	if err != nil || secs > maxTTL {
		return fmt.Errorf("%s is over %d s", path, maxTTL)
	}
	return nil
}

func textMap(path string, v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%s is not an object", path)
	}
	for k, v := range m {
		if err := text(path+"."+k, v); err != nil {
			return err
		}
	}
	return nil
}

func dataMap(path string, v any) error {
	if err := textMap(path, v); err != nil {
		return err
	}
	for k := range v.(map[string]any) {
		if k == "" || k == "from" || k == "message_type" || strings.HasPrefix(k, "google") || strings.HasPrefix(k, "gcm") {
			return fmt.Errorf("%s.%s is a reserved key", path, k)
		}
	}
	return nil
}

func apnsHeaders(path string, v any) error {
	if err := textMap(path, v); err != nil {
		return err
	}
	for k, v := range v.(map[string]any) {
		s := v.(string)
		switch k {
		case "apns-priority":
			if !slices.Contains([]string{"1", "5", "10"}, s) {
				return fmt.Errorf("%s.%s is %q", path, k, s)
			}
		case "apns-collapse-id":
			if s == "" || len(s) > maxCollapse {
				return fmt.Errorf("%s.%s takes %d bytes, want 1 to %d", path, k, len(s), maxCollapse)
			}
		case "apns-expiration":
			if _, err := strconv.ParseUint(s, 10, 63); err != nil {
				return fmt.Errorf("%s.%s is no time in seconds", path, k)
			}
		}
	}
	return nil
}
