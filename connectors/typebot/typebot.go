// Package typebot is the channel of Typebot's HTTP request block: what somebody
// answered in a typebot comes in as the answers to a form.
package typebot

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"

	"usher/config"
	"usher/connectors"
	"usher/contacts"
)

type settings struct {
	Token config.Secrets `json:"token"` // entered as a bearer header in the block
	// Mapping says where in the body our fields are. Without it, answers whose
	// variable is called as one of our fields are taken.
	Mapping map[string]string `json:"mapping"`
}

type channel struct {
	tokens  connectors.Tokens
	mapping connectors.Mapping
	country string
}

var _ connectors.Relay = (*channel)(nil)

// New is the channel's Factory.
func New(setup connectors.Setup) (connectors.Connector, error) {
	var s settings
	if err := setup.Settings.Decode(&s); err != nil {
		return nil, fmt.Errorf("typebot: %w", err)
	}
	tokens, err := connectors.NewTokens(s.Token)
	if err == nil && len(s.Token) == 0 {
		err = errors.New("token: is missing; make one up and enter it in the block, as Authorization: Bearer …")
	}
	mapping, wrong := connectors.ParseMapping(s.Mapping)
	if err := errors.Join(err, wrong); err != nil {
		return nil, fmt.Errorf("typebot: %w", err)
	}
	return &channel{tokens, mapping, setup.Country}, nil
}

// Verify implements connectors.Connector.
func (c *channel) Verify(r *connectors.Request) error { return c.tokens.Verify(r) }

// fieldName is what our fields are called.
var fieldName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Parse reads one submission: the block's own body, a map of answers, or
// whatever body was written in it.
func (c *channel) Parse(r *connectors.Request) ([]connectors.Item, error) {
	doc, err := connectors.ReadJSON(r.Body)
	if err != nil {
		return nil, err
	}
	if !doc.IsObject() {
		return nil, fmt.Errorf("%w: no submission of Typebot", connectors.ErrUnreadable)
	}
	e := connectors.Event{Kind: connectors.KindForm, Fields: map[string]any{}, Timestamp: connectors.Moment(doc.Get("submittedAt").ID())}
	answers(e.Fields, "", doc)
	delete(e.Fields, "submittedAt")
	if len(c.mapping) == 0 {
		e.Parameters = map[string]any{}
		for name, value := range e.Fields {
			if fieldName.MatchString(name) {
				e.Parameters[name] = value
			}
		}
	}
	c.mapping.Read(&e, doc)
	e.Kind = connectors.KindForm
	e.DedupeKey = e.MessageID
	e.Phone, _ = contacts.ParsePhone(e.Phone, c.country) // what cannot be used is left out
	if _, err := contacts.ParseEmail(e.Email); err != nil {
		e.Email = ""
	}
	if e.ExternalID == "" {
		// Nothing says who it is: each submission is somebody's own.
		sum := sha256.Sum256(r.Body)
		e.ExternalID = "submission-" + hex.EncodeToString(sum[:16])
	}
	return []connectors.Item{{Event: e, Raw: r.Body}}, nil
}

// answers lists texts, numbers and booleans by their names, those inside of
// others by both: lead.phone.
func answers(all map[string]any, within string, doc connectors.JSON) {
	for name, value := range doc.Members() {
		if value.IsObject() {
			answers(all, within+name+".", value)
		} else if v := value.Value(); v != nil {
			all[within+name] = v
		}
	}
}

// Relays implements connectors.Relay: a typebot passes on what was typed.
func (c *channel) Relays() {}

// Format keeps secrets out of whatever prints a channel.
func (c *channel) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "typebot channel") }
