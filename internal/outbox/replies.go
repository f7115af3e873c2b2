package outbox

import (
	"context"
	"database/sql"
	"fmt"

	"usher/internal/database"
)

// ReplyState of a reply.
type ReplyState int

// The states of a reply.
const (
	ReplyPending ReplyState = iota
	ReplySent
	ReplyFailed
)

// Reply is one message on its way to a person through a platform's API.
type Reply struct {
	ID           string // of the message: the same cause gives the same id
	Business     string
	Channel      string
	Conversation string
	Part         int
	Pos          int64 // of the event that caused it
	Place        int   // among that event's replies
	DueAt        int64 // microseconds, node time: waits are minutes, clocks agree to seconds
	Attempts     int
	LastError    string
	PlatformID   string
	Address      []byte // JSON connectors.Address
	Body         []byte // JSON connectors.Message
	CreatedAt    int64
}

// AddReplies puts replies; one that is there already stays as it is.
func AddReplies(tx *database.Tx, replies []Reply) error {
	rows := make([][]any, len(replies))
	for i, r := range replies {
		rows[i] = []any{r.ID, r.Business, r.Channel, r.Conversation, r.Part, r.Pos, r.Place, int(ReplyPending), r.DueAt,
			r.Address, r.Body, r.CreatedAt}
	}
	err := insert(tx, "replies", "id,business_id,channel,conversation_id,part,pos,place,state,due_at,address,body,created_at",
		keep(tx), rows)
	if err != nil {
		return fmt.Errorf("put replies: %w", err)
	}
	return nil
}

// PendingReplies lists unsent replies of the given partitions (nil: all) in
// order, due or not: one that waits holds up those of its conversation behind
// it, and only these. Known ids are left out by the caller.
func PendingReplies(ctx context.Context, db *database.DB, parts []int, limit int) ([]Reply, error) {
	query := "SELECT id,business_id,channel,conversation_id,part,pos,place,due_at,attempts,last_error,address,body,created_at" +
		" FROM replies WHERE state = 0"
	var args []any
	if parts != nil {
		if len(parts) == 0 {
			return nil, nil
		}
		query += " AND part IN " + database.Placeholders(1, len(parts))
		for _, p := range parts {
			args = append(args, p)
		}
	}
	var replies []Reply
	err := db.Read(ctx).Query(func(rows *sql.Rows) error {
		var r Reply
		err := rows.Scan(&r.ID, &r.Business, &r.Channel, &r.Conversation, &r.Part, &r.Pos, &r.Place, &r.DueAt, &r.Attempts,
			&r.LastError, &r.Address, &r.Body, &r.CreatedAt)
		replies = append(replies, r)
		return err
	}, query+" ORDER BY due_at, pos, place LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list replies: %w", err)
	}
	return replies, nil
}

// SettleReply stores what became of an attempt, unless the reply was settled by
// somebody else. A sent reply loses its text: the transcript has it.
func SettleReply(tx *database.Tx, r Reply, state ReplyState) error {
	body := ", body=NULL"
	if state != ReplySent {
		body = ""
	}
	_, err := tx.Run("UPDATE replies SET state=?, due_at=?, attempts=?, last_error=?, platform_id=?"+body+
		" WHERE id=? AND state=0", int(state), r.DueAt, r.Attempts, cut(r.LastError, errorText), cut(r.PlatformID, 255), r.ID)
	if err != nil {
		return fmt.Errorf("settle reply: %w", err)
	}
	return nil
}

// ReplyByPlatformID finds the message that a delivery status is about.
func ReplyByPlatformID(tx *database.Tx, business, channel, platformID string) (id, conversation string, err error) {
	err = tx.Query(func(r *sql.Rows) error { return r.Scan(&id, &conversation) },
		"SELECT id, conversation_id FROM replies WHERE platform_id=? AND business_id=? AND channel=?", platformID, business, channel)
	if err == nil && id == "" {
		err = ErrNotFound
	}
	return id, conversation, err
}

// PruneReplies deletes settled replies made before a time.
func PruneReplies(ctx context.Context, db *database.DB, before int64, limit int) (int64, error) {
	var n int64
	err := db.Write(ctx, database.Bulk, func(tx *database.Tx) error {
		var err error
		if tx.Dialect == database.SQLite {
			n, err = tx.Run("DELETE FROM replies WHERE id IN (SELECT id FROM replies WHERE state > 0 AND created_at < ? LIMIT ?)", before, limit)
		} else {
			n, err = tx.Run("DELETE FROM replies WHERE state > 0 AND created_at < ? LIMIT ?", before, limit)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("prune replies: %w", err)
	}
	return n, nil
}

// RepliesOf lists the replies that the event at a place caused.
func RepliesOf(tx *database.Tx, pos int64) ([]Reply, error) {
	var replies []Reply
	err := tx.Query(func(rows *sql.Rows) error {
		var r Reply
		err := rows.Scan(&r.ID, &r.Attempts, &r.LastError, &r.PlatformID, &r.CreatedAt)
		replies = append(replies, r)
		return err
	}, "SELECT id, attempts, last_error, platform_id, created_at FROM replies WHERE state IN (0,1,2) AND pos=? ORDER BY place", pos)
	if err != nil {
		return nil, fmt.Errorf("list replies: %w", err)
	}
	return replies, nil
}

// ReviveReplies makes the replies of an event that were given up pending again.
func ReviveReplies(tx *database.Tx, pos int64) error {
	_, err := tx.Run("UPDATE replies SET state=0, attempts=0, due_at=0 WHERE state=2 AND pos=? AND body IS NOT NULL", pos)
	if err != nil {
		return fmt.Errorf("revive replies: %w", err)
	}
	return nil
}
