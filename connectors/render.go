package connectors

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Render turns a message into what the channel can show, in the order in which
// it is said: attachments, text, choices last, since the person answers below
// them. Every message that it returns fits as it is: long texts are split at
// word borders; choices that are too many or too long become numbered text,
// which a question understands as well; attachments and forms that the channel
// does not know are written out. What it rendered it leaves as it is.
func (c Capabilities) Render(m Message) []Message {
	said := strings.TrimSpace(m.Text)
	buttons := Choices(m.Buttons)
	var media []Media
	for _, attached := range m.Media {
		if c.shows(attached.Type) {
			media = append(media, attached)
		} else {
			said = line(said, written(attached))
		}
	}
	form := m.Form
	if form != nil && !c.Forms {
		said, form = line(said, form.written()), nil
	}
	if len(buttons) > 0 && (said == "" && c.Limits.Row.Count > 0 || c.Layout(buttons) == AsText) {
		said, buttons = numbered(said, buttons), nil // platforms want a text above choices
	}
	longest := c.Limits.Text
	if len(buttons) > 0 && c.Limits.Body > 0 {
		longest = c.Limits.Body
	}
	last := m
	last.Text, last.Media, last.Buttons, last.Form = said, nil, buttons, form
	if c.Limits.Whole {
		last.Media = media
		media = nil
	}
	var shown []Message
	for _, attached := range media {
		one := Message{ID: m.ID, Media: []Media{attached}}
		if len(media) == 1 && len(buttons) == 0 && form == nil && attached.captioned() && c.Limits.Counts.of(said) <= c.Limits.Caption {
			one.Text, last.Text = said, ""
		}
		shown = append(shown, one)
	}
	head, tail := c.lastPiece(last.Text, longest)
	last.Text = tail
	for head != "" {
		piece := m
		piece.Media, piece.Buttons, piece.Form = nil, nil, nil
		piece.Text, head = cut(head, c.Limits.Text, c.Limits.Counts)
		shown = append(shown, piece)
	}
	if last.Text == "" && len(last.Media) == 0 && len(last.Buttons) == 0 && last.Form == nil {
		return shown
	}
	return append(shown, last)
}

// lastPiece splits off what stands last, above the choices if there are any.
func (c Capabilities) lastPiece(text string, longest int) (head, tail string) {
	if longest == 0 || c.Limits.Counts.of(text) <= longest {
		return "", text
	}
	for tail = text; ; {
		piece, rest := cut(tail, longest, c.Limits.Counts)
		if rest == "" {
			return strings.TrimSpace(strings.TrimSuffix(text, piece)), piece
		}
		tail = rest
	}
}

// shows says whether the channel shows this kind of attachment; what it has no
// name for is a file.
func (c Capabilities) shows(kind string) bool {
	if slices.Contains(c.Media, kind) {
		return true
	}
	known := slices.Contains([]string{"image", "audio", "video", "file", "sticker"}, kind)
	return !known && slices.Contains(c.Media, "file")
}

// captioned says whether a text may go with the attachment.
func (m Media) captioned() bool { return m.Type != "audio" && m.Type != "sticker" }

// written is an attachment where it cannot be shown.
func written(m Media) string {
	if m.URL != "" {
		return m.URL
	}
	return m.Filename
}

// written is a form where it cannot be shown.
func (f *Form) written() string {
	text := f.Title
	for _, field := range f.Fields {
		text = line(text, "• "+field.Label)
	}
	return text
}

// Choices gives every button a title and a value; one with neither is none.
func Choices(buttons []Button) []Button {
	complete := func(b Button) bool {
		return b.Title != "" && b.Value != "" && strings.TrimSpace(b.Title) == b.Title && strings.TrimSpace(b.Value) == b.Value
	}
	if !slices.ContainsFunc(buttons, func(b Button) bool { return !complete(b) }) {
		return buttons
	}
	var choices []Button
	for _, b := range buttons {
		b.Title, b.Value = strings.TrimSpace(b.Title), strings.TrimSpace(b.Value)
		switch {
		case b.Title == "" && b.Value == "":
			continue
		case b.Title == "":
			b.Title = b.Value
		case b.Value == "":
			b.Value = b.Title
		}
		choices = append(choices, b)
	}
	return choices
}

func numbered(said string, buttons []Button) string {
	var b strings.Builder
	b.WriteString(said)
	for i, button := range buttons {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strconv.Itoa(i+1) + ". " + button.Title)
	}
	return b.String()
}

func line(text, more string) string {
	if text == "" || more == "" {
		return text + more
	}
	return text + "\n" + more
}

// cut takes a piece of at most limit units (0: any) off the front of s, at a
// line end or blank where there is one. A border in the first half is not worth a nearly
// empty piece.
func cut(s string, limit int, counts Unit) (piece, rest string) {
	end, n := len(s), 0
	if limit == 0 {
		return s, ""
	}
	for i, r := range s {
		if n += counts.ofRune(r); n > limit && i > 0 {
			end = i
			break
		}
	}
	if end == len(s) {
		return s, ""
	}
	if s[end] != ' ' && s[end] != '\n' {
		if newline := strings.LastIndexByte(s[:end], '\n'); newline > end/2 {
			end = newline
		} else if blank := strings.LastIndexByte(s[:end], ' '); blank > end/2 {
			end = blank
		} else {
			end = whole(s, end)
		}
	}
	return strings.TrimSpace(s[:end]), strings.TrimSpace(s[end:])
}

// whole moves a border back so that it parts no character from its accent, and
// no emoji from what joins it.
func whole(s string, end int) int {
	const joiner = '\u200d'
	runes := []rune(s[:end])
	after := []rune(s[end:])[0]
	for at := len(runes); at > len(runes)/2; at-- {
		before := runes[at-1]
		if !unicode.In(after, unicode.Mn, unicode.Me, unicode.Sk) && after != joiner && before != joiner {
			return len(string(runes[:at]))
		}
		after = before
	}
	return end
}
