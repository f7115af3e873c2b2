// Package connectors is the contract for channels: how a platform's webhook
// becomes events and how a reply reaches the platform. It knows no channel and
// no store; each channel lives in a folder of its own below.
package connectors

import (
	"context"
	"errors"
	"net/http"
	"time"

	"usher/config"
)

// Sentinels that a Connector's methods return, wrapped or bare.
var (
	// ErrUnverified: the signature or token is missing or wrong. Answer 401.
	ErrUnverified = errors.New("signature missing or wrong")
	// ErrUnreadable: the body is no document of this channel at all. Answer 400.
	ErrUnreadable = errors.New("body is not readable")
)

// Request is a webhook as it came in: a copy, owned by whoever holds it.
type Request struct {
	Method string
	URL    string // as the platform called it: scheme, host, path, query
	Path   string // what follows the channel's own path: "", "/status"
	Query  map[string]string
	Header http.Header
	Body   []byte
	IP     string // the client's address, forwarded ones only from trusted proxies
	At     time.Time
	// Authorized says that the caller showed an API key of this business with
	// scope bot. Channels that take keys instead of signatures accept it.
	Authorized bool
}

// Item is one thing found in a request, in payload order.
type Item struct {
	Event Event
	Raw   []byte // the bytes of this item alone, as the platform sent them
	// Problem, if not empty, says why the item could not be understood. It is
	// kept in quarantine with as much of the Event as was readable.
	Problem string
}

// Response is what the platform expects to read.
type Response struct {
	Status      int // zero: 200
	ContentType string
	Body        []byte
}

// A Connector reads the webhooks of one configured channel. It is safe for
// concurrent use.
type Connector interface {
	// Verify checks the signature over the raw body in constant time. It
	// returns ErrUnverified and never says what was expected.
	Verify(*Request) error
	// Parse is pure: the same bytes give the same items. One item that it does
	// not understand has a Problem and spoils no other. ErrUnreadable: nothing
	// in the body can be used. The same dedupe key twice gives one item.
	Parse(*Request) ([]Item, error)
}

// A Challenger answers a platform's set-up handshake. ok is false when the
// request is none.
type Challenger interface {
	Challenge(*Request) (response Response, ok bool)
}

// An Accounter names the platform's id of the one account that it is
// configured for; "" stands for every account that no other channel names.
type Accounter interface {
	Account() string
}

// A Sender writes to a person through the platform's API.
//
// Errors are *outbound.Error where the platform's answer says what comes next.
type Sender interface {
	Send(ctx context.Context, to Address, m Message) (platformID string, err error)
}

// A Responder is a channel whose platform waits for the answer in the request:
// the turn is run before Deadline, and Respond writes its outcome in answer to
// that request.
type Responder interface {
	Deadline() time.Duration
	Respond(*Request, Turn) Response
}

// A Relay is a channel that passes on what people typed somewhere else: a phone
// number in its events is a claim, unless the event is Verified.
type Relay interface {
	Relays()
}

// A Picker is a Responder whose platform reads the answers to some events only;
// what is said to all others is sent.
type Picker interface {
	Responder
	Answers(*Event) bool
}

// An Acknowledger is a channel whose platform wants to read something in the 200
// that tells it that a webhook was taken.
type Acknowledger interface {
	Acknowledge([]Item) Response
}

// A Streamer is a channel whose people read their conversation from usher
// itself: replies are kept in the transcript and nothing is sent.
type Streamer interface {
	Streams()
}

// Setup is what a Factory gets to build one configured channel.
type Setup struct {
	ID       string // type/name
	URL      string // of its webhook, as the platform calls it; empty: not known
	Country  string // ISO 3166-1 alpha-2, of the business
	Settings config.Settings
	HTTP     *http.Client // guarded and bounded; the only way out
	// Key is a secret of this installation, at least 16 bytes, from which a
	// channel that signs tokens of its own derives its key.
	Key []byte
}

// A Factory builds a Connector. Its error names the setting at fault and never
// a secret's value.
type Factory func(Setup) (Connector, error)

// Address is where a reply goes: always the address the message came from.
type Address struct {
	// Account is our side of the conversation, as in the event; a channel that
	// stands for several accounts answers from this one.
	Account    string `json:"account,omitempty"`
	ExternalID string `json:"external_id"`
	IDs        *IDs   `json:"ids,omitempty"`
	// GroupID is the group in which the person wrote: it is answered there.
	GroupID              string `json:"group_id,omitempty"`
	ChannelID            string `json:"channel_id,omitempty"`
	BusinessConnectionID string `json:"business_connection_id,omitempty"`
	// ReplyTo is the message in whose thread the person wrote.
	ReplyTo string `json:"reply_to,omitempty"`
	// ReplyToken serves once, for the first message of an answer.
	ReplyToken string `json:"reply_token,omitempty"`
}

// Address is where an answer to e goes.
func (e *Event) Address() Address {
	return Address{
		Account: e.Account, ExternalID: e.ExternalID, IDs: e.IDs, GroupID: e.GroupID, ChannelID: e.ChannelID,
		BusinessConnectionID: e.BusinessConnectionID, ReplyTo: e.ReplyTo, ReplyToken: e.ReplyToken,
	}
}

// Later is the address for a message that is not the first of an answer: what
// serves only once is left out.
func (a Address) Later() Address {
	a.ReplyToken = ""
	return a
}

// Message is one thing that usher says to a person.
type Message struct {
	ID      string   `json:"id,omitempty"` // stable over retries and replays
	Text    string   `json:"text,omitempty"`
	Media   []Media  `json:"media,omitempty"`
	Buttons []Button `json:"buttons,omitempty"`
	Form    *Form    `json:"form,omitempty"`
	// NoPreview: links in Text are not to be shown as cards.
	NoPreview bool `json:"no_preview,omitempty"`
}

// Button is one choice offered.
type Button struct {
	Title string `json:"title"`
	Value string `json:"value"`
}

// Form asks for several values at once, where the channel can show one.
type Form struct {
	Title  string      `json:"title,omitempty"`
	Fields []FormField `json:"fields"`
}

// FormField is one line of a Form.
type FormField struct {
	Name     string   `json:"name"`
	Label    string   `json:"label"`
	Input    string   `json:"input"` // text, number, date, yes_no, email, phone, choice …
	Required bool     `json:"required"`
	Choices  []Button `json:"choices,omitempty"`
	// Error says what was wrong with the last answer.
	Error string `json:"error,omitempty"`
}

// A Describer is a channel whose settings say what it can show; any other shows
// what CapabilitiesOf its type says.
type Describer interface {
	Capabilities() Capabilities
}

// Turn is the outcome of one event on a request-reply channel: the person as
// the conversation may see them, and what is said. A value that the
// conversation may not see is absent from Values; Known has every field.
type Turn struct {
	GuestID        *string         `json:"guest_id"`
	ContactID      *string         `json:"contact_id"`
	Type           string          `json:"type"`
	Status         *string         `json:"status"`
	Known          map[string]bool `json:"known"`
	Values         map[string]any  `json:"values"`
	ConversationID string          `json:"conversation_id"`
	Handling       string          `json:"handling"`
	WaitingFor     *string         `json:"waiting_for"`
	Replies        []TurnReply     `json:"replies"`
}

// TurnReply is a Message as a bot reads it: every key is there.
type TurnReply struct {
	Text    string   `json:"text"`
	Media   []Media  `json:"media"`
	Buttons []Button `json:"buttons"`
	Form    *Form    `json:"form"`
}
