package contacts

import (
	"fmt"
	"time"
)

const (
	lineFormat   = 1
	maxLineBytes = 256 << 10 // a message with its attachments' addresses; media itself is never kept
)

// Flags of a line's record.
const (
	lineOut = 1 << iota
	lineOtherConversation
	lineHasAuthor
	linePrivate
)

// Marshal is the line's record for a store that keeps it under its guest's id.
// The time is kept to the millisecond.
func (l Line) Marshal(guestID string) ([]byte, error) {
	w := make(writer, 0, 64+len(l.Body))
	w.byte(lineFormat)
	own := l.Conversation == ConversationIDOf(guestID)
	var flags byte
	if l.Out {
		flags |= lineOut
	}
	if !own {
		flags |= lineOtherConversation
	}
	if l.Author != "" {
		flags |= lineHasAuthor
	}
	if l.Private {
		flags |= linePrivate
	}
	w.byte(flags)
	w.int(l.Seq)
	w.string(l.ID)
	w.time(l.At, time.Time{})
	w.int(l.EventID)
	w.string(l.State)
	w.string(l.PlatformID)
	if !own {
		w.string(l.Conversation)
	}
	if l.Author != "" {
		w.string(l.Author)
	}
	w.bytes(l.Body)
	if len(w) > maxLineBytes {
		return nil, fmt.Errorf("line %s: %d bytes, %d are the most", l.ID, len(w), maxLineBytes)
	}
	return w, nil
}

// UnmarshalLine reads a line of the guest's transcript. It shares no memory with
// data.
func UnmarshalLine(guestID string, data []byte) (Line, error) {
	r := &reader{data: data}
	if format := r.byte(); r.err == nil && format != lineFormat {
		return Line{}, fmt.Errorf("line of guest %s: format %d is not known", guestID, format)
	}
	flags := r.byte()
	l := Line{Out: flags&lineOut != 0, Private: flags&linePrivate != 0, Conversation: ConversationIDOf(guestID)}
	l.Seq = r.int()
	l.ID = r.string()
	l.At = r.time(time.Time{})
	l.EventID = r.int()
	l.State = r.string()
	l.PlatformID = r.string()
	if flags&lineOtherConversation != 0 {
		l.Conversation = r.string()
	}
	if flags&lineHasAuthor != 0 {
		l.Author = r.string()
	}
	l.Body = r.bytes()
	if err := r.end("line of guest " + guestID); err != nil {
		return Line{}, err
	}
	return l, nil
}
