package api

import (
	"context"
	"time"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

// note is what somebody wrote down about a contact.
type note struct {
	ID        string    `json:"id" example:"nte_01k8z9x2m4q7c"`
	Text      string    `json:"text"`
	Author    string    `json:"author" doc:"Id of the agent or key, or flow:<id>"`
	CreatedAt time.Time `json:"created_at"`
}

// noteBody is what may be written of a note.
type noteBody struct {
	Text string `json:"text" doc:"At most 10,000 characters; for the people of the business only"`
}

type noteAnswer struct {
	Location string `header:"Location"`
	Body     note
}

type notesAnswer struct {
	Body page[note]
}

type notesInput struct {
	ByID
	Paging
}

func noteOf(n contacts.Note) note { return note{n.ID, n.Text, n.Author, n.CreatedAt.UTC()} }

// listNotes lists the notes about a contact, the newest first.
func (s *Server) listNotes(ctx context.Context, in *notesInput) (*notesAnswer, error) {
	c, err := s.store(ctx).Contact(businessOf(ctx).ID, in.ID)
	if err != nil {
		return nil, err
	}
	list, next, total, err := s.store(ctx).Notes(c.ID, sqlstore.Page{Limit: in.Limit, Cursor: in.Cursor, Count: in.Count})
	if err != nil {
		return nil, err
	}
	rows := make([]note, len(list))
	for i, n := range list {
		rows[i] = noteOf(n)
	}
	return &notesAnswer{pageOf(rows, next, total)}, nil
}

type addNoteInput struct {
	ByID
	Raw
}

func (s *Server) addNote(ctx context.Context, in *addNoteInput) (*noteAnswer, error) {
	var body noteBody
	if err := decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	_, author := callerOf(ctx).origin()
	n, err := s.gateway.AddNote(ctx, businessOf(ctx), in.ID, author, body.Text)
	if err != nil {
		return nil, err
	}
	return &noteAnswer{"/v1/contacts/" + in.ID + "/notes", noteOf(n)}, nil
}
