package databasetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"usher/internal/database"
)

func TestEach(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, open func(testing.TB) *database.DB) {
		db := open(t)
		salt, err := db.Salt(t.Context())
		require.NoError(t, err)
		require.Len(t, salt, 32)
		pending, err := db.Pending(t.Context())
		require.NoError(t, err)
		require.False(t, pending)
	})
}
