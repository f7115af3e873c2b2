package contacts_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"usher/contacts"
)

// aGuest has eight fields and a flow's state, as an enquiry has in its middle.
func aGuest() *contacts.Guest {
	at := time.Date(2024, 5, 2, 13, 45, 0, 123e6, time.UTC)
	id := contacts.GuestID([]byte("salt"), "default", "webchat/site", "v-0123456789abcdef")
	said := contacts.Values{"company_size": 20.0, "plan": "gold", "agrees": true, "country": "GB", "language": "en", "company": "Analytical Engines"}
	said.Set("name", "Ada Lovelace")
	return &contacts.Guest{
		ID: id, Seed: 4711, Applied: 4712, AppliedPos: 9001, ExpiresAt: at.Add(90 * 24 * time.Hour),
		Conversation: contacts.Conversation{
			ID: contacts.ConversationIDOf(id), BusinessID: "default", Channel: "webchat/site", ExternalID: "v-0123456789abcdef",
			Version: 3, Handling: contacts.ByFlow, CreatedAt: at.Add(-time.Minute), UpdatedAt: at,
			State: contacts.State{
				Said: said, Seq: 7, Runs: map[string][]byte{"": []byte(`welcome 3 size`)},
				Consent: &contacts.Consent{Given: true, At: at}, Address: []byte(`{"external_id":"v-0123456789abcdef"}`),
			},
		},
	}
}

func TestGuestRecord(t *testing.T) {
	t.Parallel()
	g := aGuest()
	record, err := g.Marshal()
	require.NoError(t, err)
	require.Equal(t, contacts.GuestVersion(3), record[:8])
	require.Less(t, len(record), 200)
	back, err := contacts.UnmarshalGuest(g.ID, record)
	require.NoError(t, err)
	require.Equal(t, g, back)

	g.Conversation.State.Said["list"] = []string{"no value"}
	_, err = g.Marshal()
	require.ErrorContains(t, err, "list")
	for cut := range record {
		_, err := contacts.UnmarshalGuest(g.ID, record[:cut])
		require.Error(t, err, cut)
	}
	_, err = contacts.UnmarshalGuest(g.ID, append(record, 0))
	require.Error(t, err)
	big := aGuest()
	big.Effects = make([]byte, 2<<20)
	_, err = big.Marshal()
	require.Error(t, err)
}

func TestGuestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := drawGuest(t)
		record, err := g.Marshal()
		require.NoError(t, err)
		back, err := contacts.UnmarshalGuest(g.ID, record)
		require.NoError(t, err)
		require.Equal(t, g, back)
	})
}

func drawGuest(t *rapid.T) *contacts.Guest {
	text := rapid.String()
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		ms := rapid.Int64Range(-1, 4e12).Draw(t, "ms")
		if ms < 0 {
			return time.Time{}
		}
		return time.UnixMilli(ms).UTC()
	})
	blob := rapid.Custom(func(t *rapid.T) []byte {
		return append([]byte(nil), rapid.SliceOf(rapid.Byte()).Draw(t, "blob")...)
	})
	value := rapid.OneOf(text.AsAny(), rapid.Bool().AsAny(), rapid.Float64().AsAny(), rapid.Just[any](0.0), rapid.Just[any](math.Copysign(0, -1)))
	field := rapid.OneOf(text, rapid.SampledFrom([]string{"name", "first_name", "last_name", "email", "country"}))
	g := &contacts.Guest{
		ID: "gst_" + rapid.StringMatching(`[a-z2-7]{16}`).Draw(t, "id"), Seed: rapid.Int64().Draw(t, "seed"),
		Applied: rapid.Int64().Draw(t, "applied"), AppliedPos: rapid.Int64().Draw(t, "pos"), Effects: blob.Draw(t, "effects"),
		MovedTo: text.Draw(t, "moved"), ExpiresAt: moment.Draw(t, "expires"),
	}
	g.Conversation = contacts.Conversation{
		ID: rapid.SampledFrom([]string{contacts.ConversationIDOf(g.ID), "cnv_other", ""}).Draw(t, "cnv"), BusinessID: text.Draw(t, "business"),
		Channel: text.Draw(t, "channel"), ExternalID: text.Draw(t, "external"), ContactID: text.Draw(t, "contact"),
		Version: rapid.Int64Range(0, math.MaxInt64).Draw(t, "version"), Linked: rapid.Bool().Draw(t, "linked"),
		Handling: contacts.Handling(text.Draw(t, "handling")), CreatedAt: moment.Draw(t, "created"), UpdatedAt: moment.Draw(t, "updated"),
	}
	s := &g.Conversation.State
	s.Said = rapid.MapOf(field, value).Draw(t, "said")
	if rapid.Bool().Draw(t, "whole") {
		delete(s.Said, "name")
		s.Said.Set("first_name", "Ada")
	}
	s.Begun = rapid.IntRange(0, 1<<20).Draw(t, "begun")
	if system := rapid.MapOf(text, rapid.OneOf(text.AsAny(), rapid.Bool().AsAny(), rapid.Float64().AsAny())).Draw(t, "system"); len(system) > 0 {
		s.System = system
	}
	for _, said := range rapid.SliceOf(rapid.OneOf(field, text)).Draw(t, "sources") {
		if s.Sources == nil {
			s.Sources = map[string]contacts.Source{}
		}
		s.Sources[said] = contacts.Source{Channel: g.Conversation.Channel, Via: rapid.SampledFrom([]string{"ask", "form", "set", ""}).Draw(t, "via"),
			Flow: text.Draw(t, "flow"), Step: text.Draw(t, "step")}
	}
	s.Visit.Landing = text.Draw(t, "landing")
	if n := rapid.IntRange(0, 9).Draw(t, "visits"); n > 0 {
		s.Visit.Number, s.Visit.Since, s.Visit.Seen = n, moment.Draw(t, "since"), moment.Draw(t, "seen")
	}
	s.Heard = text.Draw(t, "heard")
	s.Status, s.RawName, s.Seq, s.Pending = text.Draw(t, "status"), text.Draw(t, "raw"), rapid.Int64().Draw(t, "seq"), blob.Draw(t, "pending")
	if tags := rapid.SliceOf(text).Draw(t, "tags"); len(tags) > 0 {
		s.Tags = tags
	}
	if runs := rapid.MapOf(text, blob).Draw(t, "runs"); len(runs) > 0 {
		s.Runs = runs
	}
	if rapid.Bool().Draw(t, "asked") {
		s.Consent = &contacts.Consent{Given: rapid.Bool().Draw(t, "given"), At: moment.Draw(t, "consent")}
	}
	s.Address = blob.Draw(t, "address")
	for range rapid.IntRange(0, 3).Draw(t, "notes") {
		s.Notes = append(s.Notes, contacts.Note{ID: text.Draw(t, "note"), Text: text.Draw(t, "written"), Author: text.Draw(t, "author"), CreatedAt: moment.Draw(t, "at")})
	}
	if rapid.Bool().Draw(t, "assigned") {
		assignee := text.Draw(t, "to")
		s.Assignee = &assignee
	}
	if rapid.Bool().Draw(t, "handed over") {
		s.Desk = &contacts.Desk{Team: text.Draw(t, "team"), AssigneeID: text.Draw(t, "assignee"), Since: moment.Draw(t, "since"),
			Taken: rapid.Bool().Draw(t, "taken"), Closed: moment.Draw(t, "closed")}
	}
	return g
}

