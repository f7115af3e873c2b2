// Package storetest is the specification of the stores of package contacts: the
// same suite runs on every implementation.
package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/contacts"
)

// ttl is longer than any test takes.
const ttl = time.Hour

// RunGuests holds a contacts.GuestStore to its contract. open gives a store that
// may hold other guests: every test makes its own.
func RunGuests(t *testing.T, open func(t *testing.T) contacts.GuestStore) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, contacts.GuestStore){
		"load and save":         loadAndSave,
		"every part is kept":    everyPart,
		"conflict":              conflict,
		"one saver wins":        oneSaverWins,
		"transcript":            transcript,
		"transcript is cut":     transcriptIsCut,
		"conflict adds no line": conflictAddsNoLine,
		"moved":                 moved,
		"delete":                deleted,
		"end of life":           endOfLife,
		"life is prolonged":     prolonged,
		"a life has an end":     noLifeWithoutEnd,
		"many at once":          manyAtOnce,
		"answers in order":      answersInOrder,
		"cancelled is no empty": cancelled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// NewGuest is a guest that no store has yet.
func NewGuest() *contacts.Guest {
	external := fmt.Sprintf("v-%016x", rand.Uint64())
	id := contacts.GuestID([]byte("salt"), "default", "webchat/site", external)
	at := time.UnixMilli(1714657500123).UTC()
	said := contacts.Values{"company_size": 20.0}
	said.Set("name", "Ada Lovelace")
	return &contacts.Guest{
		ID: id, Seed: 1, Applied: 2, AppliedPos: 3,
		Conversation: contacts.Conversation{
			ID: contacts.ConversationIDOf(id), BusinessID: "default", Channel: "webchat/site", ExternalID: external,
			Handling: contacts.ByFlow, CreatedAt: at, UpdatedAt: at,
			State: contacts.State{Said: said, Seq: 1, Runs: map[string][]byte{"": []byte("run")}},
		},
	}
}

func save(t *testing.T, store contacts.GuestStore, g *contacts.Guest, lines ...contacts.Line) {
	t.Helper()
	require.NoError(t, trySave(t, store, g, lines...))
}

func trySave(t *testing.T, store contacts.GuestStore, g *contacts.Guest, lines ...contacts.Line) error {
	t.Helper()
	errs := store.Save(t.Context(), []contacts.GuestWrite{{Guest: g, Lines: lines, TTL: ttl}})
	require.Len(t, errs, 1)
	return errs[0]
}

func load(t *testing.T, store contacts.GuestStore, id string) *contacts.Guest {
	t.Helper()
	guests, err := store.Load(t.Context(), []string{id})
	require.NoError(t, err)
	return guests[id]
}

func line(g *contacts.Guest, seq int64) contacts.Line {
	return contacts.Line{
		ID: fmt.Sprintf("msg_%d", seq), Seq: seq, Out: seq%2 == 0, Body: fmt.Appendf(nil, `{"text":"line %d"}`, seq),
		At: time.UnixMilli(1714657500000 + seq).UTC(), EventID: 10 + seq, State: "sent", PlatformID: "p", Author: "agt_1", Private: seq%2 == 0, Conversation: g.Conversation.ID,
	}
}

func lineRange(g *contacts.Guest, from, to int64) []contacts.Line {
	var all []contacts.Line
	for seq := from; seq <= to; seq++ {
		all = append(all, line(g, seq))
	}
	return all
}

func loadAndSave(t *testing.T, store contacts.GuestStore) {
	g := NewGuest()
	require.Nil(t, load(t, store, g.ID), "nobody yet")
	none, err := store.Load(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, none)
	require.Empty(t, store.Save(t.Context(), nil))

	save(t, store, g)
	require.EqualValues(t, 0, g.Conversation.Version, "the caller's guest is not touched")
	got := load(t, store, g.ID)
	require.EqualValues(t, 1, got.Conversation.Version)
	got.Conversation.State.Said.Set("email", "ada@example.com")
	save(t, store, got)
	again := load(t, store, g.ID)
	require.EqualValues(t, 2, again.Conversation.Version)
	require.Equal(t, "ada@example.com", again.Conversation.State.Said["email"])
}

func everyPart(t *testing.T, store contacts.GuestStore) {
	g := NewGuest()
	at, agent := g.Conversation.CreatedAt, "bob@acme.example"
	g.Effects, g.Seed = []byte{0, 1, 255}, 1<<40
	c := &g.Conversation
	c.Linked, c.Handling, c.UpdatedAt = true, contacts.Queued, at.Add(time.Minute)
	c.State = contacts.State{
		Said:   contacts.Values{"text": "é\x00'\"\\", "number": -75.25, "yes": true, "no": false, "nought": 0.0, "day": "2024-05-02"},
		Status: "qualified", Tags: []string{"vip", "b"}, Runs: map[string][]byte{"": {0}, "s-1": []byte("x")}, Pending: []byte("p"), Seq: 9,
		Consent: &contacts.Consent{Given: true, At: at}, Address: []byte(`{"external_id":"x","ids":{}}`), RawName: "Ada  L",
		Desk:     &contacts.Desk{Team: "sales", AssigneeID: "agt_1", Since: at},
		Sources:  map[string]contacts.Source{"yes": {Channel: c.Channel, Flow: "welcome", Step: "agree", Via: "ask"}, "gone": {Channel: c.Channel, Via: "api"}},
		Notes:    []contacts.Note{{ID: "nte_1", Text: "wants a call — soon", Author: "flow:welcome", CreatedAt: at}},
		Assignee: &agent,
		System:   map[string]any{"user_agent": "Browser/1.0", "width": 1280.0, "list": []any{"a"}},
		Begun:    2, Visit: contacts.Visit{Number: 3, Since: at.Add(-time.Hour), Seen: at, Landing: "https://x.io/?utm_source=ad"},
	}
	save(t, store, g)
	got := load(t, store, g.ID)
	require.WithinDuration(t, time.Now().Add(ttl), got.ExpiresAt, ttl/2)
	want := *g
	want.Conversation.Version, want.ExpiresAt = 1, got.ExpiresAt
	require.Equal(t, &want, got)
}

func conflict(t *testing.T, store contacts.GuestStore) {
	g := NewGuest()
	stale := *g
	stale.Conversation.Version = 1
	require.ErrorIs(t, trySave(t, store, &stale), contacts.ErrConflict, "not there")
	save(t, store, g)
	require.ErrorIs(t, trySave(t, store, g), contacts.ErrConflict, "there already")
	current := load(t, store, g.ID)
	save(t, store, current)
	require.ErrorIs(t, trySave(t, store, current), contacts.ErrConflict, "written in between")
	require.EqualValues(t, 2, load(t, store, g.ID).Conversation.Version)
}

func oneSaverWins(t *testing.T, store contacts.GuestStore) {
	const savers, rounds = 8, 5
	g := NewGuest()
	for round := range rounds {
		var group sync.WaitGroup
		errs := make([]error, savers)
		for i := range savers {
			group.Go(func() {
				mine := *g
				mine.Applied = int64(i)
				errs[i] = store.Save(t.Context(), []contacts.GuestWrite{{Guest: &mine, Lines: []contacts.Line{line(g, int64(round+1))}, TTL: ttl}})[0]
			})
		}
		group.Wait()
		winner := -1
		for i, err := range errs {
			if err == nil {
				require.Equal(t, -1, winner, "two won")
				winner = i
				continue
			}
			require.ErrorIs(t, err, contacts.ErrConflict)
		}
		g = load(t, store, g.ID)
		require.EqualValues(t, winner, g.Applied)
		require.EqualValues(t, round+1, g.Conversation.Version)
	}
	lines, err := store.Transcript(t.Context(), g.ID, 0, contacts.TranscriptLimit)
	require.NoError(t, err)
	require.Equal(t, lineRange(g, 1, rounds), lines)
}

func transcript(t *testing.T, store contacts.GuestStore) {
	g := NewGuest()
	read := func(after int64, limit int) []contacts.Line {
		lines, err := store.Transcript(t.Context(), g.ID, after, limit)
		require.NoError(t, err)
		return lines
	}
	require.Empty(t, read(0, 10), "nobody yet")
	save(t, store, g, lineRange(g, 1, 2)...)
	save(t, store, load(t, store, g.ID))
	save(t, store, load(t, store, g.ID), lineRange(g, 3, 5)...)
	require.Equal(t, lineRange(g, 1, 5), read(0, 10))
	require.Equal(t, lineRange(g, 1, 2), read(0, 2), "the oldest after seq")
	require.Equal(t, lineRange(g, 3, 4), read(2, 2))
	require.Equal(t, lineRange(g, 5, 5), read(4, 10))
	require.Empty(t, read(5, 10))
}

func transcriptIsCut(t *testing.T, store contacts.GuestStore) {
	const limit = contacts.TranscriptLimit
	g := NewGuest()
	save(t, store, g, lineRange(g, 1, limit-1)...)
	save(t, store, load(t, store, g.ID), lineRange(g, limit, limit+5)...)
	lines, err := store.Transcript(t.Context(), g.ID, 0, 2*limit)
	require.NoError(t, err)
	require.Equal(t, lineRange(g, 6, limit+5), lines)
	save(t, store, load(t, store, g.ID), lineRange(g, limit+6, 3*limit)...)
	lines, err = store.Transcript(t.Context(), g.ID, 0, 2*limit)
	require.NoError(t, err)
	require.Equal(t, lineRange(g, 2*limit+1, 3*limit), lines, "more than fit in one write")
}

func conflictAddsNoLine(t *testing.T, store contacts.GuestStore) {
	g := NewGuest()
	save(t, store, g, line(g, 1))
	require.ErrorIs(t, trySave(t, store, g, line(g, 2)), contacts.ErrConflict)
	lines, err := store.Transcript(t.Context(), g.ID, 0, 10)
	require.NoError(t, err)
	require.Equal(t, lineRange(g, 1, 1), lines)
}

func moved(t *testing.T, store contacts.GuestStore) {
	g, never := NewGuest(), NewGuest()
	save(t, store, g, line(g, 1))
	before := load(t, store, g.ID)
	contact := contacts.ContactIDOf(g.ID)
	require.NoError(t, store.Move(t.Context(), map[string]string{g.ID: contact, never.ID: "con_x"}, ttl))
	require.NoError(t, store.Move(t.Context(), map[string]string{g.ID: contact}, ttl), "twice is once")
	require.NoError(t, store.Move(t.Context(), nil, ttl))

	got := load(t, store, g.ID)
	require.WithinDuration(t, time.Now().Add(ttl), got.ExpiresAt, ttl/2)
	require.Equal(t, contact, got.MovedTo)
	require.Empty(t, got.Conversation.State.Said, "what was known is dropped")
	require.Equal(t, "con_x", load(t, store, never.ID).MovedTo)
	lines, err := store.Transcript(t.Context(), g.ID, 0, 10)
	require.NoError(t, err)
	require.Empty(t, lines)

	for name, writer := range map[string]*contacts.Guest{"who knew the guest": before, "who knew nobody": g, "who knows": got} {
		require.ErrorIs(t, trySave(t, store, writer, line(g, 2)), contacts.ErrConflict, name)
	}
	require.Equal(t, contact, load(t, store, g.ID).MovedTo)
}

func deleted(t *testing.T, store contacts.GuestStore) {
	g, other := NewGuest(), NewGuest()
	save(t, store, g, line(g, 1))
	save(t, store, other, line(other, 1))
	stale := load(t, store, g.ID)
	require.NoError(t, store.Delete(t.Context(), []string{g.ID, NewGuest().ID}))
	require.NoError(t, store.Delete(t.Context(), nil))
	require.Nil(t, load(t, store, g.ID))
	lines, err := store.Transcript(t.Context(), g.ID, 0, 10)
	require.NoError(t, err)
	require.Empty(t, lines)
	require.NotNil(t, load(t, store, other.ID))
	require.ErrorIs(t, trySave(t, store, stale), contacts.ErrConflict, "what is deleted does not come back")
	save(t, store, g)
	require.EqualValues(t, 1, load(t, store, g.ID).Conversation.Version)
}

func endOfLife(t *testing.T, store contacts.GuestStore) {
	const short = 20 * time.Millisecond
	g, mark := NewGuest(), NewGuest()
	require.NoError(t, store.Save(t.Context(), []contacts.GuestWrite{{Guest: g, Lines: lineRange(g, 1, 1), TTL: short}})[0])
	require.NoError(t, store.Move(t.Context(), map[string]string{mark.ID: "con_x"}, short))
	require.Eventually(t, func() bool { return load(t, store, g.ID) == nil && load(t, store, mark.ID) == nil }, 5*time.Second, 5*time.Millisecond)
	lines, err := store.Transcript(t.Context(), g.ID, 0, 10)
	require.NoError(t, err)
	require.Empty(t, lines)
	stale := *g
	stale.Conversation.Version = 1
	require.ErrorIs(t, trySave(t, store, &stale), contacts.ErrConflict)
	save(t, store, g, line(g, 7)) // comes back as somebody new
	require.EqualValues(t, 1, load(t, store, g.ID).Conversation.Version)
	lines, err = store.Transcript(t.Context(), g.ID, 0, 10)
	require.NoError(t, err)
	require.Equal(t, lineRange(g, 7, 7), lines)
}

func prolonged(t *testing.T, store contacts.GuestStore) {
	const short = 300 * time.Millisecond
	g, witness := NewGuest(), NewGuest()
	writes := []contacts.GuestWrite{
		{Guest: g, Lines: lineRange(g, 1, 1), TTL: short},
		{Guest: witness, TTL: short},
	}
	for _, err := range store.Save(t.Context(), writes) {
		require.NoError(t, err)
	}
	next := *g
	next.Conversation.Version = 1
	save(t, store, &next)
	require.Eventually(t, func() bool { return load(t, store, witness.ID) == nil }, 5*time.Second, 10*time.Millisecond)
	got := load(t, store, g.ID)
	require.NotNil(t, got)
	require.WithinDuration(t, time.Now().Add(ttl), got.ExpiresAt, ttl/2)
	lines, err := store.Transcript(t.Context(), g.ID, 0, 10)
	require.NoError(t, err)
	require.Len(t, lines, 1, "the transcript lives as long as its guest")
}

func noLifeWithoutEnd(t *testing.T, store contacts.GuestStore) {
	g := NewGuest()
	for _, ttl := range []time.Duration{0, -time.Second} {
		require.Error(t, store.Save(t.Context(), []contacts.GuestWrite{{Guest: g, TTL: ttl}})[0])
		require.Error(t, store.Move(t.Context(), map[string]string{g.ID: "con_x"}, ttl))
	}
	require.Nil(t, load(t, store, g.ID))
}

func manyAtOnce(t *testing.T, store contacts.GuestStore) {
	const guests = 1200
	writes := make([]contacts.GuestWrite, guests)
	ids := make([]string, guests)
	for i := range writes {
		g := NewGuest()
		writes[i], ids[i] = contacts.GuestWrite{Guest: g, Lines: lineRange(g, 1, 1), TTL: ttl}, g.ID
	}
	for _, err := range store.Save(t.Context(), writes) {
		require.NoError(t, err)
	}
	got, err := store.Load(t.Context(), append(ids, NewGuest().ID))
	require.NoError(t, err)
	require.Len(t, got, guests)
	for i, id := range ids {
		require.Equal(t, writes[i].Guest.Conversation.ExternalID, got[id].Conversation.ExternalID)
	}
	require.NoError(t, store.Delete(t.Context(), ids))
	got, err = store.Load(t.Context(), ids)
	require.NoError(t, err)
	require.Empty(t, got)
}

func answersInOrder(t *testing.T, store contacts.GuestStore) {
	fresh, stale, twice := NewGuest(), NewGuest(), NewGuest()
	stale.Conversation.Version = 4
	unfit := NewGuest()
	unfit.Conversation.State.Said["list"] = []string{"is no value"}
	errs := store.Save(t.Context(), []contacts.GuestWrite{
		{Guest: stale, TTL: ttl}, {Guest: fresh, TTL: ttl}, {Guest: unfit, TTL: ttl}, {Guest: twice, TTL: ttl}, {Guest: twice, TTL: ttl},
	})
	require.Len(t, errs, 5)
	require.ErrorIs(t, errs[0], contacts.ErrConflict)
	require.NoError(t, errs[1])
	require.Error(t, errs[2])
	require.NotErrorIs(t, errs[2], contacts.ErrConflict)
	require.NoError(t, errs[3])
	require.ErrorIs(t, errs[4], contacts.ErrConflict)
	require.NotNil(t, load(t, store, fresh.ID), "one that fails spoils no other")
}

func cancelled(t *testing.T, store contacts.GuestStore) {
	g := NewGuest()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := store.Load(ctx, []string{g.ID})
	require.Error(t, err)
	_, err = store.Transcript(ctx, g.ID, 0, 10)
	require.Error(t, err)
	err = store.Save(ctx, []contacts.GuestWrite{{Guest: g, TTL: ttl}})[0]
	require.Error(t, err)
	require.NotErrorIs(t, err, contacts.ErrConflict)
	require.Error(t, store.Move(ctx, map[string]string{g.ID: "con_x"}, ttl))
	require.Error(t, store.Delete(ctx, []string{g.ID}))
}
