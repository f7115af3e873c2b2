package api

import (
	"context"
	"time"

	"usher/contacts/sqlstore"
)

// historyRow is one field of a contact that took another value.
type historyRow struct {
	At     time.Time `json:"at"`
	Field  string    `json:"field" doc:"A field, or status, tags, assignee_id, archived"`
	Old    any       `json:"old" doc:"null: not known"`
	New    any       `json:"new" doc:"null: not known any more"`
	Source origin    `json:"source"`
	By     *string   `json:"by" doc:"The agent or key that asked for it; null: the person, or a flow"`
}

// origin is where a value came from.
type origin struct {
	Channel *string `json:"channel"`
	Flow    *string `json:"flow"`
	Step    *string `json:"step"`
	Via     *string `json:"via" enum:"form,ask,call,set,handover,api,import,manual,channel,identify,crm"`
}

type historyAnswer struct {
	Body page[historyRow]
}

type historyInput struct {
	ByID
	Paging
}

// contactHistory lists what changed about a contact, the latest first.
func (s *Server) contactHistory(ctx context.Context, in *historyInput) (*historyAnswer, error) {
	if _, err := s.store(ctx).Contact(businessOf(ctx).ID, in.ID); err != nil {
		return nil, err
	}
	changes, next, total, err := s.store(ctx).History(in.ID, sqlstore.Page{Limit: in.Limit, Cursor: in.Cursor, Count: in.Count})
	if err != nil {
		return nil, err
	}
	rows := make([]historyRow, len(changes))
	for i, c := range changes {
		rows[i] = historyRow{At: c.At, Field: c.Field, Old: c.Old, New: c.New, By: orNull(c.By),
			Source: origin{orNull(c.Source.Channel), orNull(c.Source.Flow), orNull(c.Source.Step), orNull(c.Source.Via)}}
	}
	return &historyAnswer{pageOf(rows, next, total)}, nil
}
