package storetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

func (p *people) lines(from, to int) []contacts.Line {
	var all []contacts.Line
	for seq := from; seq <= to; seq++ {
		all = append(all, contacts.Line{
			ID: fmt.Sprint("msg_", seq), Seq: int64(seq), Out: seq%2 == 0, Body: fmt.Appendf(nil, `{"text":"%d 🦊"}`, seq), At: at(seq),
			EventID: 1<<62 + int64(seq), State: map[bool]string{true: "pending"}[seq%2 == 0], Conversation: p.id("cnv", "a"),
			Author: map[bool]string{true: "agt_1"}[seq%2 == 0], Private: seq%4 == 0,
		})
	}
	return all
}

func testLines(t *testing.T, p *people) {
	conversation, all := p.id("cnv", "a"), p.lines(1, 30)
	p.write(t, func(s *sqlstore.Store) error { return s.AddLines(all) })
	seqs := func(lines []contacts.Line, err error) (seqs []int64) {
		require.NoError(t, err)
		for _, l := range lines {
			seqs = append(seqs, l.Seq)
		}
		return seqs
	}
	got, err := p.read(t).Lines(conversation, 0, 100)
	require.NoError(t, err)
	require.Equal(t, all, got)
	require.Equal(t, []int64{6, 7}, seqs(p.read(t).Lines(conversation, 5, 2)))
	require.Equal(t, []int64{29, 30}, seqs(p.read(t).LastLines(conversation, 0, 2)))
	require.Equal(t, []int64{27, 28}, seqs(p.read(t).LastLines(conversation, 29, 2)))
	require.Empty(t, seqs(p.read(t).Lines(p.id("cnv", "b"), 0, 100)))
	require.ErrorIs(t, p.try(t, func(s *sqlstore.Store) error { return s.AddLines(p.lines(30, 31)) }), contacts.ErrConflict)
	require.Equal(t, []int64{30}, seqs(p.read(t).LastLines(conversation, 0, 1)))
}

func testLineState(t *testing.T, p *people) {
	conversation := p.id("cnv", "a")
	p.write(t, func(s *sqlstore.Store) error { return s.AddLines(p.lines(1, 2)) })
	for _, step := range []struct{ say, platform, state, platformWant string }{
		{"sent", "", "sent", ""},
		{"pending", "", "sent", ""},
		{"failed", "", "failed", ""},
		{"sent", "", "failed", ""}, // late
		{"pending", "", "pending", ""},
		{"delivered", "wamid.1", "delivered", "wamid.1"},
		{"sent", "", "delivered", "wamid.1"},
		{"failed", "", "delivered", "wamid.1"},
		{"read", "", "read", "wamid.1"},
		{"delivered", "wamid.2", "read", "wamid.2"},
	} {
		p.write(t, func(s *sqlstore.Store) error { return s.SetLineState(conversation, "msg_2", step.say, step.platform) })
		lines, err := p.read(t).LastLines(conversation, 0, 1)
		require.NoError(t, err)
		require.Equal(t, step.state, lines[0].State, "after %s", step.say)
		require.Equal(t, step.platformWant, lines[0].PlatformID)
	}
	set := func(id, state string) error {
		return p.try(t, func(s *sqlstore.Store) error { return s.SetLineState(conversation, id, state, "") })
	}
	require.ErrorIs(t, set("msg_9", "sent"), contacts.ErrNotFound)
	require.Error(t, set("msg_2", "lost"))
	require.NoError(t, set("msg_1", "read"))
	lines, err := p.read(t).Lines(conversation, 0, 1)
	require.NoError(t, err)
	require.Empty(t, lines[0].State, "what they said has no state")
}

func testSessions(t *testing.T, p *people) {
	put := func(all ...sqlstore.Session) {
		p.write(t, func(s *sqlstore.Store) error { return s.PutSessions(all) })
	}
	of := func(session string) (string, error) { return p.read(t).SessionOf(p.business, "bot/site", session) }
	one := sqlstore.Session{Business: p.business, Channel: "bot/site", Session: "s-1", ExternalID: "u-1", SeenAt: at(1)}
	two, three := one, one
	two.Session, two.ExternalID = "S-1", "u-2"
	three.Session, three.ExternalID = "s-1 ", "u-3"
	put(one, two, three)
	for session, want := range map[string]string{"s-1": "u-1", "S-1": "u-2", "s-1 ": "u-3"} {
		got, err := of(session)
		require.NoError(t, err)
		require.Equal(t, want, got, "%q", session)
	}
	one.ExternalID = "u-9"
	put(one)
	got, err := of("s-1")
	require.NoError(t, err)
	require.Equal(t, "u-9", got)
	for _, session := range []string{"", "é", "\xff"} {
		_, err = of(session)
		require.ErrorIs(t, err, contacts.ErrNotFound)
	}
	_, err = p.read(t).SessionOf(p.business+"2", "bot/site", "s-1")
	require.ErrorIs(t, err, contacts.ErrNotFound)
}
