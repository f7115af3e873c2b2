package whatsapp

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"usher/connectors"
)

// Limits of the Cloud API, in characters. What is longer is refused whole.
const (
	maxText        = 4096
	maxBody        = 1024 // text above buttons or a list
	maxCaption     = 1024
	maxButtons     = 3
	maxTitle       = 20
	maxID          = 256
	maxRows        = 10
	maxRowTitle    = 24
	maxDescription = 72
	maxRowID       = 200
	maxListButton  = 20
)

// part is the body of one call: one bubble on the person's phone.
type part struct {
	Product       string `json:"messaging_product"`
	RecipientType string `json:"recipient_type"`
	// To wins where both are set; Recipient alone reaches who hides the number.
	To          string       `json:"to,omitempty"`
	Recipient   string       `json:"recipient,omitempty"`
	Type        string       `json:"type"`
	Text        *text        `json:"text,omitempty"`
	Image       *file        `json:"image,omitempty"`
	Video       *file        `json:"video,omitempty"`
	Audio       *file        `json:"audio,omitempty"`
	Sticker     *file        `json:"sticker,omitempty"`
	Document    *file        `json:"document,omitempty"`
	Interactive *interactive `json:"interactive,omitempty"`
	// Callback comes back in every status of the message.
	Callback string `json:"biz_opaque_callback_data,omitempty"`
}

type text struct {
	Body string `json:"body"`
}

type file struct {
	ID       string `json:"id,omitempty"`
	Link     string `json:"link,omitempty"`
	Caption  string `json:"caption,omitempty"`
	Filename string `json:"filename,omitempty"`
}

type interactive struct {
	Type   string  `json:"type"`
	Body   heading `json:"body"`
	Action action  `json:"action"`
}

// heading is the text above choices.
type heading struct {
	Text string `json:"text"`
}

type action struct {
	Buttons  []replyButton `json:"buttons,omitempty"`
	Button   string        `json:"button,omitempty"`
	Sections []section     `json:"sections,omitempty"`
}

type replyButton struct {
	Type  string `json:"type"`
	Reply row    `json:"reply"`
}

type section struct {
	Rows []row `json:"rows"`
}

type row struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
}

// compose turns a message into the calls that say it, in order: media, text,
// choices last, since the person answers below them.
func (c *channel) compose(m connectors.Message) []part {
	var parts []part
	said := strings.TrimSpace(m.Text)
	choices := offered(m.Buttons)
	for _, media := range m.Media {
		p, captioned := attachment(media)
		if captioned && len(m.Media) == 1 && len(choices) == 0 && utf8.RuneCountInString(said) <= maxCaption {
			p.caption(said)
			said = ""
		}
		parts = append(parts, p)
	}
	if len(choices) > 0 {
		return append(parts, c.choose(said, choices)...)
	}
	return append(parts, texts(said)...)
}

func texts(said string) (parts []part) {
	for _, piece := range split(said, maxText) {
		parts = append(parts, part{Type: "text", Text: &text{piece}})
	}
	return parts
}

// attachment says whether a caption may go with it.
func attachment(m connectors.Media) (p part, captioned bool) {
	f := &file{ID: m.ID, Link: m.URL}
	if f.Link != "" {
		f.ID = ""
	}
	switch m.Type {
	case "image":
		return part{Type: m.Type, Image: f}, true
	case "video":
		return part{Type: m.Type, Video: f}, true
	case "audio":
		return part{Type: m.Type, Audio: f}, false
	case "sticker":
		return part{Type: m.Type, Sticker: f}, false
	default:
		f.Filename = m.Filename
		return part{Type: "document", Document: f}, true
	}
}

func (p *part) caption(said string) {
	for _, f := range []*file{p.Image, p.Video, p.Document} {
		if f != nil {
			f.Caption = said
		}
	}
}

// offered gives every button a title and a value; one with neither is none.
func offered(buttons []connectors.Button) (rows []row) {
	for _, b := range buttons {
		r := row{ID: strings.TrimSpace(b.Value), Title: strings.TrimSpace(b.Title)}
		switch {
		case r.ID == "" && r.Title == "":
			continue
		case r.Title == "":
			r.Title = r.ID
		case r.ID == "":
			r.ID = r.Title
		}
		rows = append(rows, r)
	}
	return rows
}

// choose shows choices in the richest form that shows all of them whole:
// buttons, a list, or numbered text, which the flow understands as well.
func (c *channel) choose(said string, rows []row) []part {
	var shown interactive
	switch {
	case said == "": // buttons and lists must have a text above them
		return texts(numbered(said, rows))
	case fitButtons(rows):
		shown.Type = "button"
		for _, r := range rows {
			shown.Action.Buttons = append(shown.Action.Buttons, replyButton{"reply", r})
		}
	case fitList(rows):
		shown.Type = "list"
		shown.Action.Button = c.ListButton
		list := section{}
		for _, r := range rows {
			r.Title, r.Description = cut(r.Title, maxRowTitle)
			list.Rows = append(list.Rows, r)
		}
		shown.Action.Sections = []section{list}
	default:
		return texts(numbered(said, rows))
	}
	pieces := split(said, maxBody)
	last := pieces[len(pieces)-1]
	parts := texts(strings.TrimSpace(strings.TrimSuffix(said, last)))
	shown.Body.Text = last
	return append(parts, part{Type: "interactive", Interactive: &shown})
}

// fitButtons: Meta refuses two buttons with one title or id.
func fitButtons(rows []row) bool {
	if len(rows) > maxButtons {
		return false
	}
	titles, ids := map[string]bool{}, map[string]bool{}
	for _, r := range rows {
		if titles[r.Title] || ids[r.ID] || utf8.RuneCountInString(r.Title) > maxTitle || utf8.RuneCountInString(r.ID) > maxID {
			return false
		}
		titles[r.Title], ids[r.ID] = true, true
	}
	return true
}

func fitList(rows []row) bool {
	if len(rows) > maxRows {
		return false
	}
	ids := map[string]bool{}
	for _, r := range rows {
		_, rest := cut(r.Title, maxRowTitle)
		if ids[r.ID] || utf8.RuneCountInString(rest) > maxDescription || utf8.RuneCountInString(r.ID) > maxRowID {
			return false
		}
		ids[r.ID] = true
	}
	return true
}

func numbered(said string, rows []row) string {
	var b strings.Builder
	b.WriteString(said)
	for i, r := range rows {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strconv.Itoa(i+1) + ". " + r.Title)
	}
	return b.String()
}

// split cuts a text into pieces of at most limit characters, at line ends or
// blanks where there are any.
func split(s string, limit int) (pieces []string) {
	for s = strings.TrimSpace(s); s != ""; {
		var piece string
		piece, s = cut(s, limit)
		pieces = append(pieces, piece)
	}
	return pieces
}

// cut takes a piece of at most limit characters off the front of s. A border in
// the first half is not worth a nearly empty piece.
func cut(s string, limit int) (piece, rest string) {
	end, n := len(s), 0
	for i := range s {
		if n == limit {
			end = i
			break
		}
		n++
	}
	if end == len(s) {
		return s, ""
	}
	if s[end] != ' ' && s[end] != '\n' {
		if line := strings.LastIndexByte(s[:end], '\n'); line > end/2 {
			end = line
		} else if blank := strings.LastIndexByte(s[:end], ' '); blank > end/2 {
			end = blank
		}
	}
	return strings.TrimSpace(s[:end]), strings.TrimSpace(s[end:])
}
