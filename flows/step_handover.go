package flows

import (
	"strconv"
	"time"

	"usher/connectors"
)

// handover asks for a person. What comes of it is told by the events that the
// run then waits for: who is there, who has taken it, who gave it back.
//
//   - handover:
//     team: sales
//     wait: 2m
//     say: {success: In a moment., nobody: Everybody is busy., closed: We are back at nine., disabled: Chat is off today.}
//     go: bye          # an agent gave the conversation back
//     otherwise: reach # nobody in time, closed or off
type handover struct {
	at          place // of the step's key
	team, agent string
	wait        time.Duration
	success     *template // nil: nothing is said
	nobody      *template
	closed      *template
	disabled    *template
}

// defaultPatience is how long a person waits for an agent if the flow does not
// say.
const defaultPatience = 2 * time.Minute

// How far a handover is, in Run.tries.
const (
	handoverAsked = iota
	handoverQueued
	handoverNobody
	handoverTaken
)

func readHandover(r *reader, o *object, e entry, _ *step) body {
	b := &handover{at: e.at(), wait: defaultPatience}
	h, ok := r.object(e.value, e.at(), "handover")
	if !ok {
		return b
	}
	b.team, _, _ = h.text("team")
	agent, at, ok := h.text("agent")
	if b.agent = agent; ok && b.team != "" {
		r.fault(at.at(), "a handover asks for a team or an agent, not both")
	}
	b.wait = h.span("wait", defaultPatience)
	if says, ok := h.take("say"); ok {
		if texts, ok := r.object(says.value, says.at(), "say"); ok {
			r.text(texts, "success", &b.success)
			r.text(texts, "nobody", &b.nobody)
			r.text(texts, "closed", &b.closed)
			r.text(texts, "disabled", &b.disabled)
			texts.done()
		}
	}
	h.done()
	return b
}

func (b *handover) enter(m *machine, _ *step) verdict {
	m.run.tries = handoverAsked
	m.await(Wait{Cause: connectors.CauseHandover, Team: b.team, Agent: b.agent, At: m.turn.Now.Add(b.wait)})
	m.trace("asked for a person", b.whom())
	return verdict{do: wait}
}

func (b *handover) whom() string {
	switch {
	case b.team != "":
		return "team " + b.team
	case b.agent != "":
		return "agent " + b.agent
	default:
		return "anybody"
	}
}

// resume: what the person writes meanwhile is for the agent to read.
func (b *handover) resume(m *machine, _ *step) verdict {
	if isInput(m.turn.Event.Kind) {
		m.trace("left to the agent", "")
	}
	return verdict{do: wait}
}

func (b *handover) cause() string { return connectors.CauseHandover }

func (b *handover) resumed(m *machine, _ *step, r *connectors.Resume) verdict {
	switch r.Outcome {
	case connectors.OutcomeQueued:
		if m.run.tries == handoverAsked {
			b.say(m, b.success)
			m.run.tries = handoverQueued
			m.trace("queued", because("agents are there", r.Detail))
		}
	case connectors.OutcomeNobody:
		if m.run.tries == handoverAsked {
			b.say(m, b.nobody)
			m.run.tries = handoverNobody
			m.trace("queued", because("no agent is available", r.Detail))
		}
	case connectors.OutcomeTaken:
		if m.run.tries == handoverAsked || m.run.tries == handoverNobody {
			b.say(m, b.success)
		}
		m.run.tries = handoverTaken
		m.trace("taken", because("an agent has the conversation", r.Detail))
	case connectors.OutcomeReturned:
		m.trace("returned", because("an agent gave the conversation back", r.Detail))
		m.run.heard = 0 // the agent has answered it
		return verdict{do: next}
	case connectors.OutcomeClosed:
		b.say(m, b.closed)
		return b.failed(m, because("out of business hours", r.Detail))
	case connectors.OutcomeDisabled:
		b.say(m, b.disabled)
		return b.failed(m, because("handover is switched off", r.Detail))
	case connectors.OutcomeTimeout:
		if m.run.tries == handoverTaken {
			return verdict{do: wait}
		}
		if m.run.tries != handoverNobody { // told already
			b.say(m, b.nobody)
		}
		return b.failed(m, because("nobody took it in time", r.Detail))
	}
	return verdict{do: wait}
}

func (b *handover) say(m *machine, t *template) {
	if t != nil {
		m.say(connectors.Message{Text: t.render(m)})
	}
}

func (b *handover) failed(m *machine, why string) verdict {
	m.result.Effects = append(m.result.Effects, Effect{Kind: FollowUp})
	m.trace("failed", why)
	return verdict{do: fail}
}

func (b *handover) handling(r *Run) string {
	if r.tries == handoverTaken {
		return byAgent
	}
	return queued
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

// because joins what happened with what is said about it.
func because(what, detail string) string {
	if detail == "" {
		return what
	}
	return what + ": " + detail
}
