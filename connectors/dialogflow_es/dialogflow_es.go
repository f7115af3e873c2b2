// Package dialogflowes is the channel of Dialogflow ES agents: they run the
// conversation and call usher's webhook for the intents that say so, to ask what
// is known, to have values kept, or for a turn of a flow.
package dialogflowes

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"usher/connectors"
	"usher/contacts"
)

const (
	// maxAnswer is how much Dialogflow reads of an answer, in bytes.
	maxAnswer = 64 << 10
	// lifespan of the context usher, in turns of the agent.
	lifespan = 5
	// ownContext ends the name of the context that usher sets.
	ownContext = "/contexts/usher"
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
		return nil, fmt.Errorf("dialogflow_es: %w", err)
	}
	shared, err := connectors.NewFulfilment(s)
	if err != nil {
		return nil, fmt.Errorf("dialogflow_es: %w", err)
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
	session := doc.Get("session").Text()
	query, origin := doc.Get("queryResult"), doc.Get("originalDetectIntentRequest")
	e := connectors.Event{
		Kind:      connectors.KindFulfilment,
		MessageID: doc.Get("responseId").ID(),
		Action:    query.Get("action").Text(),
		Intent:    query.Get("intent", "displayName").Text(),
		Text:      query.Get("queryText").Text(),
		Language:  query.Get("languageCode").Text(),
		Source:    origin.Get("source").Text(),
	}
	e.DedupeKey = e.MessageID
	if phone, err := contacts.ParsePhone(origin.Get("payload", "telephony", "caller_id").Text(), c.country); err == nil {
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

// keep takes the intent's parameters. One whose default is a value of the
// context usher, which an earlier answer set, was not said by the person.
func (c *channel) keep(e *connectors.Event, doc connectors.JSON) {
	var told map[string]any
	for context := range doc.Get("queryResult", "outputContexts").Elements() {
		if strings.HasSuffix(context.Get("name").Text(), ownContext) {
			told = context.Get("parameters").Object()
		}
	}
	c.Keep(e, doc, doc.Get("queryResult", "parameters").Object(), func(name string, value any) bool {
		said, _ := told[name+".original"].(string) // what the person said, where the agent took it from that
		return c.WasTold(told, name) && said == "" && reflect.DeepEqual(told[name], value)
	})
}

// answer is a webhook response.
type answer struct {
	Messages []message `json:"fulfillmentMessages,omitempty"` // none: the agent's own responses stand
	Contexts []context `json:"outputContexts,omitempty"`
}

type message struct {
	Text texts `json:"text"`
}

type texts struct {
	Text []string `json:"text"`
}

type context struct {
	Name       string         `json:"name"`
	Lifespan   int            `json:"lifespanCount"`
	Parameters map[string]any `json:"parameters"`
}

// Respond sets the context usher: who the person is, and each known value, so
// that #usher.email can be a parameter's default.
func (c *channel) Respond(r *connectors.Request, t connectors.Turn) connectors.Response {
	var out answer
	for _, said := range connectors.CapabilitiesOf("dialogflow_es").RenderTexts(t.Replies) {
		out.Messages = append(out.Messages, message{texts{[]string{said}}})
	}
	doc, err := connectors.ReadJSON(r.Body)
	session := doc.Get("session").Text()
	if err != nil || session == "" {
		return connectors.AnswerJSON(out)
	}
	person, parameters := c.Tell(t)
	for name, value := range person {
		parameters[name] = value
	}
	out.Contexts = []context{{session + ownContext, lifespan, parameters}}
	response := connectors.AnswerJSON(out)
	if len(response.Body) > maxAnswer {
		// Who it is counts more than long texts, which no default needs.
		out.Contexts[0].Parameters = person
		response = connectors.AnswerJSON(out)
	}
	return response
}

// Format keeps secrets out of whatever prints a channel.
func (c *channel) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "dialogflow_es channel") }
