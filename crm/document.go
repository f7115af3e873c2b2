package crm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxDocument is the size in bytes that a document's transcript is cut to fit.
// Standard Webhooks advises receivers to expect less than 20 kB.
const MaxDocument = 20_000

// minTranscript is what the newest part of a transcript gets even when the
// contact alone fills the document.
const minTranscript = 2_000

// cutMark stands for the beginning that a cut transcript lacks.
const cutMark = "…\n"

// Conversation is where a lead comes from, as receivers see it. Empty values
// are null in the document; a contact that was imported or made through the API
// has none at all.
type Conversation struct {
	Channel       string // id, type/name
	Flow          string
	TranscriptURL string
	Transcript    string // plain text, oldest line first
}

type document struct {
	Type      Kind         `json:"type"`
	Timestamp string       `json:"timestamp"`
	Data      documentData `json:"data"`
}

type documentData struct {
	LeadKey      string                `json:"lead_key"`
	EventID      *string               `json:"event_id"`
	Contact      map[string]any        `json:"contact"`
	Changed      []string              `json:"changed"`
	Conversation *documentConversation `json:"conversation"`
}

type documentConversation struct {
	Channel       *string `json:"channel"`
	Flow          *string `json:"flow"`
	TranscriptURL *string `json:"transcript_url"`
	Transcript    *string `json:"transcript"`
}

// Document builds what every destination gets:
//
//	{"type", "timestamp", "data": {"lead_key", "event_id", "contact": {…},
//	 "changed": […], "conversation": {"channel", "flow", "transcript_url", "transcript"}}}
//
// The same arguments give the same bytes. Keys stand in this order, those of
// contact and the names in changed sorted; timestamp is at in UTC, to the
// millisecond. A long transcript loses its beginning.
func Document(kind Kind, at time.Time, leadKey, eventID string, contact map[string]any, changed []string, conv Conversation) (json.RawMessage, error) {
	doc := document{
		Type:      kind,
		Timestamp: at.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano),
		Data: documentData{
			LeadKey: leadKey,
			EventID: orNull(eventID),
			Contact: contact,
			Changed: names(changed),
		},
	}
	if conv != (Conversation{}) {
		doc.Data.Conversation = &documentConversation{
			Channel:       orNull(conv.Channel),
			Flow:          orNull(conv.Flow),
			TranscriptURL: orNull(conv.TranscriptURL),
		}
	}
	raw, err := encode(doc)
	if err != nil {
		return nil, fmt.Errorf("build %s document: %w", kind, err)
	}
	if conv.Transcript == "" {
		return raw, nil
	}
	room := max(MaxDocument-len(raw), minTranscript)
	doc.Data.Conversation.Transcript = orNull(newest(conv.Transcript, room))
	if raw, err = encode(doc); err != nil {
		return nil, fmt.Errorf("build %s document: %w", kind, err)
	}
	return raw, nil
}

// Amend adds to the end of a document's data what its kind says besides: detail
// is a JSON object.
func Amend(document, detail json.RawMessage) (json.RawMessage, error) {
	more := bytes.TrimSpace(detail)
	if len(more) < 2 || more[0] != '{' || !bytes.HasSuffix(document, []byte("}}")) || !json.Valid(more) {
		return nil, errors.New("amend document: want an object")
	}
	if more = bytes.TrimSpace(more[1 : len(more)-1]); len(more) == 0 {
		return document, nil
	}
	amended := append(slices.Clone(document[:len(document)-2]), ',')
	return append(append(amended, more...), "}}"...), nil
}

// encode leaves < > & as they are: nothing here goes into HTML, and they would
// take six bytes each.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func names(changed []string) []string {
	sorted := slices.Sorted(slices.Values(changed))
	if sorted == nil {
		sorted = []string{}
	}
	return slices.Compact(sorted)
}

// newest is the end of text that takes at most room bytes as JSON, from the
// beginning of a line where there is one.
func newest(text string, room int) string {
	used, start := 0, len(text)
	for start > 0 {
		r, size := utf8.DecodeLastRuneInString(text[:start])
		if used += encodedLen(r, size); used > room-len(cutMark) {
			break
		}
		start -= size
	}
	if start == 0 {
		return text
	}
	end := text[start:]
	if _, whole, ok := strings.Cut(end, "\n"); ok && text[start-1] != '\n' {
		end = whole
	}
	return cutMark + end
}

// encodedLen is how many bytes a rune takes within a JSON text.
func encodedLen(r rune, size int) int {
	const escaped = 6 // \u0000
	switch {
	case r == '"', r == '\\', r == '\n', r == '\r', r == '\t', r == '\b', r == '\f':
		return 2
	case r < ' ', r == '\u2028', r == '\u2029', r == utf8.RuneError && size == 1:
		return escaped
	default:
		return size
	}
}
