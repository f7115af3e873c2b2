package whatsapp_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/connectortest"
	"usher/connectors/whatsapp"
)

func newConnector(t testing.TB, change config.Settings) connectors.Connector {
	t.Helper()
	s := config.Settings{
		"app_secret": connectortest.Secret, "verify_token": connectortest.Secret, "access_token": "token-of-the-tests",
	}
	for key, value := range change {
		s[key] = value
	}
	c, err := whatsapp.New(connectors.Setup{ID: "whatsapp/acme", Country: "GB", Settings: s, HTTP: http.DefaultClient})
	require.NoError(t, err)
	return c
}

func fixture(t testing.TB, name string) connectortest.Fixture {
	t.Helper()
	for _, f := range connectortest.Load(t, "testdata") {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no fixture %s", name)
	return connectortest.Fixture{}
}

// thousand is as much as Meta puts into one POST.
func thousand(t testing.TB, name string) connectors.Request {
	t.Helper()
	f := fixture(t, name)
	items, err := newConnector(t, nil).Parse(f.Copy())
	require.NoError(t, err)
	raw, id := items[0].Raw, []byte(items[0].Event.MessageID)
	var list [][]byte
	for i := range 1000 {
		list = append(list, bytes.Replace(raw, id, fmt.Appendf(nil, "wamid.%d", i), 1))
	}
	r := f.Copy()
	r.Body = bytes.Replace(r.Body, raw, bytes.Join(list, []byte(",")), 1)
	return *r
}

func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"text_plain", "text_emoji_unicode", "image_caption", "interactive_nfm_reply_flow", "status_delivered_with_callback_data"} {
		r := fixture(b, name).Copy()
		b.Run(name, func(b *testing.B) { parse(b, r) })
	}
	r := thousand(b, "text_plain")
	b.Run("thousand_messages", func(b *testing.B) { parse(b, &r) })
}

func parse(b *testing.B, r *connectors.Request) {
	c := newConnector(b, nil)
	b.SetBytes(int64(len(r.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Parse(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	c := newConnector(b, nil)
	r := fixture(b, "text_plain").Copy()
	b.SetBytes(int64(len(r.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Verify(r); err != nil {
			b.Fatal(err)
		}
	}
}
