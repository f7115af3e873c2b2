package flows

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"usher/connectors"
)

// choices says on which channels a question's choices become numbered text.
func (c *inspection) choices(f *Flow, q *question) {
	var buttons []connectors.Button
	for _, offered := range q.choices {
		buttons = append(buttons, connectors.Button{Title: offered.title, Value: offered.value})
	}
	if q.optional && buttons != nil {
		buttons = append(buttons, connectors.Button{Title: skipValue, Value: skipValue})
	}
	c.buttons(f, q.at, "choices", buttons)
}

func (c *inspection) buttons(f *Flow, at place, key string, buttons []connectors.Button) {
	var written []string
	for _, channel := range connectors.ChannelTypes() {
		if c.around.Channels != nil && !slices.Contains(c.around.Channels, channel) {
			continue
		}
		shows := connectors.CapabilitiesOf(channel)
		if shows.Buttons && len(buttons) > 0 && shows.Layout(buttons) == connectors.AsText {
			written = append(written, channel+" ("+tooMuch(shows.Limits, buttons)+")")
		}
	}
	if written != nil {
		c.warn(f, at, "%s: as numbered text in %s", key, strings.Join(written, ", "))
	}
}

// tooMuch says why choices do not fit.
func tooMuch(limits connectors.Limits, buttons []connectors.Button) string {
	slots := limits.Row
	if limits.List.Count > slots.Count {
		slots = limits.List
	}
	if len(buttons) > slots.Count {
		return fmt.Sprintf("at most %d", slots.Count)
	}
	for _, b := range buttons {
		if most := slots.Title + slots.More; slots.Title > 0 && utf8.RuneCountInString(b.Title) > most {
			return fmt.Sprintf("titles of at most %d characters", most)
		}
	}
	return fmt.Sprintf("values that differ and have at most %d bytes", slots.Value)
}
