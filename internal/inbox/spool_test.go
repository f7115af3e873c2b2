package inbox

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSpoolKeepsWholeRecordsOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := openSpool(dir)
	require.NoError(t, err)
	require.False(t, s.isActive())

	put, err := s.put([]*Event{{ID: 1, Channel: "a/b"}}, false)
	require.NoError(t, err)
	require.False(t, put, "nothing is spooled while the database works")
	for id := int64(1); id <= 600; id++ {
		put, err = s.put([]*Event{{ID: id, Channel: "a/b", Event: []byte(`{}`)}}, true)
		require.NoError(t, err)
		require.True(t, put)
	}
	require.NoError(t, s.file.Close())

	// A crash in the middle of a write leaves half a record.
	path := filepath.Join(dir, "inbox.spool")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.Write([]byte{0, 0, 0, 200, 1, 2, 3, 4, '{'})
	require.NoError(t, err)
	require.NoError(t, f.Close())

	s, err = openSpool(dir)
	require.NoError(t, err)
	require.True(t, s.isActive(), "what is left is drained before anything goes to the database")
	var ids []int64
	for at := int64(0); at < s.size; {
		records, err := s.read(at, s.size)
		require.NoError(t, err)
		require.LessOrEqual(t, len(records), maxRows)
		for _, r := range records {
			ids, at = append(ids, r.event.ID), r.end
		}
	}
	require.Len(t, ids, 600)
	require.Equal(t, int64(1), ids[0])
	require.Equal(t, int64(600), ids[599])
}
