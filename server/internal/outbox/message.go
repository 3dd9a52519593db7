package outbox

// Message is what a notice says on a person's device, in keys of the message catalogue: the device's language is known only when it
// is sent. It holds no personal data and nothing that somebody typed (X-20, SEC-83).
type Message struct {
	// Kind is the word by which an app knows what happened, such as "request_reported".
	Kind string
	// Key names the texts: "push.<Key>.title" and "push.<Key>.body".
	Key string
	// Args fill the texts as they are; the values of Words are message keys themselves, put into the reader's language first.
	Args, Words map[string]string
	// Ref is what the app fetches after sign-in, such as the number of a request; Path leads there in the portal, beneath the public
	// address.
	Ref, Path string
	// Urgent wakes the device at once. For what cannot wait, not for news.
	Urgent bool
}
