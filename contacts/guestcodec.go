package contacts

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// A guest's record is its version (8 bytes, big-endian, so that a script can
// compare it without reading on), the format, flags for what is there, then the
// parts in the order of encode below. What can be worked out again is left out:
// ids that follow from the guest's, the whole name beside its parts.

const (
	guestFormat   = 1
	versionBytes  = 8
	maxGuestBytes = 1 << 20 // a guest has some hundred bytes; more than this is no guest
)

// Flags of a guest's record.
const (
	hasConversationID = 1 << iota // other than the guest's own
	hasContactID
	isLinked
	hasConsent
	consentGiven
	hasAddress
	plainAddress // {"external_id": …} and no more
	composedName // the whole name is what its parts give, and left out
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
	var flags uint64
	set := func(flag uint64, is bool) {
		if is {
			flags |= flag
		}
	}
	ownID := c.ID == ConversationIDOf(g.ID)
	plainTo := s.Address != nil && string(s.Address) == string(addressOf(c.ExternalID))
	name := s.Said.Text("name")
	composed := name != "" && name == nameOf(s.Said)
	set(hasConversationID, !ownID)
	set(hasContactID, c.ContactID != "")
	set(isLinked, c.Linked)
	set(hasConsent, s.Consent != nil)
	set(consentGiven, s.Consent != nil && s.Consent.Given)
	set(hasAddress, len(s.Address) > 0 && !plainTo)
	set(plainAddress, plainTo)
	set(composedName, composed)
	w.uint(flags)

	w.string(c.BusinessID)
	w.string(c.Channel)
	w.string(c.ExternalID)
	if flags&hasConversationID != 0 {
		w.string(c.ID)
	}
	if flags&hasContactID != 0 {
		w.string(c.ContactID)
	}
	w.string(string(c.Handling))
	w.time(c.CreatedAt, time.Time{})
	w.time(c.UpdatedAt, c.CreatedAt)
	w.time(g.ExpiresAt, c.UpdatedAt)
	w.int(g.Seed)
	w.int(g.Applied)
	w.int(g.AppliedPos)
	w.bytes(g.Effects)
	w.string(g.MovedTo)

	w.string(s.Status)
	w.list(s.Tags)
	w.uint(uint64(len(s.Runs)))
	for _, session := range slices.Sorted(maps.Keys(s.Runs)) {
		w.string(session)
		w.bytes(s.Runs[session])
	}
	w.bytes(s.Pending)
	w.int(s.Seq)
	if s.Consent != nil {
		w.time(s.Consent.At, c.UpdatedAt)
	}
	if flags&hasAddress != 0 {
		w.bytes(s.Address)
	}
	w.string(s.RawName)
	return w.values(s.Said, composed)
}

func (r *reader) guest(id string) *Guest {
	g := &Guest{ID: id}
	c, s := &g.Conversation, &g.Conversation.State
	flags := r.uint()
	c.BusinessID = r.string()
	c.Channel = r.string()
	c.ExternalID = r.string()
	c.ID = ConversationIDOf(id)
	if flags&hasConversationID != 0 {
		c.ID = r.string()
	}
	if flags&hasContactID != 0 {
		c.ContactID = r.string()
	}
	c.Linked = flags&isLinked != 0
	c.Handling = Handling(r.string())
	c.CreatedAt = r.time(time.Time{})
	c.UpdatedAt = r.time(c.CreatedAt)
	g.ExpiresAt = r.time(c.UpdatedAt)
	g.Seed = r.int()
	g.Applied = r.int()
	g.AppliedPos = r.int()
	g.Effects = r.bytes()
	g.MovedTo = r.string()

	s.Status = r.string()
	s.Tags = r.list()
	if runs := r.count(); runs > 0 {
		s.Runs = make(map[string][]byte, runs)
		for range runs {
			session := r.string()
			s.Runs[session] = r.bytes()
		}
	}
	s.Pending = r.bytes()
	s.Seq = r.int()
	if flags&hasConsent != 0 {
		s.Consent = &Consent{Given: flags&consentGiven != 0, At: r.time(c.UpdatedAt)}
	}
	switch {
	case flags&hasAddress != 0:
		s.Address = r.bytes()
	case flags&plainAddress != 0:
		s.Address = addressOf(c.ExternalID)
	}
	s.RawName = r.string()
	s.Said = r.values(flags&composedName != 0)
	return g
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

// How a value is kept. The low bits of its key; the rest of the key is the
// field's place in knownNames plus one, or nought for a name that follows.
const (
	asText = iota
	asWhole
	asFloat
	asTrue
	asFalse

	kindBits = 3
)

// knownNames are fields that need no name in a record. Only ever append.
func knownNames() [15]string {
	return [...]string{"name", "first_name", "middle_name", "last_name", "email", "phone", "customer_id", "company", "country",
		"city", "zip", "language", "timezone", "contact_address", "billing_address"}
}

var errValue = errors.New("a value is no text, number or yes/no")

func (w *writer) values(v Values, composed bool) error {
	names := knownNames()
	count := len(v)
	if composed {
		count--
	}
	w.uint(uint64(count))
	for _, field := range slices.Sorted(maps.Keys(v)) {
		if field == "name" && composed {
			continue
		}
		place := uint64(slices.Index(names[:], field) + 1)
		key := func(kind uint64) {
			w.uint(place<<kindBits | kind)
			if place == 0 {
				w.string(field)
			}
		}
		switch value := v[field].(type) {
		case string:
			key(asText)
			w.string(value)
		case bool:
			if value {
				key(asTrue)
			} else {
				key(asFalse)
			}
		case float64:
			if value == math.Trunc(value) && math.Abs(value) <= maxNumber && !math.Signbit(value) {
				key(asWhole)
				w.uint(uint64(value))
			} else {
				key(asFloat)
				w.float(value)
			}
		default:
			return fmt.Errorf("%s: %w", field, errValue)
		}
	}
	return nil
}

func (r *reader) values(composed bool) Values {
	names := knownNames()
	v := Values{}
	for range r.count() {
		key := r.uint()
		place := key >> kindBits
		var field string
		switch {
		case place == 0:
			field = r.string()
		case place <= uint64(len(names)):
			field = names[place-1]
		default:
			r.fail()
		}
		switch key & (1<<kindBits - 1) {
		case asText:
			v[field] = r.string()
		case asWhole:
			v[field] = float64(r.uint())
		case asFloat:
			v[field] = r.float()
		case asTrue:
			v[field] = true
		case asFalse:
			v[field] = false
		default:
			r.fail()
		}
		if r.err != nil {
			return nil
		}
	}
	if composed {
		v.put("name", nameOf(v))
	}
	return v
}

// MovedMark is what is left of a guest that became a contact.
func MovedMark(id, contactID string, expires time.Time) *Guest {
	return &Guest{ID: id, MovedTo: contactID, ExpiresAt: expires, Conversation: Conversation{ID: ConversationIDOf(id), Version: MovedVersion}}
}
