package e2e

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	_ "github.com/ncruces/go-sqlite3/driver" // reads the embedded file from outside
	"github.com/stretchr/testify/require"
)

// open opens the site's database beside usher.
func (s *site) open() *sql.DB {
	s.t.Helper()
	if s.backend.embedded {
		db, err := sql.Open("sqlite3", "file:"+filepath.Join(s.dir, "data", "usher.db")+"?_pragma=busy_timeout(10000)&mode=ro")
		require.NoError(s.t, err)
		s.t.Cleanup(func() { _ = db.Close() })
		return db
	}
	connector, err := driver.NewConnector(s.backend.mysql)
	require.NoError(s.t, err)
	db := sql.OpenDB(connector)
	s.t.Cleanup(func() { _ = db.Close() })
	return db
}

// rows counts a table's rows.
func rows(t *testing.T, db *sql.DB, table string) int {
	t.Helper()
	var n int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n))
	return n
}

// messagesVariable sets how many messages TestAnonymousLeavesNothing writes:
// 100000 is what usher is accepted by, and takes a minute or two.
const messagesVariable = "USHER_E2E_MESSAGES"

func anonymousMessages(t *testing.T) int {
	t.Helper()
	if text := os.Getenv(messagesVariable); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err, messagesVariable)
		return n
	}
	if raceDetector {
		return scaled(4000)
	}
	return scaled(20_000)
}

// TestAnonymousLeavesNothing lets many anonymous visitors write: nobody becomes
// a contact, and nothing of them lives for ever.
func TestAnonymousLeavesNothing(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, b *backend) {
		total := anonymousMessages(t)
		s := newSite(t, b, siteOptions{flow: questions()})
		a := s.start().api()
		var left atomic.Int64
		left.Store(int64(total))
		var failed atomic.Int64
		var crew sync.WaitGroup
		for w := range 32 {
			crew.Go(func() {
				var v *visitor
				for i := 0; left.Add(-1) >= 0; i++ {
					if i%20 == 0 {
						v = a.visit()
					}
					if v.write(fmt.Sprintf("m-%d-%d", w, i), "I only look around") != http.StatusOK {
						failed.Add(1)
					}
				}
			})
		}
		crew.Wait()
		require.Zero(t, failed.Load())
		until(t, time.Minute, "no event waits", func() bool { return a.undone() == 0 })
		db := s.open()
		for _, table := range []string{"contacts", "addresses", "conversations", "messages", "deliveries", "syncs"} {
			require.Zero(t, rows(t, db, table), table)
		}
		require.Equal(t, total, rows(t, db, "events"))
		b.requireLifetimes(t)
		if !b.embedded {
			require.NotEmpty(t, b.redisKeys(t))
		}
		require.Empty(t, a.all("/v1/contacts?archived=any"))
	})
}
