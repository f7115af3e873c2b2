package telegram

import "usher/connectors"

// call is one method call: one bubble in the chat.
type call struct {
	method     string
	Connection string    `json:"business_connection_id,omitempty"`
	Chat       any       `json:"chat_id"`
	Text       string    `json:"text,omitempty"`
	Preview    *preview  `json:"link_preview_options,omitempty"`
	Photo      string    `json:"photo,omitempty"`
	Audio      string    `json:"audio,omitempty"`
	Voice      string    `json:"voice,omitempty"`
	Video      string    `json:"video,omitempty"`
	Sticker    string    `json:"sticker,omitempty"`
	Document   string    `json:"document,omitempty"`
	Caption    string    `json:"caption,omitempty"`
	Markup     *keyboard `json:"reply_markup,omitempty"`
}

type preview struct {
	Disabled bool `json:"is_disabled"`
}

type keyboard struct {
	Rows [][]button `json:"inline_keyboard"`
}

type button struct {
	Text string `json:"text"`
	Data string `json:"callback_data"`
}

// compose turns a message into the calls that say it.
func compose(m connectors.Message) []call {
	var calls []call
	for _, bubble := range connectors.CapabilitiesOf("telegram").Render(m) {
		if len(bubble.Media) > 0 {
			calls = append(calls, file(bubble.Media[0], bubble.Text))
			continue
		}
		one := call{method: "sendMessage", Text: bubble.Text}
		if bubble.NoPreview {
			one.Preview = &preview{Disabled: true}
		}
		if len(bubble.Buttons) > 0 {
			one.Markup = &keyboard{}
			for _, b := range bubble.Buttons {
				one.Markup.Rows = append(one.Markup.Rows, []button{{Text: b.Title, Data: b.Value}})
			}
		}
		calls = append(calls, one)
	}
	return calls
}

// file is sent by the id that Telegram knows it by, or fetched by Telegram.
func file(m connectors.Media, caption string) call {
	source := m.URL
	if source == "" {
		source = m.ID
	}
	switch {
	case m.Type == "image":
		return call{method: "sendPhoto", Photo: source, Caption: caption}
	case m.Type == "audio" && m.Voice != nil && *m.Voice:
		return call{method: "sendVoice", Voice: source}
	case m.Type == "audio":
		return call{method: "sendAudio", Audio: source}
	case m.Type == "video":
		return call{method: "sendVideo", Video: source, Caption: caption}
	case m.Type == "sticker":
		return call{method: "sendSticker", Sticker: source}
	default:
		return call{method: "sendDocument", Document: source, Caption: caption}
	}
}
