package sink

import (
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/crm"
)

func TestSink(t *testing.T) {
	t.Parallel()
	c, err := New(crm.Setup{Settings: config.Settings{"retry": map[string]any{"attempts": 3}}})
	require.NoError(t, err)
	require.Positive(t, c.Batch())
	receipts := c.Push(t.Context(), []crm.Push{{LeadKey: "a"}, {LeadKey: "b"}})
	require.Equal(t, []crm.Receipt{{RemoteID: "a"}, {RemoteID: "b"}}, receipts)

	_, err = New(crm.Setup{Settings: config.Settings{"url": "x"}})
	require.ErrorContains(t, err, "url")
	_, err = New(crm.Setup{Settings: config.Settings{"retry": 3}})
	require.ErrorContains(t, err, "retry")
}
