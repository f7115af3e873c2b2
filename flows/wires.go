package flows

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"usher/connectors"
)

// wire is how a bot is spoken to.
type wire interface {
	// greets says whether the bot can be told that a conversation has opened.
	greets() bool
	// turn is what the person said, as the bot wants it.
	turn(m *machine) ([]byte, error)
	// read is what the bot answered.
	read(answer []byte, resume *connectors.Resume) error
}

// Bounds of what a bot says at once.
const (
	maxReplies   = 20
	maxOffered   = 30   // buttons of a message
	maxShort     = 1024 // bytes of a title, a value or an address
	maxRemembers = 256  // bytes of a button that is understood when it is typed
)

// usherWire is the form of the bot channel (connectors/bot), the other way
// round: a turn goes out, and its answer has replies and who handles the
// conversation now.
type usherWire struct{}

type usherTurn struct {
	Session    string           `json:"session"`
	MessageID  string           `json:"message_id"`
	Kind       connectors.Kind  `json:"kind"`
	Text       string           `json:"text,omitempty"`
	Value      string           `json:"value,omitempty"`
	User       map[string]any   `json:"user"`
	Parameters map[string]any   `json:"parameters,omitempty"`
	Form       map[string]any   `json:"form,omitempty"`
	Page       *connectors.Page `json:"page,omitempty"`
}

func (usherWire) greets() bool { return true }

func (usherWire) turn(m *machine) ([]byte, error) {
	e := m.turn.Event
	turn := usherTurn{Session: m.conversation(), MessageID: m.visitKey(), Kind: connectors.KindMessage, Page: e.Page,
		User: map[string]any{}, Parameters: map[string]any{}}
	for name, value := range m.person.Values {
		switch name {
		case "name", "email", "phone", "language":
			turn.User[name] = value
		default:
			turn.Parameters[name] = value
		}
	}
	said, _ := saidText(e)
	switch turn.Text = said; {
	case e.Kind == connectors.KindStarted:
		turn.Kind = connectors.KindStarted
	case formData(e) != nil:
		turn.Kind, turn.Form = connectors.KindForm, formData(e)
	default:
		if b, ok := m.run.offer(said); ok {
			if turn.Text = b.Title; b.Value != b.Title {
				turn.Kind, turn.Value = connectors.KindPostback, b.Value
			}
			break
		}
		if e.Reply != nil && e.Reply.ID != "" {
			turn.Kind, turn.Value = connectors.KindPostback, e.Reply.ID
			break
		}
		turn.Text = botText(&m.run, e)
	}
	return json.Marshal(turn)
}

func (usherWire) read(answer []byte, resume *connectors.Resume) error {
	doc, err := parseAnswer(answer)
	if err != nil {
		return err
	}
	turn, ok := doc.(map[string]any)
	if !ok {
		return errors.New("want an object")
	}
	replies, _ := turn["replies"].([]any)
	for _, item := range replies {
		reply, ok := item.(map[string]any)
		if !ok {
			continue
		}
		message := connectors.Message{Text: textIn(reply, "text"), Buttons: buttonsIn(reply["buttons"], "value")}
		media, _ := reply["media"].([]any)
		for _, item := range media {
			if attached, ok := item.(map[string]any); ok {
				message.Media = appendMedia(message.Media, textIn(attached, "type"), textIn(attached, "url"), textIn(attached, "filename"))
			}
		}
		if form, ok := reply["form"].(map[string]any); ok {
			message.Form = formIn(form)
		}
		resume.Replies = appendReply(resume.Replies, message)
	}
	resume.Outcome = signalled(turn)
	if waiting, told := turn["waiting_for"]; resume.Outcome == connectors.OutcomeAnswered && textIn(turn, "handling") == byFlow && told && waiting == nil {
		resume.Outcome = connectors.OutcomeEnded // its flow has come to its end
	}
	return nil
}

// formIn is a form as this project writes it.
func formIn(form map[string]any) *connectors.Form {
	raw, err := json.Marshal(form)
	var read connectors.Form
	if err != nil || json.Unmarshal(raw, &read) != nil || len(read.Fields) == 0 || len(read.Fields) > maxFormFields {
		return nil
	}
	return &read
}

// rasaWire is Rasa's REST channel: {sender, message} goes out, a list of messages
// comes back. A custom message hands over or ends as an answer of usherWire does:
// {"custom": {"handling": "queued"}}, {"custom": {"handover": true}},
// {"custom": {"ended": true}}.
type rasaWire struct{}

func (rasaWire) greets() bool { return false }

func (rasaWire) turn(m *machine) ([]byte, error) {
	return json.Marshal(map[string]string{"sender": m.conversation(), "message": botText(&m.run, m.turn.Event)})
}

