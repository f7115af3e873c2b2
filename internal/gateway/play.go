package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/flows"
	"usher/internal/ids"
	"usher/internal/inbox"
)

// capture is one value that a turn learnt.
type capture struct {
	field  string
	value  any
	source contacts.Source
}

// effects is what a turn's flow wants done besides talking.
type effects struct {
	status     *string
	assignee   *string // the id of an agent; empty: nobody
	addTags    []string
	removeTags []string
	push       [][]string // destinations; an empty list stands for all
	sources    map[string]contacts.Source
}

// play lets one conversation take its step: what the event itself says is kept,
// then the flow runs. It changes the conversation's state and reads nothing but
// flow versions, so that running a guest's events again gives the same guest.
func (g *Gateway) play(ctx context.Context, t *turn) error {
	if t.ch == nil || t.conv == nil {
		return nil
	}
	if t.conv.State.Said == nil {
		t.conv.State.Said = contacts.Values{}
	}
	if t.ev.Kind == connectors.KindAct {
		t.address()
	}
	if t.guest != nil && t.guest.Applied == t.work.row.ID {
		return g.again(ctx, t)
	}
	t.wasAtDesk = atDesk(t.conv)
	if !t.past {
		if err := g.notDoneYet(ctx, t); err != nil {
			return err
		}
	}
	if t.spoken() {
		g.hear(t)
		g.keepEvent(t)
		t.visit()
	}
	if err := g.goOn(ctx, t); err != nil || t.conv == nil {
		return err
	}
	t.conv.UpdatedAt = t.now
	if t.guest != nil {
		// What became visible late does not take back how far the guest has come:
		// a rebuild would run what came after it once more.
		t.guest.Applied, t.guest.AppliedPos = t.work.row.ID, max(t.guest.AppliedPos, t.work.ref.Pos)
		effects, err := t.guestEffects()
		if err != nil {
			return err
		}
		t.guest.Effects = effects
	}
	return nil
}

// goOn lets whoever is to answer the event do so.
func (g *Gateway) goOn(ctx context.Context, t *turn) error {
	switch {
	case t.ev.Kind == connectors.KindAct:
		return g.act(ctx, t)
	case !answerable(t.ev), t.spoken() && !flowAnswers(t.conv):
		t.keepForm(g, nil, nil)
		return nil
	case t.spoken() && isClosed(t.conv):
		t.conv.State.Desk = nil
	}
	if err := g.run(ctx, t); err != nil || t.conv == nil {
		return err
	}
	g.say(t)
	return nil
}

// flowAnswers says whether what the person says is for the flow, and not for the
// people who answer the conversation.
func flowAnswers(conv *contacts.Conversation) bool {
	return conv.Handling != contacts.Queued && conv.Handling != contacts.ByAgent
}

// answerable says whether a flow may answer an event: not our own side, not what
// somebody else answers, and of what a bot platform asks only what it wants a
// flow for.
func answerable(ev *connectors.Event) bool {
	return ev.Direction != connectors.DirectionOut && !ev.Standby &&
		(ev.Kind != connectors.KindFulfilment || ev.Action == connectors.ActionFlow)
}

// notDoneYet makes sure that an event from before what a guest has already taken
// in became visible late, and is not one that another node has brought to its
// end. Finish would find out too, but a guest's own store comes before it.
func (g *Gateway) notDoneYet(ctx context.Context, t *turn) error {
	if t.guest == nil || t.work.ref.Pos > t.guest.AppliedPos {
		return nil
	}
	found, err := g.inbox.Load(ctx, []int64{t.work.row.ID})
	if err != nil {
		return err
	}
	if row := found[t.work.row.ID]; row == nil || row.State != inbox.Accepted {
		return inbox.ErrConflict
	}
	return nil
}

