package connectors

import "time"

// Kind says what an Event is about.
type Kind string

// The kinds of events. The vocabulary, here and in Event's JSON names, is the
// one of testdata: one word per meaning, whatever the platform calls it.
const (
	KindMessage      Kind = "message"
	KindMedia        Kind = "media"
	KindLocation     Kind = "location"
	KindCards        Kind = "contact_shared"
	KindPostback     Kind = "postback"
	KindForm         Kind = "form_response"
	KindReaction     Kind = "reaction"
	KindOrder        Kind = "order"
	KindReferral     Kind = "referral"
	KindOptin        Kind = "optin"
	KindFollow       Kind = "follow"
	KindUnfollow     Kind = "unfollow"
	KindStarted      Kind = "conversation_started"
	KindEdit         Kind = "edit"
	KindDelete       Kind = "delete"
	KindStatus       Kind = "status"
	KindIdentity     Kind = "identity_changed"
	KindPreference   Kind = "preference"
	KindSystem       Kind = "system"
	KindAccountError Kind = "account_error"
	KindUnsupported  Kind = "unsupported"
	KindFulfilment   Kind = "fulfilment"
	KindBotMessage   Kind = "bot_message"
	KindConsent      Kind = "consent"
	// KindCapture is usher's own: details for a running conversation that came
	// through the API instead of the channel.
	KindCapture Kind = "capture"
	// KindResumed is usher's own: what a run waited for outside of the
	// conversation has happened. No platform's webhook becomes one.
	KindResumed Kind = "resumed"
	// KindAct is usher's own: a person of our side took, answered or closed the
	// conversation. No platform's webhook becomes one.
	KindAct Kind = "act"
)

// The actions of a fulfilment (KindFulfilment) that mean something to usher; any
// other only captures.
const (
	ActionKnown = "usher.known" // tell what is known, change nothing
	ActionFlow  = "usher.flow"  // run a turn of the channel's flow
)

// DirectionOut marks echoes: what our side wrote, seen through the platform.
const DirectionOut = "out"

// Event is one normalised thing that a webhook said. Absent values are zero.
type Event struct {
	Kind    Kind   `json:"kind"`
	Account string `json:"account,omitempty"` // our side: the platform's id of the number, page, bot
	// ExternalID is the platform's stable id of the person.
	ExternalID string `json:"external_id,omitempty"`
	// Session names one run of a bot platform's conversation where the person
	// is known by another id (ExternalID); empty everywhere else.
	Session     string `json:"session,omitempty"`
	IDs         *IDs   `json:"ids,omitempty"`
	PreviousIDs *IDs   `json:"previous_ids,omitempty"`

	Name       string `json:"name,omitempty"`
	Language   string `json:"language,omitempty"`
	Email      string `json:"email,omitempty"`
	Phone      string `json:"phone,omitempty"` // E.164; the payload proves that it is the person's own
	CustomerID string `json:"customer_id,omitempty"`
	// Verified says that the sender of a bot event vouches for Email, Phone and
	// CustomerID. Without it they are claims. WhatsApp's Phone is always proven.
	Verified bool `json:"verified,omitempty"`

	MessageID string    `json:"message_id,omitempty"`
	DedupeKey string    `json:"dedupe_key,omitempty"` // the same for a redelivery; empty: the platform gives none
	Timestamp time.Time `json:"timestamp,omitzero"`   // zero: the platform gives none
	Direction string    `json:"direction,omitempty"`
	Text      string    `json:"text,omitempty"`

	Media    []Media   `json:"media,omitempty"`
	Location *Location `json:"location,omitempty"`
	Contacts []Card    `json:"contacts,omitempty"`
	Reply    *Choice   `json:"reply,omitempty"`
	Reaction *Reaction `json:"reaction,omitempty"`
	Order    *Order    `json:"order,omitempty"`
	Referral *Referral `json:"referral,omitempty"`

	Status string `json:"status,omitempty"` // sent, delivered, read, played, failed, deleted, unknown
	// Watermark, of a status without MessageID: it is true of all that was sent
	// until then.
	Watermark  time.Time     `json:"watermark,omitzero"`
	Errors     []PlatformErr `json:"errors,omitempty"`
	Failure    string        `json:"failure,omitempty"` // permanent, retryable; empty: the sources do not agree
	Preference *Preference   `json:"preference,omitempty"`

	ReplyTo      string `json:"reply_to,omitempty"`
	TargetID     string `json:"target_message_id,omitempty"`
	Forwarded    bool   `json:"forwarded,omitempty"`
	GroupID      string `json:"group_id,omitempty"`
	ChannelID    string `json:"channel_id,omitempty"`    // the platform's id of the place in which it was said
	ReplyToken   string `json:"reply_token,omitempty"`   // good for one answer, soon
	Redelivery   bool   `json:"redelivery,omitempty"`    // the platform says that it sends this again
	Standby      bool   `json:"standby,omitempty"`       // somebody else answers this one
	CallbackData string `json:"callback_data,omitempty"` // what we attached to our own message, told of it
	TrackingData string `json:"tracking_data,omitempty"` // what we attached to our own message, sent back with the answer
	// CallbackID names a press of a button that the platform wants acknowledged.
	CallbackID string `json:"callback_id,omitempty"`
	// BusinessConnectionID: the message was written to a business's own account,
	// and is answered through that.
	BusinessConnectionID string `json:"business_connection_id,omitempty"`
	// Subscribed says whether the person may be written to, where a
	// conversation can be opened without that.
	Subscribed *bool  `json:"subscribed,omitempty"`
	RawType    string `json:"raw_type,omitempty"` // the platform's name for what was not understood

	// What a bot platform says beside the text.
	Intent   string         `json:"intent,omitempty"`
	Action   string         `json:"action,omitempty"`  // what it wants done: ActionKnown, ActionFlow or its own word
	Trigger  string         `json:"trigger,omitempty"` // the event that it acts upon, where nobody said anything
	Source   string         `json:"source,omitempty"`  // the channel of its own that the person is on
	Metadata map[string]any `json:"metadata,omitempty"`
	Buttons  []Offer        `json:"buttons,omitempty"` // that its own message shows
	Custom   any            `json:"custom,omitempty"`  // of its own message, for a program to read
	// Fields are the answers of another product's form, by the names that it
	// gives them.
	Fields map[string]any `json:"fields,omitempty"`

	// Parameters are values that a bot platform sends beside the text, under
	// its own or our field names.
	Parameters map[string]any `json:"parameters,omitempty"`
	// Form is the answer to a form: our field names to values.
	Form map[string]any `json:"form,omitempty"`
	// Given is the answer to a consent question (KindConsent).
	Given    *bool          `json:"given,omitempty"`
	Page     *Page          `json:"page,omitempty"`
	ClientIP string         `json:"client_ip,omitempty"`
	System   map[string]any `json:"system,omitempty"`
	// Anonymous marks an event whose sender did not prove to be ExternalID (a
	// webchat message without visitor token): it is taken, and shown nothing.
	Anonymous bool `json:"anonymous,omitempty"`
	// Resume is what happened (KindResumed).
	Resume *Resume `json:"resume,omitempty"`
	// Act is what was done (KindAct).
	Act *Act `json:"act,omitempty"`
}

