package contacts

import "time"

// Note is what somebody wrote down about a contact, for the people of the
// business: the person never sees it.
type Note struct {
	ID        string    `json:"id"`
	Text      string    `json:"text"`
	Author    string    `json:"author"` // the id of an agent or key, or flow:<id>
	CreatedAt time.Time `json:"created_at"`
}

// NoteLimit is the most characters of a note.
const NoteLimit = 10_000
