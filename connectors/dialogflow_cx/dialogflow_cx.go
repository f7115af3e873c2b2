// Package dialogflowcx is the channel of Dialogflow CX agents (Conversational
// Agents): they run the conversation and call usher's webhook in between, to ask
// what is known, to have values kept, or for a turn of a flow.
package dialogflowcx

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"usher/connectors"
	"usher/contacts"
)

type channel struct {
	*connectors.Fulfilment
	country string
}

var _ connectors.Responder = (*channel)(nil)

// New is the channel's Factory.
func New(setup connectors.Setup) (connectors.Connector, error) {
	var s connectors.FulfilmentSettings
	if err := setup.Settings.Decode(&s); err != nil {
		return nil, fmt.Errorf("dialogflow_cx: %w", err)
	}
	shared, err := connectors.NewFulfilment(s)
	if err != nil {
		return nil, fmt.Errorf("dialogflow_cx: %w", err)
	}
	return &channel{shared, setup.Country}, nil
}

// Parse reads one webhook request.
func (c *channel) Parse(r *connectors.Request) ([]connectors.Item, error) {
	doc, err := connectors.ReadJSON(r.Body)
	if err != nil {
		return nil, err
	}
	if !doc.IsObject() {
		return nil, fmt.Errorf("%w: no webhook request of Dialogflow", connectors.ErrUnreadable)
	}
	session := doc.Get("sessionInfo", "session").Text()
	e := connectors.Event{
		Kind:      connectors.KindFulfilment,
		MessageID: doc.Get("detectIntentResponseId").ID(),
		Action:    doc.Get("fulfillmentInfo", "tag").Text(),
		Intent:    doc.Get("intentInfo", "displayName").Text(),
		Trigger:   cmp.Or(doc.Get("triggerEvent").Text(), doc.Get("triggerIntent").Text()),
		Text:      cmp.Or(doc.Get("text").Text(), doc.Get("transcript").Text(), doc.Get("dtmfDigits").ID()),
		Language:  doc.Get("languageCode").Text(),
	}
	e.DedupeKey = e.MessageID
	if phone, err := contacts.ParsePhone(doc.Get("payload", "telephony", "caller_id").Text(), c.country); err == nil {
		e.Phone = phone
	}
	c.Identify(&e, doc, session[strings.LastIndexByte(session, '/')+1:])
	c.keep(&e, doc)
	item := connectors.Item{Event: e, Raw: r.Body}
	if e.ExternalID == "" {
		item.Problem = "webhook request without a session"
	}
	return []connectors.Item{item}, nil
}

// keep takes the session's parameters. An agent sends all of them with every
// request, also those that an earlier answer set: of these only what the person
// has said just now counts.
func (c *channel) keep(e *connectors.Event, doc connectors.JSON) {
	fresh := map[string]bool{}
	parameters := doc.Get("sessionInfo", "parameters").Object()
	if parameters == nil {
		parameters = map[string]any{}
	}
	for name, value := range doc.Get("intentInfo", "parameters").Members() {
		fresh[name] = true
		if _, there := parameters[name]; !there {
			parameters[name] = value.Get("resolvedValue").Value()
		}
	}
	for info := range doc.Get("pageInfo", "formInfo", "parameterInfo").Elements() {
		if info.Get("justCollected").True() {
			fresh[info.Get("displayName").Text()] = true
		}
	}
	person, _ := parameters["usher"].(map[string]any)
	c.Keep(e, doc, parameters, func(name string, _ any) bool {
		return c.WasTold(person, name) && !fresh[name]
	})
}

// answer is a webhook response.
type answer struct {
	Fulfillment *fulfillment `json:"fulfillmentResponse,omitempty"` // none: the agent's own responses stand alone
	Session     session      `json:"sessionInfo"`
}

type fulfillment struct {
	Messages []message `json:"messages"`
}

type message struct {
	Text texts `json:"text"`
}

type texts struct {
	Text []string `json:"text"`
}

type session struct {
	Parameters map[string]any `json:"parameters"`
}

// Respond sets the parameter usher and each known value; what is not known is
// left out, since null would remove what the agent has.
func (c *channel) Respond(_ *connectors.Request, t connectors.Turn) connectors.Response {
	person, parameters := c.Tell(t)
	parameters["usher"] = person
	out := answer{Session: session{parameters}}
	for _, said := range connectors.CapabilitiesOf("dialogflow_cx").RenderTexts(t.Replies) {
		if out.Fulfillment == nil {
			out.Fulfillment = &fulfillment{}
		}
		out.Fulfillment.Messages = append(out.Fulfillment.Messages, message{texts{[]string{said}}})
	}
	return connectors.AnswerJSON(out)
}

// Format keeps secrets out of whatever prints a channel.
func (c *channel) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "dialogflow_cx channel") }
