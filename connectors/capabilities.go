package connectors

import (
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Capabilities says what a channel can show. Render turns everything else into
// text, and questions are worded after it. The zero value can show text only, of
// any length.
type Capabilities struct {
	Buttons bool // choices to tap, within Limits
	Forms   bool // native forms
	// Media are the kinds of attachments that it shows: image, audio, video, file,
	// sticker. Of others the address is written.
	Media  []string `json:",omitempty"`
	Limits Limits   `json:",omitzero"`
}

// Limits are the bounds of one message of a channel; zero: none that matters.
type Limits struct {
	Text    int   `json:",omitempty"` // longest text
	Body    int   `json:",omitempty"` // longest text above choices; zero: as Text
	Caption int   `json:",omitempty"` // longest text that goes with one attachment; zero: it goes as a message of its own
	Counts  Unit  `json:",omitempty"` // what Text, Body and Caption count
	Whole   bool  `json:",omitempty"` // one message holds text, attachments and choices together
	Row     Slots `json:",omitzero"`  // choices below the message: buttons, quick replies, a keyboard
	List    Slots `json:",omitzero"`  // choices behind one button; no count: there is no list
}

// Slots are the bounds of choices, titles in characters; zero: none that matters.
type Slots struct {
	Count int `json:",omitempty"` // most choices
	Title int `json:",omitempty"` // longest title
	More  int `json:",omitempty"` // what of a longer title can stand below it
	Value int `json:",omitempty"` // longest value, which comes back when it is tapped, in bytes
}

// Unit is what a platform counts in a text.
type Unit int

// The units.
const (
	Characters Unit = iota
	UTF16           // code units: an emoji counts two
	Bytes           // of UTF-8
)

// of is the size of a text.
func (u Unit) of(s string) int {
	switch u {
	case UTF16:
		n := 0
		for _, r := range s {
			n += utf16.RuneLen(r)
		}
		return n
	case Bytes:
		return len(s)
	default:
		return utf8.RuneCountInString(s)
	}
}

// ofRune is the size of one character.
func (u Unit) ofRune(r rune) int {
	switch u {
	case UTF16:
		return utf16.RuneLen(r)
	case Bytes:
		return utf8.RuneLen(r)
	default:
		return 1
	}
}

// channelType is a row of the table of channels.
type channelType struct {
	name  string
	shows Capabilities
}

// channelTypes is the table of what each type of channel can show: by the
// platforms' documents, as far as usher's connector makes use of it.
func channelTypes() []channelType {
	all := []string{"image", "audio", "video", "file", "sticker"}
	plain := Capabilities{}
	return []channelType{
		{"whatsapp", Capabilities{Buttons: true, Media: all, Limits: Limits{
			Text: 4096, Body: 1024, Caption: 1024,
			Row:  Slots{Count: 3, Title: 20, Value: 256},
			List: Slots{Count: 10, Title: 24, More: 72, Value: 200},
		}}},
		{"messenger", Capabilities{Buttons: true, Media: []string{"image", "audio", "video", "file"}, Limits: Limits{
			Text: 2000, Row: Slots{Count: 13, Title: 20, Value: 1000},
		}}},
		{"instagram", Capabilities{Buttons: true, Media: []string{"image", "audio", "video"}, Limits: Limits{
			Text: 1000, Counts: Bytes, Row: Slots{Count: 13, Title: 20, Value: 1000},
		}}},
		{"telegram", Capabilities{Buttons: true, Media: all, Limits: Limits{
			Text: 4096, Caption: 1024, Counts: UTF16, Row: Slots{Count: 100, Value: 64},
		}}},
		{"twilio", Capabilities{Media: all, Limits: Limits{Text: 1600, Caption: 1600}}},
		{"viber", Capabilities{Buttons: true, Media: []string{"image"}, Limits: Limits{
			Text: 7000, Row: Slots{Count: 24, Title: 250},
		}}},
		{"line", Capabilities{Buttons: true, Media: []string{"image"}, Limits: Limits{
			Text: 5000, Counts: UTF16, Row: Slots{Count: 13, Title: 20, Value: 300},
		}}},
		{"slack", Capabilities{Buttons: true, Media: []string{"image"}, Limits: Limits{
			Text: 3000, Whole: true, Row: Slots{Count: 25, Title: 75, Value: 2000},
		}}},
		{"webchat", Capabilities{Buttons: true, Forms: true, Media: all, Limits: Limits{Whole: true}}},
		{"bot", Capabilities{Buttons: true, Forms: true, Media: all, Limits: Limits{Whole: true}}},
		{"rasa", Capabilities{Buttons: true, Media: []string{"image"}, Limits: Limits{Whole: true}}},
		{"dialogflow_es", plain},
		{"dialogflow_cx", plain},
		{"botpress", plain},
		{"typebot", plain},
		{"generic", plain},
	}
}

// CapabilitiesOf is what a channel can show by its type or id; of an unknown
// type, text only. A Describer's settings may say otherwise.
func CapabilitiesOf(channel string) Capabilities {
	kind, _, _ := strings.Cut(channel, "/")
	for _, c := range channelTypes() {
		if c.name == kind {
			return c.shows
		}
	}
	return Capabilities{}
}

// ChannelTypes lists the types whose capabilities are known.
func ChannelTypes() []string {
	var names []string
	for _, c := range channelTypes() {
		names = append(names, c.name)
	}
	return names
}

// Layout is how a channel shows choices.
type Layout int

// The layouts.
const (
	AsText Layout = iota // numbered, below the text
	AsRow                // below the message, to tap
	AsList               // behind one button
)

// Layout is the first in which a channel shows all of these choices whole: it
// cuts none off. Buttons are as Choices returns them.
func (c Capabilities) Layout(buttons []Button) Layout {
	switch {
	case !c.Buttons || len(buttons) == 0:
		return AsText
	case c.Limits.Row.hold(buttons, true):
		return AsRow
	case c.Limits.List.Count > 0 && c.Limits.List.hold(buttons, false):
		return AsList
	default:
		return AsText
	}
}

// hold says whether the choices fit. Choices that come back with the same value
// cannot be told apart, and platforms refuse rows with one title twice.
func (s Slots) hold(buttons []Button, titles bool) bool {
	if s.Count == 0 {
		return true
	}
	if len(buttons) > s.Count {
		return false
	}
	for i, b := range buttons {
		if s.Title > 0 && utf8.RuneCountInString(b.Title) > s.Title {
			if _, more := s.Cut(b.Title); s.More == 0 || utf8.RuneCountInString(more) > s.More {
				return false
			}
		}
		if s.Value > 0 && len(b.Value) > s.Value {
			return false
		}
		if slices.ContainsFunc(buttons[:i], func(o Button) bool { return o.Value == b.Value || titles && o.Title == b.Title }) {
			return false
		}
	}
	return true
}

// Cut is a title as far as it fits, and what stands below it.
func (s Slots) Cut(title string) (fits, more string) {
	return cut(title, s.Title, Characters)
}
