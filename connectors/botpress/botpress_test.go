package botpress_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/botpress"
	"usher/connectors/connectortest"
)

func suite() connectortest.Case {
	return connectortest.Case{Factory: botpress.New, Dir: "testdata", Settings: config.Settings{"token": connectortest.Secret}}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, suite())
}

func FuzzParse(f *testing.F) { connectortest.Fuzz(f, suite()) }

func BenchmarkText(b *testing.B) { connectortest.Benchmark(b, suite(), "reply_text") }

func newConnector(t testing.TB) connectors.Connector {
	t.Helper()
	c, err := botpress.New(connectors.Setup{Settings: config.Settings{"token": []any{"older", "s3cret"}}})
	require.NoError(t, err)
	return c
}

// The token is the last part of the path, and nothing but it will do.
func TestVerify(t *testing.T) {
	t.Parallel()
	c := newConnector(t)
	for path, ok := range map[string]bool{"/s3cret": true, "/older": true, "": false, "/": false, "/s3cre": false, "/s3cret/": false, "/x/s3cret": false, "s3cret0": false} {
		require.Equal(t, ok, c.Verify(&connectors.Request{Path: path}) == nil, path)
	}
	for _, wrong := range []config.Settings{{}, {"token": []any{"a", ""}}, {"tokens": "a"}} {
		_, err := botpress.New(connectors.Setup{Settings: wrong})
		require.ErrorContains(t, err, "token")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	yes := connectors.Offer{Title: "Yes", Payload: "y"}
	image := connectors.Media{Type: "image", URL: "https://a.example/p.png"}
	for body, want := range map[string]connectors.Event{
		`"markdown","payload":{"markdown":"*Hi*"}`:                                                                                        {Text: "*Hi*"},
		`"file","payload":{"fileUrl":"https://a.example/p.pdf","title":"Offer"}`:                                                          {Media: []connectors.Media{{Type: "file", URL: "https://a.example/p.pdf", Filename: "Offer"}}},
		`"card","payload":{"title":"A","subtitle":"B","imageUrl":"https://a.example/p.png","actions":[{"label":"Yes","value":"y"}]}`:      {Text: "A\nB", Media: []connectors.Media{image}, Buttons: []connectors.Offer{yes}},
		`"carousel","payload":{"items":[{"title":"A"},{"title":"B","actions":[{"label":"Yes","value":"y"}]}]}`:                            {Text: "A\nB", Buttons: []connectors.Offer{yes}},
		`"bloc","payload":{"items":[{"type":"text","payload":{"text":"A"}},{"type":"image","payload":{"imageUrl":"` + image.URL + `"}}]}`: {Text: "A", Media: []connectors.Media{image}},
		`"dropdown","payload":{"text":"A","options":[{"label":"Yes","value":"y"},{}]}`:                                                    {Text: "A", Buttons: []connectors.Offer{yes}},
		`"location","payload":{"latitude":1.5,"longitude":-2,"title":"Here"}`:                                                             {Location: &connectors.Location{Latitude: 1.5, Longitude: -2, Name: "Here"}},
		`"hologram","payload":{}`: {Kind: connectors.KindUnsupported, RawType: "hologram"},
	} {
		items, err := newConnector(t).Parse(&connectors.Request{Body: []byte(`{"conversationId":"c-1","botpressMessageId":"m-1","type":` + body + `}`)})
		require.NoError(t, err)
		require.Empty(t, items[0].Problem, body)
		if want.Kind == "" {
			want.Kind = connectors.KindBotMessage
		}
		want.Direction, want.ExternalID, want.MessageID, want.DedupeKey = connectors.DirectionOut, "c-1", "m-1", "m-1"
		require.Equal(t, want, items[0].Event)
	}
	for _, bad := range []string{`{}`, `{"type":"text","payload":{"text":"x"}}`, `{"conversationId":"c","type":"text"}`, `{"conversationId":"c","type":"image","payload":{"imageUrl":7}}`,
		`{"conversationId":"c","payload":{"text":"x"}}`} {
		items, err := newConnector(t).Parse(&connectors.Request{Body: []byte(bad)})
		require.NoError(t, err)
		require.NotEmpty(t, items[0].Problem, bad)
	}
}
