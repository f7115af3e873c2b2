package webchat

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"usher/connectors"
)

// Bounds of what a browser may say; texts in characters.
const (
	maxBody    = 64 << 10 // bytes: the longest form fits several times
	maxText    = 4096     // as long as the longest message of a messenger
	maxPayload = 1024     // value of a button
	maxID      = 128      // message ids and authors: a UUID has 36
	maxURL     = 2048     // what browsers and proxies agree on
	maxTitle   = 256      // of a page or file
	maxAgent   = 500      // of what a browser calls itself
	maxFields  = 50       // of a form
	maxName    = 64       // of a field, type or language
)

// body is a message as the widget sends it, or an answer about consent.
type body struct {
	Type      string           `json:"type"` // text, quick_reply, postback, location, file, form, start
	Data      json.RawMessage  `json:"data"`
	MID       string           `json:"mid"` // message id: a fresh UUID, the same when sent again
	Author    string           `json:"author"`
	CreatedAt json.RawMessage  `json:"createdAt"`
	Language  string           `json:"language"`
	Page      *connectors.Page `json:"page"`
	Referrer  string           `json:"referrer"` // the page before this one
	Given     *bool            `json:"given"`    // consent only
}

// data is the union of what the types carry.
type data struct {
	Text        string `json:"text"`
	Payload     string `json:"payload"`
	Coordinates *struct {
		Lat *float64 `json:"lat"`
		Lng *float64 `json:"lng"`
	} `json:"coordinates"`
	URL      string         `json:"url"`
	Type     string         `json:"type"` // of a file: image, audio, video, file
	Name     string         `json:"name"` // of a file
	MimeType string         `json:"mime_type"`
	Fields   map[string]any `json:"fields"`
}

func decode(raw []byte) (body, error) {
	var b body
	if len(raw) > maxBody {
		return b, fmt.Errorf("%w: more than %d bytes", connectors.ErrUnreadable, maxBody)
	}
	if err := connectors.CheckJSON(raw); err != nil {
		return b, err
	}
	if err := json.Unmarshal(raw, &b); err != nil {
		return b, fmt.Errorf("%w: no message of a webchat", connectors.ErrUnreadable)
	}
	if !plainID(b.MID) || !plainID(b.Author) {
		return b, fmt.Errorf("%w: mid and author are at most %d printable characters", connectors.ErrUnreadable, maxID)
	}
	return b, nil
}

// Parse reads one message, or below /consent the answer to the question of
// consent. A message of a known type that breaks its bounds is unreadable, so
// that the page learns of it at once and nobody can fill the quarantine with it.
func (c *channel) Parse(r *connectors.Request) ([]connectors.Item, error) {
	b, err := decode(r.Body)
	if err != nil {
		return nil, err
	}
	event := connectors.Event{
		ExternalID: b.Author,
		Anonymous:  true,
		MessageID:  b.MID,
		Timestamp:  timestamp(b.CreatedAt),
		Language:   language(b.Language),
		Page:       page(b.Page),
		ClientIP:   r.IP,
	}
	if id, ok := c.Authenticate(r.Bearer(), r.At); ok {
		event.ExternalID, event.Anonymous = id, false
	}
	if event.ExternalID == "" {
		return nil, fmt.Errorf("%w: author missing", connectors.ErrUnreadable)
	}
	event.System = system(r, b)
	event.DedupeKey = dedupeKey(event.ExternalID, b.MID, event.Anonymous)

	item := connectors.Item{Raw: r.Body}
	switch r.Path {
	case "":
		item.Problem, err = fill(&event, b)
	case "/consent":
		err = fillConsent(&event, b)
	default:
		err = fmt.Errorf("%w: nothing is posted here", connectors.ErrUnreadable)
	}
	if err != nil {
		return nil, err
	}
	item.Event = event
	return []connectors.Item{item}, nil
}

// system is what the browser says by itself.
func system(r *connectors.Request, b body) map[string]any {
	data := map[string]any{}
	if agent := cut(clean(r.Header.Get("User-Agent")), maxAgent); agent != "" {
		data["user_agent"] = agent
	}
	if webURL(b.Referrer) {
		data["referrer"] = b.Referrer
	}
	if len(data) == 0 {
		return nil
	}
	return data
}

// dedupeKey is the message id if it is a random UUID, which nobody meets twice.
// Other ids are counters and the like: they only tell messages of one visitor
// apart, and nobody without the visitor's token may use one up.
func dedupeKey(externalID, mid string, anonymous bool) string {
	if mid == "" || randomUUID(mid) {
		return mid
	}
	key := url.QueryEscape(externalID) + "#" + mid
	if anonymous {
		key = "?" + key
	}
	return key
}

