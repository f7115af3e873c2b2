package connectors_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"usher/connectors"
)

func choices(n, title int) (buttons []connectors.Button) {
	for i := range n {
		name := fmt.Sprintf("%c%s", 'A'+i%26+0x4e00*(i/26), strings.Repeat("x", title-1))
		buttons = append(buttons, connectors.Button{Title: name, Value: fmt.Sprint("v", i)})
	}
	return buttons
}

// What each channel shows of the same things, as the platforms' documents have
// it.
func TestRender(t *testing.T) {
	t.Parallel()
	offer := func(n, title int) connectors.Message {
		return connectors.Message{Text: "Which one?", Buttons: choices(n, title)}
	}
	tests := []struct {
		channel string
		three   connectors.Layout // three short choices
		ten     connectors.Layout
		most    int // choices that it shows
		title   int // longest title of a choice; 0: any
		text    int // longest text in one message; 0: any
	}{
		{"whatsapp", connectors.AsRow, connectors.AsList, 10, 96, 4096},
		{"messenger", connectors.AsRow, connectors.AsRow, 13, 20, 2000},
		{"instagram", connectors.AsRow, connectors.AsRow, 13, 20, 1000},
		{"telegram", connectors.AsRow, connectors.AsRow, 100, 0, 4096},
		{"viber", connectors.AsRow, connectors.AsRow, 24, 250, 7000},
		{"line", connectors.AsRow, connectors.AsRow, 13, 20, 5000},
		{"slack", connectors.AsRow, connectors.AsRow, 25, 75, 3000},
		{"webchat", connectors.AsRow, connectors.AsRow, 0, 0, 0},
		{"bot", connectors.AsRow, connectors.AsRow, 0, 0, 0},
		{"rasa", connectors.AsRow, connectors.AsRow, 0, 0, 0},
		{"twilio", connectors.AsText, connectors.AsText, 0, 0, 1600},
		{"dialogflow_es", connectors.AsText, connectors.AsText, 0, 0, 0},
		{"dialogflow_cx", connectors.AsText, connectors.AsText, 0, 0, 0},
		{"botpress", connectors.AsText, connectors.AsText, 0, 0, 0},
		{"typebot", connectors.AsText, connectors.AsText, 0, 0, 0},
		{"generic", connectors.AsText, connectors.AsText, 0, 0, 0},
	}
	var named []string
	for _, test := range tests {
		named = append(named, test.channel)
		c := connectors.CapabilitiesOf(test.channel + "/acme")
		require.Equal(t, test.three, c.Layout(choices(3, 9)), test.channel)
		require.Equal(t, test.ten, c.Layout(choices(10, 9)), test.channel)
		if test.three == connectors.AsText {
			require.Equal(t, []connectors.Message{{Text: "Which one?\n1. Ax\n2. Bx\n3. Cx"}}, c.Render(offer(3, 2)), test.channel)
		} else {
			require.Equal(t, []connectors.Message{offer(3, 2)}, c.Render(offer(3, 2)), test.channel)
		}
		if test.most > 0 {
			require.Equal(t, []connectors.Message{offer(test.most, 9)}, c.Render(offer(test.most, 9)), test.channel)
			shown := c.Render(offer(test.most+1, 9))
			require.Empty(t, shown[0].Buttons, test.channel)
			require.True(t, strings.HasPrefix(shown[0].Text, "Which one?\n1. Axxx"), test.channel)
		}
		if test.title > 0 {
			require.Equal(t, []connectors.Message{offer(2, test.title)}, c.Render(offer(2, test.title)), test.channel)
			require.Empty(t, c.Render(offer(2, test.title+1))[0].Buttons, test.channel)
		}
		long := strings.TrimSpace(strings.Repeat("word ", 2000))
		shown := c.Render(connectors.Message{ID: "msg_1", Text: long})
		if test.text == 0 {
			require.Equal(t, []connectors.Message{{ID: "msg_1", Text: long}}, shown, test.channel)
			continue
		}
		var pieces []string
		for _, m := range shown {
			require.Equal(t, "msg_1", m.ID)
			require.LessOrEqual(t, len(m.Text), test.text, test.channel)
			require.True(t, strings.HasSuffix(m.Text, "word"))
			pieces = append(pieces, m.Text)
		}
		require.Equal(t, long, strings.Join(pieces, " "), test.channel)
		require.Len(t, pieces, (len(long)+test.text-1)/test.text, test.channel)
	}
	require.ElementsMatch(t, connectors.ChannelTypes(), named)
	require.Equal(t, connectors.Capabilities{}, connectors.CapabilitiesOf("pigeon/acme"))
}

