package contacts

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// A guest's record is its version (8 bytes, big-endian, so that a script can
// compare it without reading on), the format, flags for what is there, then the
// parts in the order of writer.guest below. What can be worked out again is left out:
// ids that follow from the guest's, the whole name beside its parts.

const (
	guestFormat   = 1
	versionBytes  = 8
	maxGuestBytes = 1 << 20 // a guest has some hundred bytes; more than this is no guest
)

// defaultBusiness is the id of the only business that most installations have.
const defaultBusiness = "default"

// Flags of a guest's record: what it is, and which parts follow.
const (
	isDefaultBusiness = 1 << iota
	isLinked
	isConsentGiven
	isPlainAddress // {"external_id": …} and no more
	isComposedName // the whole name is what its parts give, and left out
	hasAddress
	hasConsent
	hasConversationID // other than the guest's own
	hasContactID
	hasEffects
	hasMovedTo
	hasStatus
	hasTags
	hasPending
	hasRawName
	hasDesk
	isTaken
	hasBegun
	hasVisit
	hasLanding
	hasSources
	hasSystem
	hasNotes
	hasAssignee
	hasHeard
)

// MovedVersion is the version of a guest that became a contact: nobody writes it
// again.
const MovedVersion = math.MaxInt64

// Marshal is the guest's record for a store, without the id. Times are kept to
// the millisecond.
func (g *Guest) Marshal() ([]byte, error) {
	if g.Conversation.Version < 0 {
		return nil, fmt.Errorf("guest %s: version %d", g.ID, g.Conversation.Version)
	}
	w := writer(make([]byte, versionBytes, 256))
	binary.BigEndian.PutUint64(w, uint64(g.Conversation.Version))
	w.byte(guestFormat)
	if err := w.guest(g); err != nil {
		return nil, fmt.Errorf("guest %s: %w", g.ID, err)
	}
	if len(w) > maxGuestBytes {
		return nil, fmt.Errorf("guest %s: %d bytes, %d are the most", g.ID, len(w), maxGuestBytes)
	}
	return w, nil
}

// UnmarshalGuest reads the record of the guest with that id. The guest shares no
// memory with data.
func UnmarshalGuest(id string, data []byte) (*Guest, error) {
	if len(data) < versionBytes+1 || len(data) > maxGuestBytes {
		return nil, fmt.Errorf("guest %s: %w", id, errCut)
	}
	version := binary.BigEndian.Uint64(data)
	if version > math.MaxInt64 {
		return nil, fmt.Errorf("guest %s: %w", id, errCut)
	}
	if format := data[versionBytes]; format != guestFormat {
		return nil, fmt.Errorf("guest %s: format %d is not known", id, format)
	}
	r := &reader{data: data[versionBytes+1:]}
	g := r.guest(id)
	g.Conversation.Version = int64(version)
	if err := r.end("guest " + id); err != nil {
		return nil, err
	}
	return g, nil
}

// GuestVersion is the version as the first bytes of a record have it; empty for
// a guest that is not there.
func GuestVersion(version int64) []byte {
	if version == 0 {
		return nil
	}
	return binary.BigEndian.AppendUint64(nil, uint64(version))
}

func (w *writer) guest(g *Guest) error {
	c, s := &g.Conversation, &g.Conversation.State
	flags := flagsOf(g)
	w.uint(flags)
	optional := func(flag uint64, text string) {
		if flags&flag != 0 {
			w.string(text)
		}
	}
	if flags&isDefaultBusiness == 0 {
		w.string(c.BusinessID)
	}
	w.string(c.Channel)
	w.string(c.ExternalID)
	optional(hasConversationID, c.ID)
	optional(hasContactID, c.ContactID)
	w.handling(c.Handling)
	w.time(c.CreatedAt, time.Time{})
	w.time(c.UpdatedAt, c.CreatedAt)
	w.time(g.ExpiresAt, c.UpdatedAt)
	w.int(g.Seed)
	w.int(g.Applied - g.Seed) // ids grow: near each other, they are short
	w.int(g.AppliedPos)
	optional(hasEffects, string(g.Effects))
	optional(hasMovedTo, g.MovedTo)

	optional(hasStatus, s.Status)
	if flags&hasTags != 0 {
		w.list(s.Tags)
	}
	w.uint(uint64(len(s.Runs)))
	for _, session := range slices.Sorted(maps.Keys(s.Runs)) {
		w.string(session)
		w.bytes(s.Runs[session])
	}
	optional(hasPending, string(s.Pending))
	w.int(s.Seq)
	if s.Consent != nil {
		w.time(s.Consent.At, c.UpdatedAt)
	}
	optional(hasAddress, string(s.Address))
	optional(hasRawName, s.RawName)
	optional(hasHeard, s.Heard)
	if s.Desk != nil {
		w.string(s.Desk.Team)
		w.string(s.Desk.AssigneeID)
		w.time(s.Desk.Since, c.UpdatedAt)
		w.time(s.Desk.Closed, c.UpdatedAt)
	}
	if flags&hasBegun != 0 {
		w.uint(uint64(s.Begun))
	}
	if flags&hasVisit != 0 {
		w.uint(uint64(s.Visit.Number))
		w.time(s.Visit.Since, c.UpdatedAt)
		w.time(s.Visit.Seen, c.UpdatedAt)
	}
	optional(hasLanding, s.Visit.Landing)
	if flags&hasSystem != 0 {
		system, err := json.Marshal(s.System)
		if err != nil {
			return err
		}
		w.bytes(system)
	}
	if flags&hasNotes != 0 {
		notes, err := json.Marshal(s.Notes)
		if err != nil {
			return err
		}
		w.bytes(notes)
	}
	if s.Assignee != nil {
		w.string(*s.Assignee)
	}
	if err := w.values(s.Said, flags&isComposedName != 0); err != nil {
		return err
	}
	if flags&hasSources != 0 {
		w.sources(s)
	}
	return nil
}

