package whatsapp

import "usher/connectors"

// maxListButton is the longest text on the button that opens a list.
const maxListButton = 20

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

// compose turns a message into the calls that say it.
func (c *channel) compose(m connectors.Message) []part {
	shows := c.Capabilities()
	var parts []part
	for _, bubble := range shows.Render(m) {
		switch {
		case len(bubble.Media) > 0:
			parts = append(parts, attachment(bubble.Media[0], bubble.Text))
		case len(bubble.Buttons) > 0:
			parts = append(parts, part{Type: "interactive", Interactive: c.choose(shows, bubble)})
		default:
			parts = append(parts, part{Type: "text", Text: &text{bubble.Text}})
		}
	}
	return parts
}

// attachment shows a file, with a caption where one may be.
func attachment(m connectors.Media, caption string) part {
	f := &file{ID: m.ID, Link: m.URL, Caption: caption}
	if f.Link != "" {
		f.ID = ""
	}
	switch m.Type {
	case "image":
		return part{Type: m.Type, Image: f}
	case "video":
		return part{Type: m.Type, Video: f}
	case "audio":
		return part{Type: m.Type, Audio: f}
	case "sticker":
		return part{Type: m.Type, Sticker: f}
	default:
		f.Filename = m.Filename
		return part{Type: "document", Document: f}
	}
}

// choose shows choices that fit as buttons, else as a list.
func (c *channel) choose(shows connectors.Capabilities, m connectors.Message) *interactive {
	shown := &interactive{Type: "button", Body: heading{m.Text}}
	if shows.Layout(m.Buttons) == connectors.AsRow {
		for _, b := range m.Buttons {
			shown.Action.Buttons = append(shown.Action.Buttons, replyButton{"reply", row{ID: b.Value, Title: b.Title}})
		}
		return shown
	}
	list := section{}
	for _, b := range m.Buttons {
		title, more := shows.Limits.List.Cut(b.Title)
		list.Rows = append(list.Rows, row{ID: b.Value, Title: title, Description: more})
	}
	shown.Type, shown.Action.Button, shown.Action.Sections = "list", c.ListButton, []section{list}
	return shown
}
