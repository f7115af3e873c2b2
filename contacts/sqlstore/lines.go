package sqlstore

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"usher/contacts"
	"usher/internal/database"
)

// LinesMost is the most lines of a transcript that one call returns.
const LinesMost = 1000

const lineColumns = "conversation_id, seq, id, outgoing, state, body, event_id, platform_id, created_at, author, private"

// lineWidth is how many columns these are.
const lineWidth = 11

// AddLines appends lines to transcripts. A number that a conversation has given
// already is contacts.ErrConflict; the transaction must then be rolled back.
func (s *Store) AddLines(lines []contacts.Line) error {
	size := func(i int) int { return len(lines[i].Body) }
	return s.batches(len(lines), size, func(from, to int) error {
		args := make([]any, 0, lineWidth*(to-from))
		for _, l := range lines[from:to] {
			body := l.Body
			if body == nil {
				body = []byte{}
			}
			args = append(args, l.Conversation, l.Seq, l.ID, flag(l.Out), l.State, body, l.EventID, l.PlatformID, micros(l.At), l.Author, flag(l.Private))
		}
		_, err := s.tx.Run("INSERT INTO messages ("+lineColumns+") VALUES "+database.Placeholders(to-from, lineWidth), args...)
		if database.IsDuplicate(err) {
			err = contacts.ErrConflict
		}
		if err != nil {
			return fmt.Errorf("add lines: %w", err)
		}
		return nil
	})
}

// Lines returns up to limit lines of a conversation after the given number,
// oldest first.
func (s *Store) Lines(conversationID string, after int64, limit int) ([]contacts.Line, error) {
	return s.lines(" WHERE conversation_id=? AND seq>? ORDER BY seq LIMIT ?", conversationID, after, min(limit, LinesMost))
}

// LastLines returns the last lines of a conversation, up to limit, before the
// given number (0: from the end), oldest first.
func (s *Store) LastLines(conversationID string, before int64, limit int) ([]contacts.Line, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	lines, err := s.lines(" WHERE conversation_id=? AND seq<? ORDER BY seq DESC LIMIT ?", conversationID, before, min(limit, LinesMost))
	slices.Reverse(lines)
	return lines, err
}

// LinesOf returns, for each conversation, its lines after a number, oldest
// first.
func (s *Store) LinesOf(after map[string]int64) (map[string][]contacts.Line, error) {
	found := make(map[string][]contacts.Line, len(after))
	ids := slices.Sorted(maps.Keys(after))
	for len(ids) > 0 {
		n := min(len(ids), batchRows)
		var args []any
		for _, id := range ids[:n] {
			args = append(args, id, after[id])
		}
		ids = ids[n:]
		one := "(conversation_id=? AND seq>?)"
		lines, err := s.lines(" WHERE "+one+strings.Repeat(" OR "+one, n-1)+" ORDER BY conversation_id, seq", args...)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			found[l.Conversation] = append(found[l.Conversation], l)
		}
	}
	return found, nil
}

func (s *Store) lines(where string, args ...any) ([]contacts.Line, error) {
	var lines []contacts.Line
	err := s.tx.Query(func(r *sql.Rows) error {
		var l contacts.Line
		var at int64
		err := r.Scan(&l.Conversation, &l.Seq, &l.ID, &l.Out, &l.State, &l.Body, &l.EventID, &l.PlatformID, &at, &l.Author, &l.Private)
		l.At = fromMicros(at)
		lines = append(lines, l)
		return err
	}, "SELECT "+lineColumns+" FROM messages"+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read lines: %w", err)
	}
	return lines, nil
}

// earlier lists the states that a new one replaces: receipts come late, twice
// and out of order. What failed may still turn out to have arrived, or be tried
// again, but a late "sent" says nothing new.
func earlier(state string) []any {
	switch state {
	case "pending":
		return []any{"failed"}
	case "sent":
		return []any{"pending"}
	case "failed":
		return []any{"pending", "sent"}
	case "delivered":
		return []any{"pending", "sent", "failed"}
	case "read":
		return []any{"pending", "sent", "failed", "delivered"}
	default:
		return nil
	}
}

// SetLineState records how far an outgoing message got: pending, sent,
// delivered, read, or failed. A state that says less than the stored one is
// passed over. platformID, if given, is kept in any case. A message that is not
// there is contacts.ErrNotFound.
func (s *Store) SetLineState(conversationID, messageID, state, platformID string) error {
	replaced := earlier(state)
	if replaced == nil {
		return fmt.Errorf("state of a line: %q is none", state)
	}
	// From the end: receipts are about what was said last.
	var seq int64 = -1
	err := s.tx.Query(func(r *sql.Rows) error { return r.Scan(&seq) },
		"SELECT seq FROM messages WHERE conversation_id=? AND id=? ORDER BY seq DESC LIMIT 1", conversationID, messageID)
	if err != nil {
		return fmt.Errorf("state of a line: %w", err)
	}
	if seq < 0 {
		return fmt.Errorf("state of a line: %w", contacts.ErrNotFound)
	}
	args := append(replaced, state, platformID, platformID, conversationID, seq)
	_, err = s.tx.Run("UPDATE messages SET state=CASE WHEN state IN "+database.Placeholders(1, len(replaced))+
		" THEN ? ELSE state END, platform_id=CASE WHEN ?='' THEN platform_id ELSE ? END"+
		" WHERE conversation_id=? AND seq=? AND outgoing=1", args...)
	if err != nil {
		return fmt.Errorf("state of a line: %w", err)
	}
	return nil
}