func TestLineRecord(t *testing.T) {
	t.Parallel()
	const guest = "gst_abcdefghijklmnop"
	line := contacts.Line{
		ID: "msg_1", Seq: 7, Out: true, Body: []byte(`{"text":"Hi"}`), At: time.UnixMilli(1714657500123).UTC(), EventID: 12,
		State: "sent", PlatformID: "wamid.1", Conversation: contacts.ConversationIDOf(guest),
	}
	for _, conversation := range []string{line.Conversation, "cnv_other", ""} {
		line.Conversation = conversation
		record, err := line.Marshal(guest)
		require.NoError(t, err)
		back, err := contacts.UnmarshalLine(guest, record)
		require.NoError(t, err)
		require.Equal(t, line, back)
		for cut := range record {
			_, err := contacts.UnmarshalLine(guest, record[:cut])
			require.Error(t, err)
		}
	}
	line.Body = make([]byte, 1<<20)
	_, err := line.Marshal(guest)
	require.Error(t, err)
}

func FuzzUnmarshalGuest(f *testing.F) {
	record, err := aGuest().Marshal()
	require.NoError(f, err)
	f.Add(record)
	f.Add([]byte("00000001"))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := contacts.UnmarshalGuest("gst_abcdefghijklmnop", data)
		if err != nil {
			return
		}
		again, err := g.Marshal()
		require.NoError(t, err)
		same, err := contacts.UnmarshalGuest(g.ID, again)
		require.NoError(t, err)
		third, err := same.Marshal()
		require.NoError(t, err)
		require.Equal(t, again, third)
	})
}

func FuzzUnmarshalLine(f *testing.F) {
	record, err := contacts.Line{ID: "msg_1", Seq: 1, Body: []byte("{}")}.Marshal("gst_x")
	require.NoError(f, err)
	f.Add(record)
	f.Fuzz(func(t *testing.T, data []byte) {
		line, err := contacts.UnmarshalLine("gst_x", data)
		if err != nil {
			return
		}
		again, err := line.Marshal("gst_x")
		require.NoError(t, err)
		back, err := contacts.UnmarshalLine("gst_x", again)
		require.NoError(t, err)
		require.Equal(t, line, back)
	})
}

func BenchmarkGuestRecord(b *testing.B) {
	g := aGuest()
	record, err := g.Marshal()
	require.NoError(b, err)
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		b.ReportMetric(float64(len(record)), "B/guest")
		for b.Loop() {
			if _, err := g.Marshal(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := contacts.UnmarshalGuest(g.ID, record); err != nil {
				b.Fatal(err)
			}
		}
	})
}
