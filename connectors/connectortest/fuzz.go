package connectortest

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

// Fuzz is the body of a channel's fuzz target: whatever the body, Parse does not
// panic, changes nothing, gives the same each time, and every item has a kind,
// its bytes, and an event that can be stored.
func Fuzz(f *testing.F, c Case) {
	f.Helper()
	all := Load(f, c.Dir)
	for _, fixture := range all {
		f.Add(fixture.Request.Body)
	}
	f.Add([]byte(`{"a":{"b":[null,1,"\ud800\u0000"]}}`))
	connector, err := c.Factory(c.setup(c.settings(Fixture{})))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte) {
		r := all[0].Copy()
		r.Body = bytes.Clone(body)
		_ = connector.Verify(r)
		items, err := connector.Parse(r)
		require.Equal(t, body, r.Body, "Parse changed the body")
		if err != nil {
			require.True(t, errors.Is(err, connectors.ErrUnreadable))
			return
		}
		keys := map[string]bool{}
		for _, it := range items {
			require.NotEmpty(t, it.Event.Kind)
			require.NotEmpty(t, it.Raw)
			written, err := json.Marshal(it.Event)
			require.NoError(t, err)
			require.NotContains(t, string(written), `\u0000`)
			if key := it.Event.DedupeKey; key != "" {
				require.False(t, keys[key], "one key twice")
				keys[key] = true
			}
		}
		again, err := connector.Parse(r)
		require.NoError(t, err)
		require.True(t, reflect.DeepEqual(items, again))
		if acknowledger, ok := connector.(connectors.Acknowledger); ok {
			acknowledger.Acknowledge(items)
		}
	})
}

// Benchmark verifies and parses one fixture.
func Benchmark(b *testing.B, c Case, name string) {
	b.Helper()
	for _, f := range Load(b, c.Dir) {
		if f.Name != name {
			continue
		}
		connector, err := c.Factory(c.setup(c.settings(f)))
		require.NoError(b, err)
		r := f.Copy()
		b.SetBytes(int64(len(r.Body)))
		b.ReportAllocs()
		for b.Loop() {
			if err := connector.Verify(r); err != nil {
				b.Fatal(err)
			}
			if _, err := connector.Parse(r); err != nil {
				b.Fatal(err)
			}
		}
		return
	}
	b.Fatalf("no fixture %s", name)
}