// fill reads what the type carries. problem is not empty for a type that nobody
// knows.
func fill(e *connectors.Event, b body) (problem string, err error) {
	var d data
	if len(b.Data) > 0 {
		if json.Unmarshal(b.Data, &d) != nil {
			return "", fmt.Errorf("%w: data is none of a message", connectors.ErrUnreadable)
		}
	}
	if utf8.RuneCountInString(d.Text) > maxText || utf8.RuneCountInString(d.Payload) > maxPayload {
		return "", fmt.Errorf("%w: text has more than %d or payload more than %d characters", connectors.ErrUnreadable, maxText, maxPayload)
	}
	e.Text = clean(d.Text)
	switch b.Type {
	case "text":
		e.Kind = connectors.KindMessage
		if strings.TrimSpace(e.Text) == "" {
			return "", fmt.Errorf("%w: data.text is blank", connectors.ErrUnreadable)
		}
	case "quick_reply", "postback":
		return "", fillChoice(e, b.Type, d)
	case "location":
		return "", fillLocation(e, d)
	case "file":
		return "", fillFile(e, d)
	case "form":
		return "", fillForm(e, d)
	case "start":
		e.Kind = connectors.KindStarted
	case "":
		return "", fmt.Errorf("%w: type missing", connectors.ErrUnreadable)
	default:
		e.Kind, e.RawType = connectors.KindUnsupported, cut(clean(b.Type), maxName)
		return "unknown message type", nil
	}
	return "", nil
}

func fillChoice(e *connectors.Event, kind string, d data) error {
	payload := clean(d.Payload)
	if payload == "" {
		payload = e.Text
	}
	if e.Text == "" {
		e.Text = payload
	}
	if payload == "" {
		return fmt.Errorf("%w: neither data.payload nor data.text", connectors.ErrUnreadable)
	}
	e.Kind = connectors.KindPostback
	e.Reply = &connectors.Choice{Type: kind, ID: payload, Title: e.Text}
	return nil
}

func fillLocation(e *connectors.Event, d data) error {
	at := d.Coordinates
	if at == nil || at.Lat == nil || at.Lng == nil || *at.Lat < -90 || *at.Lat > 90 || *at.Lng < -180 || *at.Lng > 180 {
		return fmt.Errorf("%w: data.coordinates want lat and lng in degrees", connectors.ErrUnreadable)
	}
	e.Kind = connectors.KindLocation
	e.Location = &connectors.Location{Latitude: *at.Lat, Longitude: *at.Lng}
	return nil
}

// fillFile takes the link of a file that the page stored elsewhere.
func fillFile(e *connectors.Event, d data) error {
	if !webURL(d.URL) {
		return fmt.Errorf("%w: data.url is no web address", connectors.ErrUnreadable)
	}
	m := connectors.Media{Type: "file", URL: d.URL, MimeType: cut(clean(d.MimeType), maxName), Filename: cut(clean(d.Name), maxTitle)}
	switch d.Type {
	case "image", "audio", "video":
		m.Type = d.Type
	}
	e.Kind, e.Media = connectors.KindMedia, []connectors.Media{m}
	return nil
}

// fillForm takes texts, numbers and yes or no; what was left blank is left out.
func fillForm(e *connectors.Event, d data) error {
	if d.Fields == nil || len(d.Fields) > maxFields {
		return fmt.Errorf("%w: data.fields want one to %d fields", connectors.ErrUnreadable, maxFields)
	}
	e.Kind, e.Form = connectors.KindForm, make(map[string]any, len(d.Fields))
	for name, value := range d.Fields {
		if name == "" || utf8.RuneCountInString(name) > maxName || !printable(name) {
			return fmt.Errorf("%w: a name in data.fields is none", connectors.ErrUnreadable)
		}
		switch v := value.(type) {
		case nil:
		case string:
			if utf8.RuneCountInString(v) > maxText {
				return fmt.Errorf("%w: a value in data.fields has more than %d characters", connectors.ErrUnreadable, maxText)
			}
			if v = clean(v); strings.TrimSpace(v) != "" {
				e.Form[name] = v
			}
		case float64, bool:
			e.Form[name] = v
		default:
			return fmt.Errorf("%w: a value in data.fields is a list or an object", connectors.ErrUnreadable)
		}
	}
	return nil
}

func fillConsent(e *connectors.Event, b body) error {
	if b.Given == nil {
		return fmt.Errorf("%w: given wants true or false", connectors.ErrUnreadable)
	}
	e.Kind, e.Given = connectors.KindConsent, b.Given
	return nil
}
