package ids

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestIdsRiseAndReadBack(t *testing.T) {
	t.Parallel()
	var s Source
	before := After(time.Now())
	var last int64
	for range 10000 {
		id := s.Next()
		require.Greater(t, id, last)
		require.GreaterOrEqual(t, id, before)
		last = id
	}
	back, err := Parse("evt", Format("evt", last))
	require.NoError(t, err)
	require.Equal(t, last, back)
}

func TestTextSortsAsNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Int64Min(0).Draw(t, "a")
		b := rapid.Int64Min(0).Draw(t, "b")
		require.Equal(t, a < b, Format("x", a) < Format("x", b))
		back, err := Parse("x", Format("x", a))
		require.NoError(t, err)
		require.Equal(t, a, back)
	})
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "evt_", "con_0000000000000", "evt_000000000000", "evt_zzzzzzzzzzzzz", "evt_00000000000!0"} {
		_, err := Parse("evt", text)
		require.ErrorIs(t, err, ErrMalformed, text)
	}
}