func flagsOf(g *Guest) uint64 {
	c, s := &g.Conversation, &g.Conversation.State
	plainAddress := len(s.Address) > 0 && bytes.Equal(s.Address, addressOf(c.ExternalID))
	name := s.Said.Text("name")
	var flags uint64
	set := func(flag uint64, is bool) {
		if is {
			flags |= flag
		}
	}
	set(isDefaultBusiness, c.BusinessID == defaultBusiness)
	set(isLinked, c.Linked)
	set(isConsentGiven, s.Consent != nil && s.Consent.Given)
	set(isPlainAddress, plainAddress)
	set(isComposedName, name != "" && name == nameOf(s.Said))
	set(hasAddress, len(s.Address) > 0 && !plainAddress)
	set(hasConsent, s.Consent != nil)
	set(hasConversationID, c.ID != ConversationIDOf(g.ID))
	set(hasContactID, c.ContactID != "")
	set(hasEffects, len(g.Effects) > 0)
	set(hasMovedTo, g.MovedTo != "")
	set(hasStatus, s.Status != "")
	set(hasTags, len(s.Tags) > 0)
	set(hasPending, len(s.Pending) > 0)
	set(hasRawName, s.RawName != "")
	set(hasHeard, s.Heard != "")
	set(hasDesk, s.Desk != nil)
	set(hasNotes, len(s.Notes) > 0)
	set(hasAssignee, s.Assignee != nil)
	set(isTaken, s.Desk != nil && s.Desk.Taken)
	set(hasBegun, s.Begun != 0)
	set(hasVisit, s.Visit.Number != 0)
	set(hasLanding, s.Visit.Landing != "")
	set(hasSources, len(s.Sources) > 0)
	set(hasSystem, len(s.System) > 0)
	return flags
}

