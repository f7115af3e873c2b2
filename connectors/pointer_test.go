package connectors

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPointer(t *testing.T) {
	t.Parallel()
	doc, err := ReadJSON([]byte(`{"a":{"b/c":[{"~":"x"},7,null]},"":"empty","n":1.7882E12,"big":9007199254740993,"o":{}}`))
	require.NoError(t, err)
	for written, want := range map[string]JSON{
		"/a/b~1c/0/~0": `"x"`, "/a/b~1c/1": "7", "/a/b~1c/2": "", "/a/b~1c/3": "", "/a/b~1c/01": "", "/a/b~1c/-1": "", "/a/b~1c/-": "",
		"/": `"empty"`, "/a/0": "", "/n/x": "", "/none/at/all": "",
	} {
		p, err := ParsePointer(written)
		require.NoError(t, err, written)
		require.Equal(t, want, p.Find(doc), written)
	}
	for _, none := range []string{"", "a", "a/b", "/~", "/~2", "/a~"} {
		_, err := ParsePointer(none)
		require.Error(t, err, none)
	}
	require.Empty(t, Pointer{}.Find(doc), "the zero pointer points to nothing")
	for written, want := range map[string]string{"/n": "1788200000000", "/big": "9007199254740993", "/": "empty", "/o": "", "/a/b~1c/1": "7"} {
		p, err := ParsePointer(written)
		require.NoError(t, err)
		require.Equal(t, want, p.ID(doc), written)
	}
}

func TestMapping(t *testing.T) {
	t.Parallel()
	m, err := ParseMapping(map[string]string{"external_id": "/id", "text": "/body", "name": "/who/name", "timestamp": "/at", "verified": "/sure",
		"company_size": "/who/size", "plan": "/none"})
	require.NoError(t, err)
	doc, err := ReadJSON([]byte(`{"id":77,"body":"Hi","at":"2026-09-01T12:00:00.5+02:00","who":{"name":["Ada"],"size":20},"sure":true}`))
	require.NoError(t, err)
	var e Event
	m.Read(&e, doc)
	require.Equal(t, Event{ExternalID: "77", Text: "Hi", Timestamp: time.Date(2026, 9, 1, 10, 0, 0, 500e6, time.UTC), Verified: true,
		Parameters: map[string]any{"company_size": 20.0}}, e)
	_, err = ParseMapping(map[string]string{"name": "who", "text": "/~"})
	require.ErrorContains(t, err, "mapping.name: ")
	require.ErrorContains(t, err, "mapping.text: ")
}

func TestMoment(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"2026-09-01T10:15:30.000Z": "2026-09-01T10:15:30Z", "1788257730": "2026-09-01T10:15:30Z", "1788257730250": "2026-09-01T10:15:30.25Z",
		"1788257730.25": "2026-09-01T10:15:30.25Z", "": "", "soon": "", "9999-12-31T23:59:59-12:00": "", "0000-01-01T00:00:00Z": "", "1e300": "", "-5": "",
		"1999-12-31T23:59:59.5Z": "1999-12-31T23:59:59.5Z",
	} {
		at := Moment(written)
		if want == "" {
			require.Zero(t, at, written)
			continue
		}
		require.Equal(t, want, at.Format(time.RFC3339Nano), written)
		_, err := at.MarshalJSON()
		require.NoError(t, err)
	}
}

func FuzzPointer(f *testing.F) {
	f.Add("/a/b~1c/0", []byte(`{"a":{"b/c":[1]}}`))
	f.Fuzz(func(t *testing.T, written string, body []byte) {
		p, err := ParsePointer(written)
		if err != nil {
			return
		}
		doc, err := ReadJSON(body)
		if err != nil {
			return
		}
		found := string(p.Find(doc))
		require.True(t, strings.Contains(string(doc), found))
		_ = p.ID(doc)
	})
}
