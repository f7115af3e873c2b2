package gateway

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"usher/connectors"
	"usher/contacts"
	"usher/internal/inbox"
	"usher/internal/outbox"
)

const ignored = inbox.Ignored

// outcome writes how the event ended: whose it is, what is answered or sent.
func (g *Gateway) outcome(t *turn) error {
	t.outcome.GuestID = guestIDOf(t.conv)
	if t.contact != nil {
		t.outcome.GuestID, t.outcome.ContactID = "", t.contact.ID
	}
	if err := g.utter(t); err != nil {
		return err
	}
	if t.ev.Kind == connectors.KindAct {
		answer, err := json.Marshal(t.acted)
		if err != nil {
			return fmt.Errorf("%w: encode answer: %w", errFlow, err)
		}
		t.outcome.Answer = answer
	}
	return t.explain()
}

// utter gives what is said its way out.
func (g *Gateway) utter(t *turn) error {
	if responderOf(t.ch, t.ev) != nil {
		return g.answer(t)
	}
	if err := g.timer(t, false); err != nil {
		return err
	}
	switch ch := t.ch.Connector.(type) {
	case connectors.Streamer:
		return nil // people read the transcript
	case connectors.Sender:
		return g.send(t, ch)
	}
	return nil
}

// responderOf is the channel as one whose platform waits for what is said to
// ev; nil if it does not.
func responderOf(ch *Channel, ev *connectors.Event) connectors.Responder {
	responder, _ := ch.Connector.(connectors.Responder)
	if picker, ok := ch.Connector.(connectors.Picker); ok && !picker.Answers(ev) {
		return nil
	}
	return responder
}

// send puts the replies of a turn into the outbox.
func (g *Gateway) send(t *turn, _ connectors.Sender) error {
	if len(t.messages) == 0 {
		return nil
	}
	to := t.ev.Address()
	for i, m := range t.messages {
		address, err := json.Marshal(to)
		if err != nil {
			return fmt.Errorf("%w: encode address: %w", errFlow, err)
		}
		to = to.Later()
		body, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("%w: encode reply: %w", errFlow, err)
		}
		t.replies = append(t.replies, outbox.Reply{
			ID: m.ID, Business: t.ch.Business.ID, Channel: t.ch.ID, Conversation: t.conv.ID,
			Part: inbox.PartOf(t.work.row.Lane), Pos: t.work.ref.Pos, Place: i, DueAt: t.now.UnixMicro(),
			Address: address, Body: body, CreatedAt: t.now.UnixMicro(),
		})
	}
	return nil
}

// answer keeps what a request-reply turn says on the event's row. What no
// request waits for any more goes through the channel's own way out, or comes
// first in the next answer.
func (g *Gateway) answer(t *turn) error {
	st := &t.conv.State
	// What a capture or an agent leads to is for the bot, not for the program that
	// sent it.
	waited := t.ev.Kind != connectors.KindCapture && t.ev.Kind != connectors.KindAct && g.answers.promise(t.work.row.ID, t.work.row.Dedupe)
	said := t.messages
	if waited && len(st.Pending) > 0 && !t.rerun {
		var late []connectors.Message
		if err := json.Unmarshal(st.Pending, &late); err == nil {
			said = append(late, said...)
		}
		st.Pending = nil
	}
	if !waited && len(t.messages) > 0 {
		if sender, ok := t.ch.Connector.(connectors.Sender); ok {
			if err := g.send(t, sender); err != nil {
				return err
			}
		} else if !t.rerun {
			var late []connectors.Message
			_ = json.Unmarshal(st.Pending, &late) // empty: none yet
			late = append(late, t.messages...)
			pending, err := json.Marshal(late[max(0, len(late)-maxPending):])
			if err != nil {
				return fmt.Errorf("%w: encode replies: %w", errFlow, err)
			}
			st.Pending = pending
		}
	}
	answered := storedTurn{Turn: g.turnOf(t.ch, t.conv, t.contact, t.waiting, said), Late: !waited && !t.spoken()}
	followed := waited && t.wait != nil && t.wait.Cause != connectors.CauseTimer
	if followed {
		next := firstWord(t.ch.Business, t.ch.ID, t.conv.ID, t.wait)
		g.answers.expectNext(t.work.row.ID, t.work.row.Dedupe, next)
		answered.Then = hex.EncodeToString(next[:])
	}
	if err := g.timer(t, followed); err != nil {
		return err
	}
	answer, err := json.Marshal(answered)
	if err != nil {
		return fmt.Errorf("%w: encode answer: %w", errFlow, err)
	}
	t.outcome.Answer = answer
	return nil
}

// maxPending bounds the late replies that wait for a bot's next turn.
const maxPending = 20

// turnOf is the person as the conversation may see them, and what is said.
func (g *Gateway) turnOf(ch *Channel, conv *contacts.Conversation, c *contacts.Contact, waiting string, said []connectors.Message) connectors.Turn {
	view := viewOf(conv, c)
	t := connectors.Turn{
		Type: string(contacts.TypeOf(view)), Known: map[string]bool{}, Values: map[string]any{},
		ConversationID: conv.ID, Handling: string(conv.Handling), Replies: []connectors.TurnReply{},
	}
	status := conv.State.Status
	if c != nil && seesAll(conv, c) {
		status = c.Status
	}
	if status != "" {
		t.Status = &status
	}
	if waiting != "" {
		t.WaitingFor = &waiting
	}
	// A claim shows nothing, not even that there is a contact.
	if c != nil && conv.Linked {
		t.ContactID = &c.ID
	} else {
		guest := guestIDOf(conv)
		t.GuestID = &guest
	}
	for _, f := range ch.Business.Fields.All() {
		if !f.IsValue() {
			continue
		}
		v := view[f.Name]
		t.Known[f.Name] = v != nil
		if v != nil {
			t.Values[f.Name] = v
		}
	}
	for _, m := range said {
		r := connectors.TurnReply{Text: m.Text, Media: m.Media, Buttons: m.Buttons, Form: m.Form}
		if r.Media == nil {
			r.Media = []connectors.Media{}
		}
		if r.Buttons == nil {
			r.Buttons = []connectors.Button{}
		}
		t.Replies = append(t.Replies, r)
	}
	return t
}