func (r *reader) guest(id string) *Guest {
	g := &Guest{ID: id}
	c, s := &g.Conversation, &g.Conversation.State
	flags := r.uint()
	optional := func(flag uint64, otherwise string) string {
		if flags&flag != 0 {
			return r.string()
		}
		return otherwise
	}
	c.BusinessID = defaultBusiness
	if flags&isDefaultBusiness == 0 {
		c.BusinessID = r.string()
	}
	c.Channel = r.string()
	c.ExternalID = r.string()
	c.ID = optional(hasConversationID, ConversationIDOf(id))
	c.ContactID = optional(hasContactID, "")
	c.Linked = flags&isLinked != 0
	c.Handling = r.handling()
	c.CreatedAt = r.time(time.Time{})
	c.UpdatedAt = r.time(c.CreatedAt)
	g.ExpiresAt = r.time(c.UpdatedAt)
	g.Seed = r.int()
	g.Applied = g.Seed + r.int()
	g.AppliedPos = r.int()
	g.Effects = blob(optional(hasEffects, ""))
	g.MovedTo = optional(hasMovedTo, "")

	s.Status = optional(hasStatus, "")
	if flags&hasTags != 0 {
		s.Tags = r.list()
	}
	if runs := r.count(); runs > 0 {
		s.Runs = make(map[string][]byte, runs)
		for range runs {
			session := r.string()
			s.Runs[session] = r.bytes()
		}
	}
	s.Pending = blob(optional(hasPending, ""))
	s.Seq = r.int()
	if flags&hasConsent != 0 {
		s.Consent = &Consent{Given: flags&isConsentGiven != 0, At: r.time(c.UpdatedAt)}
	}
	s.Address = blob(optional(hasAddress, ""))
	if flags&isPlainAddress != 0 {
		s.Address = addressOf(c.ExternalID)
	}
	s.RawName = optional(hasRawName, "")
	s.Heard = optional(hasHeard, "")
	if flags&hasDesk != 0 {
		s.Desk = &Desk{Team: r.string(), AssigneeID: r.string(), Taken: flags&isTaken != 0, Since: r.time(c.UpdatedAt), Closed: r.time(c.UpdatedAt)}
	}
	if flags&hasBegun != 0 {
		s.Begun = int(r.uint() & math.MaxInt32)
	}
	if flags&hasVisit != 0 {
		s.Visit = Visit{Number: int(r.uint() & math.MaxInt32), Since: r.time(c.UpdatedAt), Seen: r.time(c.UpdatedAt)}
	}
	s.Visit.Landing = optional(hasLanding, "")
	if flags&hasSystem != 0 && json.Unmarshal(r.take(r.uint()), &s.System) != nil {
		r.fail()
	}
	if flags&hasNotes != 0 && json.Unmarshal(r.take(r.uint()), &s.Notes) != nil {
		r.fail()
	}
	if flags&hasAssignee != 0 {
		assignee := r.string()
		s.Assignee = &assignee
	}
	s.Said = r.values(flags&isComposedName != 0)
	if flags&hasSources != 0 {
		s.Sources = r.sources(c)
	}
	return g
}

// sources are written as places: of the field among those said, of texts among
// those written before. All are of the guest's channel.
func (w *writer) sources(s *State) {
	fields := slices.Sorted(maps.Keys(s.Said))
	var seen []string
	text := func(s string) {
		place := slices.Index(seen, s) + 1
		w.uint(uint64(place))
		if place == 0 {
			seen = append(seen, s)
			w.string(s)
		}
	}
	w.uint(uint64(len(s.Sources)))
	for _, field := range slices.Sorted(maps.Keys(s.Sources)) {
		source := s.Sources[field]
		place := slices.Index(fields, field) + 1
		w.uint(uint64(place))
		if place == 0 { // it was cleared since
			w.string(field)
		}
		text(source.Via)
		text(source.Flow)
		text(source.Step)
	}
}

func (r *reader) sources(c *Conversation) map[string]Source {
	fields := slices.Sorted(maps.Keys(c.State.Said))
	var seen []string
	text := func() string {
		place := r.uint()
		switch {
		case place == 0:
			seen = append(seen, r.string())
			return seen[len(seen)-1]
		case place <= uint64(len(seen)):
			return seen[place-1]
		}
		r.fail()
		return ""
	}
	n := r.count()
	sources := make(map[string]Source, n)
	for range n {
		var field string
		switch place := r.uint(); {
		case place == 0:
			field = r.string()
		case place <= uint64(len(fields)):
			field = fields[place-1]
		default:
			r.fail()
		}
		sources[field] = Source{Channel: c.Channel, Via: text(), Flow: text(), Step: text()}
	}
	return sources
}

func blob(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// handlings have a number each; nought: the text follows. Only ever append.
func handlings() [5]Handling { return [...]Handling{ByFlow, ByBot, Queued, ByAgent, FollowUp} }

func (w *writer) handling(h Handling) {
	known := handlings()
	place := slices.Index(known[:], h) + 1
	w.byte(byte(place))
	if place == 0 {
		w.string(string(h))
	}
}

func (r *reader) handling() Handling {
	known := handlings()
	place := int(r.byte())
	switch {
	case place == 0:
		return Handling(r.string())
	case place <= len(known):
		return known[place-1]
	default:
		r.fail()
		return ""
	}
}

// addressOf is the shortest address that a reply can go to.
func addressOf(externalID string) []byte {
	b, err := json.Marshal(struct {
		ExternalID string `json:"external_id"`
	}{externalID})
	if err != nil {
		return nil // a string always marshals
	}
	return b
}

func nameOf(v Values) string {
	return ComposeName(v.Text("first_name"), v.Text("middle_name"), v.Text("last_name"))
}

// MovedMark is what is left of a guest that became a contact.
func MovedMark(id, contactID string, expires time.Time) *Guest {
	return &Guest{ID: id, MovedTo: contactID, ExpiresAt: expires, Conversation: Conversation{ID: ConversationIDOf(id), Version: MovedVersion}}
}