func TestRenderAttachments(t *testing.T) {
	t.Parallel()
	picture := connectors.Media{Type: "image", URL: "https://a.example/p.png"}
	paper := connectors.Media{Type: "file", URL: "https://a.example/p.pdf"}
	song := connectors.Media{Type: "audio", URL: "https://a.example/s.ogg"}
	said := func(m ...connectors.Media) connectors.Message { return connectors.Message{Text: "Look", Media: m} }
	tests := []struct {
		channel string
		message connectors.Message
		want    []connectors.Message
	}{
		{"whatsapp", said(picture), []connectors.Message{said(picture)}},
		{"whatsapp", said(song), []connectors.Message{{Media: []connectors.Media{song}}, {Text: "Look"}}},
		{"whatsapp", said(picture, paper), []connectors.Message{{Media: []connectors.Media{picture}}, {Media: []connectors.Media{paper}}, {Text: "Look"}}},
		{"whatsapp", said(connectors.Media{Type: "dance", ID: "7"}), []connectors.Message{said(connectors.Media{Type: "dance", ID: "7"})}},
		{"messenger", said(picture), []connectors.Message{{Media: []connectors.Media{picture}}, {Text: "Look"}}},
		{"line", said(picture, paper), []connectors.Message{{Media: []connectors.Media{picture}}, {Text: "Look\nhttps://a.example/p.pdf"}}},
		{"webchat", said(picture, paper), []connectors.Message{said(picture, paper)}},
		{"twilio", said(picture), []connectors.Message{said(picture)}},
		{"dialogflow_cx", said(picture), []connectors.Message{{Text: "Look\nhttps://a.example/p.png"}}},
		{"dialogflow_cx", connectors.Message{Media: []connectors.Media{{Type: "image", ID: "7"}}}, nil},
	}
	for i, test := range tests {
		require.Equal(t, test.want, connectors.CapabilitiesOf(test.channel).Render(test.message), "%d %s", i, test.channel)
	}
	chosen := connectors.Message{Text: "Which?", Media: []connectors.Media{picture}, Buttons: choices(2, 3)}
	require.Equal(t, []connectors.Message{{Media: chosen.Media}, {Text: "Which?", Buttons: chosen.Buttons}},
		connectors.CapabilitiesOf("whatsapp").Render(chosen))
}

func TestRenderForms(t *testing.T) {
	t.Parallel()
	form := connectors.Message{Form: &connectors.Form{Title: "Where?", Fields: []connectors.FormField{{Name: "name", Label: "Your name"}, {Name: "email", Label: "E-mail"}}}}
	require.Equal(t, []connectors.Message{form}, connectors.CapabilitiesOf("webchat").Render(form))
	require.Equal(t, []connectors.Message{{Text: "Where?\n• Your name\n• E-mail"}}, connectors.CapabilitiesOf("twilio").Render(form))
}

func TestRenderLongTextAboveChoices(t *testing.T) {
	t.Parallel()
	m := connectors.Message{Text: strings.TrimSpace(strings.Repeat("word ", 300)), Buttons: choices(2, 3)}
	shown := connectors.CapabilitiesOf("whatsapp").Render(m)
	require.Len(t, shown, 2)
	require.Empty(t, shown[0].Buttons)
	require.LessOrEqual(t, len(shown[1].Text), 1024)
	require.Equal(t, m.Buttons, shown[1].Buttons)
	require.Equal(t, m.Text, shown[0].Text+" "+shown[1].Text)
}

