package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/connectors"
	"usher/flows"
	"usher/internal/gateway"
)

// maxTryTurns is more than a person plays at once.
const maxTryTurns = 100

// tryFlowBody is a conversation with a flow, or its next turns.
type tryFlowBody struct {
	Text    string            `json:"text,omitempty" doc:"What the visitor says; or turns"`
	Turns   []json.RawMessage `json:"turns,omitempty" doc:"What happens in turn: texts that the visitor says, or objects as in a flow's test: say, choose, fill, after, call, bot, handover, event"`
	State   string            `json:"state,omitempty" doc:"Of the answer before, to go on with that conversation"`
	Known   map[string]any    `json:"known,omitempty" doc:"What is known of the visitor, by field; also status and tags"`
	Channel string            `json:"channel,omitempty" doc:"Type or id of the channel that shows the replies; left out: webchat"`
	Version int               `json:"version,omitempty" doc:"Left out: the draft"`
}

// triedCapture is one value that the flow kept.
type triedCapture struct {
	Field string `json:"field"`
	Value any    `json:"value"`
	Via   string `json:"via"`
	Step  string `json:"step,omitempty"`
}

type tryFlowAnswer struct {
	Body struct {
		Replies    []connectors.TurnReply `json:"replies"`
		Captured   []triedCapture         `json:"captured"`
		Pushed     []string               `json:"pushed" doc:"Destinations that the contact would go to; all: every one"`
		Trace      []string               `json:"trace" doc:"What each step did and why, a line each"`
		Known      map[string]any         `json:"known" doc:"What the flow knows of the visitor now"`
		Vars       map[string]any         `json:"vars"`
		WaitingFor *string                `json:"waiting_for" doc:"The field or variable that is asked for"`
		Awaits     *string                `json:"awaits" enum:"timer,call,bot,handover" doc:"What the flow waits for besides the visitor"`
		Started    bool                   `json:"started" doc:"False: the flow does not start with this"`
		Ended      bool                   `json:"ended"`
		State      string                 `json:"state" doc:"Send it with the next turns"`
	}
}

type tryFlowInput struct {
	ByID
	Raw
}

// tryFlow plays turns of a conversation with a flow; nothing is kept or sent.
func (s *Server) tryFlow(ctx context.Context, in *tryFlowInput) (*tryFlowAnswer, error) {
	var body tryFlowBody
	if err := decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	happenings, err := happeningsOf(&body)
	if err != nil {
		return nil, err
	}
	trial, err := s.trial(ctx, in.ID, &body)
	if err != nil {
		return nil, err
	}
	answer := &tryFlowAnswer{}
	out := &answer.Body
	out.Replies, out.Captured, out.Pushed, out.Trace = []connectors.TurnReply{}, []triedCapture{}, []string{}, []string{}
	for i, h := range happenings {
		result, err := h.Play(trial)
		out.Started = !errors.Is(err, flows.ErrNotStarted)
		if err != nil && out.Started {
			return nil, invalid(fault{Field: turnName(&body, i), Code: "invalid", Detail: err.Error()})
		}
		answer.add(result)
	}
	person := trial.Person()
	out.Known, out.Vars, out.Ended = map[string]any{}, trial.Variables(), trial.Ended()
	for name, value := range person.Values {
		out.Known[name] = value
	}
	if person.Status != "" {
		out.Known["status"] = person.Status
	}
	if len(person.Tags) > 0 {
		out.Known["tags"] = person.Tags
	}
	if trial.Waits() {
		out.WaitingFor = orNull(trial.Last.WaitingFor)
	}
	if w, ok := trial.Awaits(); ok {
		out.Awaits = &w.Cause
	}
	state, err := trial.State()
	if err != nil {
		return nil, err
	}
	out.State = base64.RawURLEncoding.EncodeToString(state)
	return answer, nil
}

func (a *tryFlowAnswer) add(r flows.Result) {
	out := &a.Body
	for _, m := range r.Messages {
		reply := connectors.TurnReply{Text: m.Text, Media: m.Media, Buttons: m.Buttons, Form: m.Form}
		if reply.Media == nil {
			reply.Media = []connectors.Media{}
		}
		if reply.Buttons == nil {
			reply.Buttons = []connectors.Button{}
		}
		out.Replies = append(out.Replies, reply)
	}
	for _, c := range r.Captured {
		out.Captured = append(out.Captured, triedCapture{c.Field, c.Value, c.Via, c.Step})
	}
	for _, e := range r.Effects {
		switch {
		case e.Kind != flows.Push:
		case len(e.Destinations) == 0:
			out.Pushed = append(out.Pushed, "all")
		default:
			out.Pushed = append(out.Pushed, e.Destinations...)
		}
	}
	for _, line := range r.Trace {
		out.Trace = append(out.Trace, line.String())
	}
}