func (rasaWire) read(answer []byte, resume *connectors.Resume) error {
	doc, err := parseAnswer(answer)
	if err != nil {
		return err
	}
	items, ok := doc.([]any)
	if !ok {
		return errors.New("want a list")
	}
	for _, item := range items {
		said, ok := item.(map[string]any)
		if !ok {
			continue
		}
		message := connectors.Message{Text: textIn(said, "text"), Buttons: buttonsIn(said["buttons"], "payload")}
		message.Media = appendMedia(message.Media, "image", textIn(said, "image"), "")
		if attached, ok := said["attachment"].(map[string]any); ok {
			payload, _ := attached["payload"].(map[string]any)
			message.Media = appendMedia(message.Media, textIn(attached, "type"), textIn(payload, "src"), textIn(payload, "title"))
		} else {
			message.Media = appendMedia(message.Media, "file", textIn(said, "attachment"), "")
		}
		resume.Replies = appendReply(resume.Replies, message)
		if custom, ok := said["custom"].(map[string]any); ok {
			if outcome := signalled(custom); outcome != connectors.OutcomeAnswered {
				resume.Outcome = outcome
			}
		}
	}
	return nil
}

// signalled is what a bot says of who goes on.
func signalled(said map[string]any) string {
	switch textIn(said, "handling") {
	case queued, byAgent, "follow_up":
		return connectors.OutcomeHandedOver
	case "ended", "closed":
		return connectors.OutcomeEnded
	}
	is := func(key string) bool { yes, _ := said[key].(bool); return yes }
	switch {
	case is("handover") || is("handoff"):
		return connectors.OutcomeHandedOver
	case is("ended"):
		return connectors.OutcomeEnded
	default:
		return connectors.OutcomeAnswered
	}
}

func textIn(values map[string]any, key string) string {
	switch v := values[key].(type) {
	case string:
		return cut(strings.ReplaceAll(strings.TrimSpace(v), "\x00", ""), maxOutput)
	case json.Number:
		return v.String()
	default:
		return ""
	}
}

func buttonsIn(list any, value string) []connectors.Button {
	items, _ := list.([]any)
	var buttons []connectors.Button
	for _, item := range items {
		b, ok := item.(map[string]any)
		if !ok || len(buttons) == maxOffered {
			continue
		}
		buttons = append(buttons, connectors.Button{Title: cut(textIn(b, "title"), maxShort), Value: cut(textIn(b, value), maxShort)})
	}
	return connectors.Choices(buttons)
}

// appendMedia adds an attachment that platforms can fetch; anything else is none.
func appendMedia(media []connectors.Media, kind, address, name string) []connectors.Media {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || len(address) > 2*maxShort {
		return media
	}
	if kind == "" {
		kind = "file"
	}
	return append(media, connectors.Media{Type: cut(kind, 20), URL: address, Filename: cut(name, maxShort)})
}

func appendReply(replies []connectors.Message, m connectors.Message) []connectors.Message {
	if m.Text == "" && m.Media == nil && m.Buttons == nil && m.Form == nil || len(replies) == maxReplies {
		return replies
	}
	return append(replies, m)
}

// conversation names the conversation to a bot.
func (m *machine) conversation() string {
	if m.turn.ConversationID != "" {
		return m.turn.ConversationID
	}
	return m.turn.Event.ExternalID
}

// botText is what the person said as one text: the value of what was tapped, or
// of the button whose number or title was typed.
func botText(r *Run, e *connectors.Event) string {
	said, _ := saidText(e)
	if b, ok := r.offer(said); ok {
		return b.Value
	}
	if e.Reply != nil && e.Reply.ID != "" {
		return e.Reply.ID
	}
	if said != "" {
		return said
	}
	for _, sent := range []func(*connectors.Event) (any, bool){sentLocation, sentFile, sharedPhone, sharedEmail} {
		if v, ok := sent(e); ok {
			return text(v)
		}
	}
	return ""
}

// offered are the buttons that a run remembers, so that what is typed is
// understood where they were shown as numbered text.
func offered(buttons []connectors.Button) []connectors.Button {
	var kept []connectors.Button
	if len(buttons) > maxOffered {
		return nil
	}
	for _, b := range buttons {
		if len(b.Title)+len(b.Value) > maxRemembers {
			return nil // a number must mean what was shown
		}
		kept = append(kept, b)
	}
	return kept
}

// offer is the button that was typed by its number or title.
func (r *Run) offer(said string) (connectors.Button, bool) {
	for _, b := range r.offered {
		if strings.EqualFold(said, b.Title) || said == b.Value {
			return b, true
		}
	}
	if n, ok := ordinal(said); ok && n <= len(r.offered) {
		return r.offered[n-1], true
	}
	return connectors.Button{}, false
}
