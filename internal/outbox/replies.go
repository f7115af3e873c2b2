package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

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
	Progress     Progress // as RepliesByID read it
	Address      []byte   // JSON connectors.Address
	Body         []byte   // JSON connectors.Message
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

// Progress is how far a reply got; it only rises.
type Progress int

// The steps of a reply. A message that failed may still arrive: platforms say
// so, and then it has.
const (
	InOutbox Progress = iota
	Sent
	Failed
	DeliveredToPerson
	Read
)

func (p Progress) String() string {
	return [...]string{"pending", "sent", "failed", "delivered", "read"}[p]
}

// ProgressOf reads a platform's word; ok is false for one that is no step.
func ProgressOf(status string) (p Progress, ok bool) {
	switch status {
	case "sent":
		return Sent, true
	case "failed":
		return Failed, true
	case "delivered":
		return DeliveredToPerson, true
	case "read", "played":
		return Read, true
	}
	return 0, false
}

// Settlement is what became of an attempt to send a reply.
type Settlement struct {
	Reply Reply
	State ReplyState
}

// SettleReplies stores what became of attempts, unless a reply was settled by
// somebody else. A sent reply loses its text: the transcript has it.
func SettleReplies(tx *database.Tx, settled []Settlement) error {
	columns := []string{"id", "state", "due_at", "attempts", "last_error", "platform_id", "body", "progress"}
	for rest := settled; len(rest) > 0; {
		n := database.BatchSize(len(rest))
		args := make([]any, 0, n*len(columns))
		for _, s := range rest[:n] {
			r, progress := s.Reply, InOutbox
			body := any(r.Body)
			switch s.State {
			case ReplySent:
				body, progress = nil, Sent
			case ReplyFailed:
				progress = Failed
			}
			args = append(args, r.ID, int(s.State), r.DueAt, r.Attempts, cut(r.LastError, errorText), cut(r.PlatformID, 255), body, int(progress))
		}
		rest = rest[n:]
		if _, err := tx.UpdateFrom("replies", columns, n, args, "t.state=0"); err != nil {
			return fmt.Errorf("settle replies: %w", err)
		}
	}
	return nil
}

// Note is a platform's word on how far a message got.
type Note struct {
	Business, Channel string
	PlatformID        string // of the message; empty: Reply says which
	Reply             string // id of one that was sent
	Progress          Progress
}

// NoteProgress stores how far messages got, and returns the notes that told
// something new. A message that is not known as sent is passed over.
func NoteProgress(tx *database.Tx, notes []Note) (news []Note, err error) {
	for _, n := range notes {
		which, id := "platform_id=?", n.PlatformID
		if n.Reply != "" {
			which, id = "id=? AND state=1", n.Reply
		}
		changed, err := tx.Run("UPDATE replies SET progress=? WHERE "+which+" AND business_id=? AND channel=? AND progress<?",
			int(n.Progress), id, n.Business, n.Channel, int(n.Progress))
		if err != nil {
			return nil, fmt.Errorf("note progress: %w", err)
		}
		if changed > 0 {
			news = append(news, n)
		}
	}
	return news, nil
}

// SentAs finds the replies that platforms know by the given ids: their business,
// channel and platform id, without progress.
func SentAs(tx *database.Tx, platformIDs []string) (map[Note]bool, error) {
	found := map[Note]bool{}
	for part := range slices.Chunk(platformIDs, askMost) {
		err := tx.Query(func(rows *sql.Rows) error {
			var n Note
			err := rows.Scan(&n.Business, &n.Channel, &n.PlatformID)
			found[n] = true
			return err
		}, "SELECT business_id, channel, platform_id FROM replies WHERE platform_id IN "+database.Placeholders(1, len(part)), texts(part)...)
		if err != nil {
			return nil, fmt.Errorf("read replies: %w", err)
		}
	}
	return found, nil
}

// ProgressOfReplies tells how far messages got, by their ids; those that are no
// replies of the outbox, or not any more, are left out.
func ProgressOfReplies(tx *database.Tx, ids []string) (map[string]Progress, error) {
	found := make(map[string]Progress, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	err := tx.Query(func(r *sql.Rows) error {
		var id string
		var p Progress
		err := r.Scan(&id, &p)
		found[id] = p
		return err
	}, "SELECT id, progress FROM replies WHERE id IN "+database.Placeholders(1, len(ids)), texts(ids)...)
	if err != nil {
		return nil, fmt.Errorf("read progress: %w", err)
	}
	return found, nil
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

// askMost is the longest list in a condition: few sizes stay prepared, and MySQL
// trusts its index with it.
const askMost = 100

// RepliesByID returns the replies with the given ids that are still kept: how far
// they got, not what they say.
func RepliesByID(tx *database.Tx, ids []string) (map[string]Reply, error) {
	found := make(map[string]Reply, len(ids))
	for part := range slices.Chunk(ids, askMost) {
		err := tx.Query(func(rows *sql.Rows) error {
			var r Reply
			err := rows.Scan(&r.ID, &r.Attempts, &r.LastError, &r.PlatformID, &r.Progress, &r.CreatedAt)
			found[r.ID] = r
			return err
		}, "SELECT id, attempts, last_error, platform_id, progress, created_at FROM replies WHERE id IN "+database.Placeholders(1, len(part)), texts(part)...)
		if err != nil {
			return nil, fmt.Errorf("read replies: %w", err)
		}
	}
	return found, nil
}

// ReviveReplies makes the replies of an event that were given up pending again.
func ReviveReplies(tx *database.Tx, pos int64) error {
	_, err := tx.Run("UPDATE replies SET state=0, attempts=0, due_at=0 WHERE state=2 AND pos=? AND body IS NOT NULL", pos)
	if err != nil {
		return fmt.Errorf("revive replies: %w", err)
	}
	return nil
}

// FailedReply returns a reply of a business's that was given up, or that its
// platform says has failed: then without its body. Errors: ErrNotFound, ErrState.
func FailedReply(tx *database.Tx, business, id string) (Reply, error) {
	var found *Reply
	var state ReplyState
	var progress Progress
	err := tx.Query(func(rows *sql.Rows) error {
		found = &Reply{ID: id, Business: business}
		return rows.Scan(&found.Channel, &found.Conversation, &found.Part, &state, &progress, &found.Body)
	}, "SELECT channel, conversation_id, part, state, progress, body FROM replies WHERE id=? AND business_id=?", id, business)
	switch {
	case err != nil:
		return Reply{}, fmt.Errorf("read reply: %w", err)
	case found == nil:
		return Reply{}, ErrNotFound
	case state != ReplyFailed && (state != ReplySent || progress != Failed):
		return Reply{}, ErrState
	}
	return *found, nil
}

// RetryReply makes a failed reply pending again, with the body given. ErrState if
// it has not failed.
func RetryReply(tx *database.Tx, r Reply) error {
	n, err := tx.Run("UPDATE replies SET state=0, attempts=0, due_at=0, last_error='', platform_id='', progress=0, body=?"+
		" WHERE id=? AND (state=2 OR state=1 AND progress=2)", r.Body, r.ID)
	if err != nil {
		return fmt.Errorf("retry reply: %w", err)
	}
	if n == 0 {
		return ErrState
	}
	return nil
}