func turnName(body *tryFlowBody, i int) string {
	if body.Turns == nil {
		return "text"
	}
	return fmt.Sprintf("turns[%d]", i)
}

// happeningsOf reads what is to be played.
func happeningsOf(body *tryFlowBody) ([]*flows.Happening, error) {
	turns := body.Turns
	switch {
	case body.Text != "" && turns != nil:
		return nil, invalid(fault{Field: "turns", Code: "invalid", Detail: "either text or turns"})
	case len(turns) > maxTryTurns:
		return nil, invalid(fault{Field: "turns", Code: "too_long", Detail: fmt.Sprintf("at most %d", maxTryTurns)})
	case body.Text != "":
		said, err := json.Marshal(body.Text)
		if err != nil {
			return nil, err
		}
		turns = []json.RawMessage{said}
	case len(turns) == 0:
		return nil, invalid(fault{Field: "text", Code: codeRequired, Detail: "what the visitor says, or turns"})
	}
	var all []*flows.Happening
	var faults []fault
	for i, raw := range turns {
		var said string
		if json.Unmarshal(raw, &said) == nil {
			raw, _ = json.Marshal(map[string]string{"say": said}) // a text is always JSON
		}
		happens, err := flows.ParseHappening(raw)
		if err != nil {
			faults = append(faults, fault{Field: turnName(body, i), Code: "invalid", Detail: err.Error()})
		}
		all = append(all, happens)
	}
	if faults != nil {
		return nil, invalid(faults...)
	}
	return all, nil
}

// trial is the conversation so far, with flows of its own.
func (s *Server) trial(ctx context.Context, id string, body *tryFlowBody) (*flows.Trial, error) {
	b := businessOf(ctx)
	stored, err := s.store(ctx).Flow(b.ID, id)
	if err != nil {
		return nil, err
	}
	version := body.Version
	if version == 0 {
		version = stored.Draft
	}
	kept, err := s.store(ctx).FlowVersion(b.ID, id, version)
	if err != nil {
		return nil, err
	}
	flow, problems := flows.Parse("document", kept.Document, b.Fields)
	if flow == nil {
		return nil, flowProblem(&gateway.FlowFaults{Problems: problems}, kept.Document)
	}
	flow.Version = version
	channel, shows, err := triedChannel(b, body.Channel)
	if err != nil {
		return nil, err
	}
	trial, err := flows.NewTrial(flow, ownFlows(b), b.Fields, flows.Turn{
		Channel: shows, ChannelID: channel, Country: b.Country, Timezone: b.Timezone, Now: time.Now(),
	})
	if err != nil {
		return nil, err
	}
	if body.State != "" {
		state, err := base64.RawURLEncoding.DecodeString(body.State)
		if err == nil {
			err = trial.Restore(state)
		}
		if err != nil {
			return nil, invalid(fault{Field: "state", Code: "invalid", Detail: "no state of a trial of this flow"})
		}
	}
	var faults []fault
	for _, name := range sortedNames(body.Known) {
		if err := trial.Know(name, body.Known[name]); err != nil {
			faults = append(faults, fault{Field: "known." + name, Code: "invalid", Detail: err.Error()})
		}
	}
	if faults != nil {
		return nil, invalid(faults...)
	}
	return trial, nil
}

// triedChannel is the channel whose replies are shown, by its type or id, and
// what it can show.
func triedChannel(b *gateway.Business, channel string) (string, connectors.Capabilities, error) {
	if channel == "" {
		channel = "webchat"
	}
	if own, ok := b.Channels[channel]; ok {
		return channel, own.Shows(), nil
	}
	kind, _, named := strings.Cut(channel, "/")
	if !slices.Contains(connectors.ChannelTypes(), kind) {
		return "", connectors.Capabilities{}, invalid(fault{Field: "channel", Code: codeUnknown, Detail: "want an id, or one of " + strings.Join(connectors.ChannelTypes(), ", ")})
	}
	if !named {
		channel += "/try"
	}
	return channel, connectors.CapabilitiesOf(kind), nil
}

// ownFlows finds published flows for one trial: those that serve carry only the
// variables that are read.
func ownFlows(b *gateway.Business) func(id string) *flows.Flow {
	own := map[string]*flows.Flow{}
	return func(id string) *flows.Flow {
		if flow, ok := own[id]; ok {
			return flow
		}
		served := b.Flows.Get(id)
		if served == nil {
			return nil
		}
		flow, _ := flows.Parse(id, served.Source, b.Fields)
		if flow != nil {
			flow.Version = served.Version
		}
		own[id] = flow
		return flow
	}
}
