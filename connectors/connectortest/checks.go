package connectortest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

// checkMeaning: the request is verified, answered and read as the file says.
func (c Case) checkMeaning(t *testing.T, connector connectors.Connector, f Fixture) {
	t.Helper()
	r := f.Copy()
	if f.Expect.Signature == "invalid" {
		require.ErrorIs(t, connector.Verify(r), connectors.ErrUnverified)
		if f.Expect.Respond != nil {
			require.Equal(t, http.StatusUnauthorized, f.Expect.Respond.Status)
		}
		return
	}
	if f.Expect.Signature == "valid" {
		require.NoError(t, connector.Verify(r), "signature is valid")
	}
	challenger, ok := connector.(connectors.Challenger)
	if ok {
		if response, ok := challenger.Challenge(r); ok {
			c.checkResponse(t, f, response)
			require.Empty(t, f.Expect.Events)
			return
		}
	}
	require.NotEqual(t, http.MethodGet, r.Method, "the handshake is not answered")
	items, err := connector.Parse(r)
	require.NoError(t, err)
	require.Empty(t, Differences(f.Expect.Events, items))
	var answer connectors.Response
	if a, ok := connector.(connectors.Acknowledger); ok {
		answer = a.Acknowledge(items)
	}
	if f.Expect.Respond != nil {
		c.checkResponse(t, f, answer)
	}
}

func (c Case) checkResponse(t *testing.T, f Fixture, got connectors.Response) {
	t.Helper()
	want := f.Expect.Respond
	require.NotNil(t, want, "an answer that the fixture does not know")
	if got.Status == 0 {
		got.Status = http.StatusOK
	}
	require.Equal(t, want.Status, got.Status)
	if want.Body != nil {
		require.Equal(t, *want.Body, string(got.Body))
		require.NotContains(t, got.ContentType, "html", "what a stranger sends is no page")
	}
	if want.BodyNot != nil {
		require.NotEqual(t, *want.BodyNot, string(got.Body))
	}
}

// checkProof: a proof that is missing or cut short is refused, and so is an
// altered body where the proof covers it.
func (c Case) checkProof(t *testing.T, connector connectors.Connector, f Fixture) {
	t.Helper()
	if c.Proof == "" || f.Expect.Signature != "valid" {
		return
	}
	proof := c.proof(f.Copy())
	if proof == "" { // another kind of proof that the channel takes as well
		return
	}
	refused := func(why string, r *connectors.Request) {
		t.Helper()
		require.ErrorIs(t, connector.Verify(r), connectors.ErrUnverified, why)
	}
	for _, wrong := range []func(string) string{
		func(string) string { return "" }, func(string) string { return "\x00" },
		func(s string) string { return s[:len(s)-1] }, func(s string) string { return s[:len(s)/2] },
		func(s string) string { return s[1:] }, func(s string) string { return s + "0" },
	} {
		r := f.Copy()
		other := eachPart(proof, wrong)
		c.setProof(r, other)
		refused("proof "+other, r)
	}
	r := f.Copy()
	r.Header, r.Query = nil, nil
	refused("nothing but a body", r)
	if !c.SignsBody {
		return
	}
	for i := 0; i < len(r.Body); i += 1 + len(r.Body)/64 {
		r := f.Copy()
		r.Body[i] ^= 1
		refused("altered body", r)
	}
	for _, body := range [][]byte{nil, append(bytes.Clone(r.Body), '\n'), r.Body[:max(0, len(r.Body)-1)], reencoded(r.Body)} {
		if bytes.Equal(body, r.Body) {
			continue
		}
		r := f.Copy()
		r.Body = body
		refused("altered body", r)
	}
}

func (c Case) proof(r *connectors.Request) string {
	if c.Proof[0] == '?' {
		return r.Query[c.Proof[1:]]
	}
	return r.Header.Get(c.Proof)
}

// eachPart changes every part of a proof: of several signatures any will do.
func eachPart(proof string, change func(string) string) string {
	parts := strings.Fields(proof)
	for i := range parts {
		parts[i] = change(parts[i])
	}
	return strings.Join(parts, " ")
}

func (c Case) setProof(r *connectors.Request, value string) {
	if c.Proof[0] == '?' {
		r.Query[c.Proof[1:]] = value
	} else {
		r.Header.Set(c.Proof, value)
	}
}

// reencoded is the same document in other bytes.
func reencoded(body []byte) []byte {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return append([]byte(" "), body...)
	}
	out, _ := json.Marshal(v)
	return out
}

// checkParse: reading changes nothing, gives the same each time, also at the
// same time, and an item that is in the body twice comes once.
func (c Case) checkParse(t *testing.T, connector connectors.Connector, f Fixture) {
	t.Helper()
	if f.Expect.Signature == "invalid" || f.Request.Method == http.MethodGet {
		return
	}
	r := f.Copy()
	first, err := connector.Parse(r)
	require.NoError(t, err)
	require.Equal(t, f.Request.Body, r.Body, "Parse changed the body")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			again, err := connector.Parse(f.Copy())
			if err != nil || !reflect.DeepEqual(first, again) {
				t.Errorf("Parse is not the same each time: %v", err)
			}
		})
	}
	all.Wait()
	for i, it := range first {
		require.NotEmpty(t, it.Raw, "item %d has no raw bytes", i)
		require.NotEmpty(t, it.Event.Kind, "item %d has no kind", i)
		if f.IsJSON() {
			require.True(t, json.Valid(it.Raw), "item %d: raw is no JSON: %s", i, it.Raw)
		}
		c.checkTwice(t, connector, f, it, len(first))
	}
	if len(first) == 2 {
		require.False(t, bytes.Equal(first[0].Raw, first[1].Raw), "raw is an item's own")
	}
}

// checkTwice repeats an item that is an element of a list in the body.
func (c Case) checkTwice(t *testing.T, connector connectors.Connector, f Fixture, it connectors.Item, want int) {
	t.Helper()
	body := f.Request.Body
	at := bytes.Index(body, it.Raw)
	if it.Event.DedupeKey == "" || at < 1 || body[at-1] != '[' && body[at-1] != ',' {
		return
	}
	r := f.Copy()
	r.Body = slices.Concat(body[:at], it.Raw, []byte(","), it.Raw, body[at+len(it.Raw):])
	if !json.Valid(r.Body) {
		return
	}
	items, err := connector.Parse(r)
	require.NoError(t, err)
	require.Len(t, items, want, "an item that comes twice gives one event")
}

// maxCuts bounds the lengths at which a long body is cut off.
const maxCuts = 2000

// checkTruncated: a body that ends too early never panics; JSON that does is
// unreadable.
func (c Case) checkTruncated(t *testing.T, connector connectors.Connector, f Fixture) {
	t.Helper()
	if f.Request.Method == http.MethodGet {
		return
	}
	for n := 0; n < len(f.Request.Body); n += 1 + len(f.Request.Body)/maxCuts {
		r := f.Copy()
		r.Body = r.Body[:n:n]
		_, err := connector.Parse(r)
		if f.IsJSON() && !json.Valid(r.Body) {
			require.ErrorIs(t, err, connectors.ErrUnreadable, "cut off after %d bytes", n)
		}
	}
	for _, body := range []string{"", "null", "[]", "0", `""`, "{", "\x00", "\xff\xfe", "<xml/>", "a=b&a=c"} {
		r := f.Copy()
		r.Body = []byte(body)
		_, err := connector.Parse(r)
		if f.IsJSON() && !json.Valid(r.Body) {
			require.ErrorIs(t, err, connectors.ErrUnreadable, "body %q", body)
		}
	}
}