// Lengths count as the platform counts, and no character is torn from its accent.
func TestRenderCounts(t *testing.T) {
	t.Parallel()
	shown := connectors.CapabilitiesOf("instagram").Render(connectors.Message{Text: strings.Repeat("é", 501)})
	require.Len(t, shown, 2)
	require.Equal(t, strings.Repeat("é", 500), shown[0].Text)
	shown = connectors.CapabilitiesOf("telegram").Render(connectors.Message{Text: strings.Repeat("😀", 2049)})
	require.Equal(t, strings.Repeat("😀", 2048), shown[0].Text)
	accented := strings.Repeat("x", 1999) + "e\u0301" + "yy"
	shown = connectors.CapabilitiesOf("messenger").Render(connectors.Message{Text: accented})
	require.Equal(t, strings.Repeat("x", 1999), shown[0].Text)
	require.Equal(t, "e\u0301yy", shown[1].Text)
}

func TestRenderChoices(t *testing.T) {
	t.Parallel()
	whatsapp := connectors.CapabilitiesOf("whatsapp")
	same := connectors.Button{Title: "same", Value: "same"}
	require.Equal(t, connectors.AsText, whatsapp.Layout([]connectors.Button{{Title: "a", Value: "same"}, same}), "nobody could tell them apart")
	require.Equal(t, connectors.AsList, whatsapp.Layout([]connectors.Button{{Title: "same", Value: "a"}, same}))
	title, more := whatsapp.Limits.List.Cut("A long title is cut at a blank")
	require.Equal(t, []string{"A long title is cut at a", "blank"}, []string{title, more})
	require.Equal(t, []connectors.Message{{Text: "1. Yes\n2. no"}},
		whatsapp.Render(connectors.Message{Buttons: []connectors.Button{{Title: " Yes "}, {}, {Value: "no"}}}), "buttons must have a text above them")
}

// What is rendered fits, loses no word and is rendered for good.
func TestRenderProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := connectors.CapabilitiesOf(rapid.SampledFrom(connectors.ChannelTypes()).Draw(t, "channel"))
		words := rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("aé😀\u0301\u200dz\n")), 1, 400, -1), 0, 60).Draw(t, "words")
		m := connectors.Message{Text: strings.Join(words, " ")}
		for i := range rapid.IntRange(0, 14).Draw(t, "choices") {
			title := rapid.StringOfN(rapid.RuneFrom([]rune("aé 😀")), 0, 120, -1).Draw(t, "title")
			m.Buttons = append(m.Buttons, connectors.Button{Title: title, Value: fmt.Sprint(i % 13)})
		}
		for range rapid.IntRange(0, 2).Draw(t, "files") {
			m.Media = append(m.Media, connectors.Media{Type: rapid.SampledFrom([]string{"image", "audio", "dance"}).Draw(t, "type"), URL: "https://a.example/x"})
		}
		var all strings.Builder
		for _, shown := range c.Render(m) {
			require.Equal(t, []connectors.Message{shown}, c.Render(shown), "rendered for good")
			require.True(t, utf8.ValidString(shown.Text))
			all.WriteString(shown.Text)
		}
		for _, word := range strings.Fields(m.Text) {
			if utf8.RuneCountInString(word) < 100 && c.Limits.Text != 1000 {
				require.Contains(t, all.String(), word)
			}
		}
	})
}

func FuzzRender(f *testing.F) {
	f.Add("Which one?", "Yes", "whatsapp", 3)
	f.Add(strings.Repeat("é ", 3000), strings.Repeat("x", 97), "instagram", 14)
	f.Fuzz(func(t *testing.T, text, title, channel string, n int) {
		m := connectors.Message{Text: text}
		for i := range min(max(n, 0), 200) {
			m.Buttons = append(m.Buttons, connectors.Button{Title: title, Value: fmt.Sprint(i)})
		}
		c := connectors.CapabilitiesOf(channel)
		for _, shown := range c.Render(m) {
			if c.Limits.Text > 0 && utf8.RuneCountInString(shown.Text) > c.Limits.Text {
				t.Fatalf("%d characters", utf8.RuneCountInString(shown.Text))
			}
		}
	})
}