// Offer is a button of a bot platform's own message.
type Offer struct {
	Title   string `json:"title"`
	Payload string `json:"payload,omitempty"`
}

// IDs is every id of a person that a payload named.
type IDs struct {
	WaID         string `json:"wa_id,omitempty"`
	UserID       string `json:"user_id,omitempty"`
	ParentUserID string `json:"parent_user_id,omitempty"`
	Username     string `json:"username,omitempty"`
}

// Media is one attachment, inbound or outbound.
type Media struct {
	Type     string `json:"type"` // image, audio, video, file, sticker …
	ID       string `json:"id,omitempty"`
	URL      string `json:"url,omitempty"`
	MimeType string `json:"mime_type,omitempty"`
	SHA256   string `json:"sha256,omitempty"`
	Filename string `json:"filename,omitempty"`
	Voice    *bool  `json:"voice,omitempty"`
	Animated *bool  `json:"animated,omitempty"`
}

// Location is a point, perhaps a named place.
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Name      string  `json:"name,omitempty"`
	Address   string  `json:"address,omitempty"`
	URL       string  `json:"url,omitempty"`
}

// Card is a shared address card. Own: the payload proves it is the sender's.
type Card struct {
	Name   string   `json:"name,omitempty"`
	Phones []string `json:"phones,omitempty"` // digits only after +, else as written
	Emails []string `json:"emails,omitempty"`
	Own    bool     `json:"own"`
}

// Choice is a tapped button, list row, quick reply or submitted platform form.
type Choice struct {
	Type        string         `json:"type"` // button, list, flow, quick_reply, postback, callback, web_app
	ID          string         `json:"id,omitempty"`
	Title       string         `json:"title,omitempty"`
	Description string         `json:"description,omitempty"`
	Name        string         `json:"name,omitempty"`
	Data        map[string]any `json:"data,omitempty"`
}

// Reaction is an emoji put on or taken off a message.
type Reaction struct {
	Emoji    string `json:"emoji,omitempty"`
	Action   string `json:"action"` // react, unreact
	TargetID string `json:"target_message_id"`
}

// Order is a cart that the person sent.
type Order struct {
	CatalogID string      `json:"catalog_id,omitempty"`
	Text      string      `json:"text,omitempty"`
	Items     []OrderItem `json:"items"`
}

// OrderItem is one line of an Order.
type OrderItem struct {
	SKU      string  `json:"sku"`
	Quantity float64 `json:"quantity"`
	Price    float64 `json:"price"`
	Currency string  `json:"currency,omitempty"`
}

// Referral says where the person came from: an ad, a post, a product, a link.
type Referral struct {
	Source    string `json:"source,omitempty"`
	SourceID  string `json:"source_id,omitempty"`
	SourceURL string `json:"source_url,omitempty"`
	Headline  string `json:"headline,omitempty"`
	Body      string `json:"body,omitempty"`
	ClickID   string `json:"click_id,omitempty"`
	Ref       string `json:"ref,omitempty"`
}

// PlatformErr is an error that the platform reported.
type PlatformErr struct {
	Code  int    `json:"code"`
	Title string `json:"title,omitempty"`
}

// Preference is a person's wish about kinds of messages.
type Preference struct {
	Category string `json:"category"`
	Value    string `json:"value"` // stop, resume
}

// Page is the web page that the person is on.
type Page struct {
	URL   string `json:"url"`
	Title string `json:"title,omitempty"`
}