// again yields what an event that a guest has already taken in led to, from the
// guest's transcript.
func (g *Gateway) again(ctx context.Context, t *turn) error {
	lines, err := g.guestStore().Transcript(ctx, t.guest.ID, 0, contacts.TranscriptLimit)
	if err != nil {
		return err
	}
	t.rerun = true
	if err := t.takeGuestEffects(t.guest.Effects); err != nil {
		return err
	}
	if t.wait != nil && t.ev.Kind == connectors.KindAct {
		t.ev.Session = sessionOf(&t.conv.State, t.wait.Run)
	}
	for _, line := range lines {
		if line.EventID != t.work.row.ID || !line.Out {
			continue
		}
		t.acted.Seq = line.Seq // an agent's own is the last
		if line.Private {
			continue
		}
		var m connectors.Message
		if err := json.Unmarshal(line.Body, &m); err != nil {
			return fmt.Errorf("%w: decode line: %w", errFlow, err)
		}
		m.ID = line.ID
		t.messages = append(t.messages, m)
	}
	return nil
}

// hear writes what the person said, or our side said elsewhere, into the
// transcript.
func (g *Gateway) hear(t *turn) {
	m := connectors.Message{Text: t.ev.Text, Media: t.ev.Media}
	for _, b := range t.ev.Buttons {
		m.Buttons = append(m.Buttons, connectors.Button{Title: b.Title, Value: b.Payload})
	}
	switch {
	case t.ev.Kind == connectors.KindForm:
		m.Text = formText(formOf(t.ev), t.ev.Text)
	case t.ev.Location != nil && m.Text == "":
		m.Text = fmt.Sprintf("%v, %v", t.ev.Location.Latitude, t.ev.Location.Longitude)
	case t.ev.Reply != nil && m.Text == "":
		m.Text = cmp.Or(t.ev.Reply.Title, t.ev.Reply.ID)
	case t.ev.Kind == connectors.KindReaction && t.ev.Reaction != nil:
		m.Text = t.ev.Reaction.Emoji
	case t.ev.Kind == connectors.KindUnsupported:
		m.Text = "[" + t.ev.RawType + "]"
	case t.ev.Kind == connectors.KindStarted, t.ev.Kind == connectors.KindCapture, t.ev.Kind == connectors.KindConsent:
		return
	}
	if m.Text == "" && len(m.Media) == 0 && len(m.Buttons) == 0 {
		return // nothing was said
	}
	if t.ev.Kind == connectors.KindFulfilment && t.ev.MessageID != "" {
		if t.conv.State.Heard == t.ev.MessageID {
			return // written down when it was first asked about
		}
		t.conv.State.Heard = t.ev.MessageID
	}
	state := ""
	if t.ev.Direction == connectors.DirectionOut {
		state = "sent"
	}
	id := t.ev.MessageID
	if id == "" || !isASCII(id) { // ids are ascii columns
		id = ids.Format("msg", t.work.row.ID)
	}
	t.line(id, t.ev.Direction == connectors.DirectionOut, m, state)
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

func (t *turn) line(id string, out bool, m connectors.Message, state string) {
	m.ID = ""
	body, err := json.Marshal(m)
	if err != nil {
		return // a message is texts and numbers
	}
	t.conv.State.Seq++
	t.lines = append(t.lines, contacts.Line{ID: cutID(id), Seq: t.conv.State.Seq, Out: out, Body: body, At: t.now,
		EventID: t.work.row.ID, State: state, Conversation: t.conv.ID})
}

// cutID keeps a platform's message id within a column.
func cutID(id string) string {
	if len(id) > 64 {
		return id[:64]
	}
	return id
}

// keepEvent keeps what the event says of its person: proven values, what a bot
// knows, answers to consent.
func (g *Gateway) keepEvent(t *turn) {
	st := &t.conv.State
	if t.ev.Direction == connectors.DirectionOut {
		return
	}
	if t.ev.Kind != connectors.KindCapture {
		st.Address = nil
		if to := t.ev.Address().Later(); to != (connectors.Address{ExternalID: to.ExternalID}) {
			st.Address, _ = json.Marshal(to) // texts alone
		}
	}
	if t.ev.Name != "" {
		st.RawName = t.ev.Name
	}
	if t.ev.Given != nil {
		st.Consent = &contacts.Consent{Given: *t.ev.Given, At: t.now}
	}
	t.keepSystem()
	if t.ev.Session != "" {
		t.sessions = append(t.sessions, sqlstore.Session{Business: t.ch.Business.ID, Channel: t.ch.ID,
			Session: t.ev.Session, ExternalID: t.ev.ExternalID, SeenAt: t.now})
	}
	source := contacts.Source{Channel: t.ch.ID, Via: "channel"}
	if t.ev.Kind == connectors.KindCapture {
		source.Via = "api"
		if via, ok := t.ev.System["via"].(string); ok {
			source.Via = via
		}
	}
	known := t.view()
	fill := func(field, value string) {
		if value != "" && known[field] == nil {
			g.keep(t, field, value, source)
		}
	}
	if t.ev.Verified && t.ev.Name != "" && known["name"] == st.Said["name"] {
		g.keep(t, "name", t.ev.Name, source) // signed beats what was only said here
	}
	fill("name", t.ev.Name)
	fill("language", t.ev.Language)
	if t.ev.Phone != "" {
		g.keep(t, "phone", t.ev.Phone, source)
	}
	if t.ev.Email != "" {
		g.keep(t, "email", t.ev.Email, source)
	}
	if t.ev.Verified && t.ev.CustomerID != "" {
		st.Said.Set("customer_id", t.ev.CustomerID)
		t.captured = append(t.captured, capture{"customer_id", t.ev.CustomerID, source})
	}
	own := t.ownCountry(known)
	for _, name := range sortedKeys(t.ev.Parameters) {
		if value, ok, err := parseValue(t.ch.Business, own, name, t.ev.Parameters[name]); err == nil && ok {
			g.keep(t, name, value, source)
		}
	}
	t.prove()
}

// keepForm keeps what a bot's own form says about the person: the fields that the
// run, nil if none waits, has not asked for. Those it has are for its flow to
// judge; a browser's form answers what was asked and no more.
func (t *turn) keepForm(g *Gateway, flow *flows.Flow, run *flows.Run) {
	if _, isBot := t.ch.Connector.(connectors.Responder); !isBot || t.ev.Kind != connectors.KindForm {
		return
	}
	own := t.ownCountry(t.view())
	for _, name := range sortedKeys(t.ev.Form) {
		if run != nil && flow.Wants(run, name) || slices.Contains(t.provenFields(), name) {
			continue
		}
		if value, ok, err := parseValue(t.ch.Business, own, name, t.ev.Form[name]); err == nil && ok {
			g.keep(t, name, value, contacts.Source{Channel: t.ch.ID, Via: "form"})
		}
	}
}

// prove notes which of the person's fields are proven from here on.
func (t *turn) prove() {
	st := &t.conv.State
	var proven []string
	for _, a := range t.proven {
		if said := st.Said.Text(a.Kind); said != "" && contacts.AddressKey(a.Kind, said) == a.Value {
			proven = append(proven, a.Kind)
		}
	}
	if name, err := contacts.ParseName(t.ev.Name); t.ev.Verified && err == nil && st.Said["name"] == name {
		proven = append(proven, "name", "first_name", "middle_name", "last_name")
	}
	t.vouched = proven
}

// provenFields are the fields whose value is known to be the person's: proven
// now, or before and still what the contact has.
func (t *turn) provenFields() []string {
	if t.contact != nil && seesAll(t.conv, t.contact) {
		return union(t.contact.Proven, t.vouched)
	}
	return t.vouched
}

// ownCountry is the person's, as far as it is known, else where the event is
// from; empty: nobody knows.
func (t *turn) ownCountry(known contacts.Values) string {
	if country := known.Text("country"); country != "" {
		return country
	}
	return countryOf(t.ev)
}

// keep takes a value to be what the person says now. One that the conversation
// has said before is no news, so a bot that repeats it undoes nobody's edit.
func (g *Gateway) keep(t *turn, field string, value any, source contacts.Source) {
	if t.conv.State.Said[field] == value {
		return
	}
	if f, ok := t.ch.Business.Fields.Lookup(field); ok && f.Settable {
		if parsed, err := f.Parse(value, t.ch.Business.locale()); err == nil {
			value = parsed
		}
	}
	if t.conv.State.Said[field] == value || field == "name" && t.guest != nil && value == contacts.PseudonymOf(t.guest.ID, t.guest.Seed).Name {
		return
	}
	t.learn(field, value, source)
}

// learn notes a value and, with a guest, where it came from.
func (t *turn) learn(field string, value any, source contacts.Source) {
	st := &t.conv.State
	st.Said.Set(field, value)
	t.captured = append(t.captured, capture{field, value, source})
	if t.guest == nil {
		return
	}
	delete(st.Sources, field)
	if value != nil && source.Via != "channel" {
		if st.Sources == nil {
			st.Sources = map[string]contacts.Source{}
		}
		st.Sources[field] = source
	}
}

// run lets the channel's flow answer: the run that waits goes on, unless the
// event begins another flow; else the first of the channel's begins whose start
// holds.
func (g *Gateway) run(ctx context.Context, t *turn) error {
	st := &t.conv.State
	var failed error
	find := func(id string, version int) *flows.Flow {
		flow, err := g.versions.find(ctx, g.DB, t.ch.Business, id, version)
		failed = cmp.Or(failed, err)
		return flow
	}
	run, flow := g.currentRun(t, find)
	if !t.spoken() && failed == nil && (run == nil || !flow.Expects(run, t.ev.Resume)) {
		t.passOver("no run waits for this any more")
		return nil
	}
	t.keepForm(g, flow, run)
	in := t.input()
	t.awaits(run, flow)
	if chosen := t.choose(run, flow, in, find); chosen != nil {
		run, flow = nil, chosen
		t.notices = append(t.notices, startedRun(chosen.ID))
		st.RunSince = t.now
		st.Begun++
	}
	if flow == nil || failed != nil {
		return failed
	}
	result := flows.Advance(flow, run, in, find)
	t.begun(result, find)
	if failed != nil {
		return failed
	}
	t.absorb(flow, result)
	if result.Run == nil {
		t.notices = append(t.notices, closedRun(flow.ID, runEnded))
	}
	return keepRun(st, t.ev.Session, result.Run)
}

// input is what a flow gets to know of the turn.
func (t *turn) input() flows.Turn {
	return flows.Turn{Event: t.ev, Person: t.person(), Channel: t.ch.Shows(), ChannelID: t.ch.ID,
		Country: t.ch.Business.Country, Timezone: t.ch.Business.Timezone, Now: t.now,
		Visit: t.visited(), EventID: t.work.row.ID, ConversationID: t.conv.ID}
}

// absorb takes what a flow did into the turn.
func (t *turn) absorb(flow *flows.Flow, result flows.Result) {
	t.messages, t.trace, t.waiting = result.Messages, append(t.trace, result.Trace...), result.WaitingFor
	for _, c := range result.Captured {
		source := contacts.Source{Channel: t.ch.ID, Flow: flow.ID, Step: c.Step, Via: c.Via}
		t.learn(c.Field, c.Value, source)
	}
	t.handle(result)
	st := &t.conv.State
	if len(result.Effects) > 0 {
		set := contacts.Source{Channel: t.ch.ID, Flow: flow.ID, Via: "set"}
		t.effects.sources = map[string]contacts.Source{"status": set, "tags": set, "assignee_id": set}
	}
	for _, e := range result.Effects {
		switch e.Kind {
		case flows.SetStatus:
			st.Status = e.Status
			t.effects.status = &st.Status
		case flows.SetConsent:
			st.Consent = &contacts.Consent{Given: e.Given, At: t.now}
		case flows.AddTags:
			st.Tags = union(st.Tags, e.Tags)
			t.effects.addTags = union(t.effects.addTags, e.Tags)
		case flows.RemoveTags:
			st.Tags = without(st.Tags, e.Tags)
			t.effects.removeTags = union(t.effects.removeTags, e.Tags)
		case flows.Note:
			t.write(flow.ID, e.Text)
		case flows.SetAssignee:
			st.Assignee = &e.Assignee
		case flows.Push:
			t.effects.push = append(t.effects.push, e.Destinations)
		}
	}
}

// currentRun is the run that waits in this conversation, with the version of the
// flow that it started with; nil if none does.
func (g *Gateway) currentRun(t *turn, find flows.Find) (*flows.Run, *flows.Flow) {
	raw := t.conv.State.Runs[t.ev.Session]
	if raw == nil {
		return nil, nil
	}
	run := &flows.Run{}
	if err := run.UnmarshalBinary(raw); err != nil {
		g.Log.Warn("a run was unreadable and starts anew", "conversation", t.conv.ID, "error", err)
		return nil, nil
	}
	flow := find(run.Flow, run.Version)
	if flow == nil {
		return nil, nil
	}
	return run, flow
}

// maxRuns bounds the sessions of one person that are remembered at once.
const maxRuns = 8

// keepRun remembers a run that waits, or forgets one that has ended.
func keepRun(st *contacts.State, session string, run *flows.Run) error {
	if run == nil {
		delete(st.Runs, session)
		return nil
	}
	raw, err := run.MarshalBinary()
	if err != nil {
		return fmt.Errorf("%w: encode run: %w", errFlow, err)
	}
	if st.Runs == nil {
		st.Runs = map[string][]byte{}
	}
	if _, ok := st.Runs[session]; !ok && len(st.Runs) >= maxRuns {
		delete(st.Runs, sortedKeys(st.Runs)[0])
	}
	st.Runs[session] = raw
	return nil
}

// person is what the flow may know.
func (t *turn) person() flows.Person {
	st := t.conv.State
	p := flows.Person{Values: t.view().Clone(), Proven: t.provenFields(), Status: st.Status, Tags: st.Tags, Consent: st.Consent}
	if st.Assignee != nil {
		p.Assignee = *st.Assignee
	}
	if t.contact != nil && seesAll(t.conv, t.contact) {
		p.Status, p.Tags, p.Assignee = t.contact.Status, t.contact.Tags, t.contact.AssigneeID
		// What this turn has said already counts, though it is not written yet.
		for _, c := range t.captured {
			p.Values.Set(c.field, c.value)
		}
	}
	return p
}

// say writes what our side says into the transcript and on its way.
func (g *Gateway) say(t *turn) {
	for i := range t.messages {
		t.messages[i].ID = ids.Of("msg", t.work.row.ID, i+1)
		t.line(t.messages[i].ID, true, t.messages[i], "sent")
	}
}

// Shows is what the channel can show.
func (ch *Channel) Shows() connectors.Capabilities {
	if d, ok := ch.Connector.(connectors.Describer); ok {
		return d.Capabilities()
	}
	return connectors.CapabilitiesOf(ch.ID)
}

// parseValue reads a value for a field, as in the person's own country if that
// is known, else as in the business's. ok is false for what is no settable field
// and for blanks, which leave a value as it is.
func parseValue(b *Business, own, name string, raw any) (value any, ok bool, fault *contacts.Invalid) {
	f, found := b.Fields.Lookup(name)
	if !found || !f.Settable {
		return nil, false, nil
	}
	l := b.locale()
	if own != "" && own != l.Country {
		if value, err := f.Parse(raw, contacts.Locale{Country: own, Timezone: l.Timezone}); err == nil {
			return value, true, nil
		}
	}
	value, err := f.Parse(raw, l)
	if err != nil {
		if invalid := asInvalid(err); invalid != nil {
			return nil, false, invalid
		}
		return nil, false, nil
	}
	return value, true, nil
}

func (b *Business) locale() contacts.Locale {
	return contacts.Locale{Country: b.Country, Timezone: b.Timezone}
}

func formOf(ev *connectors.Event) map[string]any {
	if ev.Form != nil {
		return ev.Form
	}
	if ev.Fields != nil {
		return ev.Fields
	}
	if ev.Reply != nil {
		return ev.Reply.Data
	}
	return nil
}

func formText(form map[string]any, text string) string {
	var parts []string
	for _, name := range sortedKeys(form) {
		parts = append(parts, fmt.Sprintf("%s: %v", name, form[name]))
	}
	if len(parts) == 0 {
		return text
	}
	return strings.Join(parts, "\n")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
