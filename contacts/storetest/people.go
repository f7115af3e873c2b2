package storetest

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
)

// RunPeople is the specification of people in SQL. open makes a new, migrated
// database; every dialect must pass.
func RunPeople(t *testing.T, open func(testing.TB) *database.DB) {
	db := open(t)
	// The group ends when its parallel tests have, before db is closed.
	t.Run("people", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *people){
			"round trip":               testRoundTrip,
			"compare and set":          testCompareAndSet,
			"batches of any size":      testBatches,
			"race for a version":       testVersionRace,
			"ids from outside":         testStrangeIDs,
			"conversations":            testConversations,
			"addresses":                testAddresses,
			"address given twice":      testAddressTwice,
			"race for a phone":         testPhoneRace,
			"lines":                    testLines,
			"notes":                    testNotes,
			"state of a line":          testLineState,
			"sessions":                 testSessions,
			"history":                  testHistory,
			"list filters":             testFilters,
			"where":                    testWhere,
			"where is refused":         testWhereRefused,
			"sorted pages":             testPages,
			"foreign cursors":          testCursors,
			"search":                   testSearch,
			"counts":                   testCounts,
			"conversation lists":       testConversationLists,
			"agents":                   testAgents,
			"race for an agent":        testAgentRace,
			"teams":                    testTeams,
			"desk":                     testDesk,
			"lists with the desk's":    testDeskList,
			"businesses":               testBusinesses,
			"keys":                     testKeys,
			"fields":                   testFields,
			"flows":                    testFlows,
			"flow versions":            testFlowVersions,
			"idempotent requests":      testIdempotency,
			"race for a flow version":  testFlowRace,
			"race for an idempotent":   testReserveRace,
			"hostile text is but text": testHostileText,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, &people{db, "b" + strings.ToLower(rand.Text()[:12])})
			})
		}
	})
}

// people is a business of its own in a shared database.
type people struct {
	db       *database.DB
	business string
}

func (p *people) try(t *testing.T, do func(*sqlstore.Store) error) error {
	return p.db.Write(t.Context(), database.Steps, func(tx *database.Tx) error { return do(sqlstore.New(tx)) })
}

func (p *people) write(t *testing.T, do func(*sqlstore.Store) error) {
	t.Helper()
	require.NoError(t, p.try(t, do))
}

func (p *people) read(t *testing.T) *sqlstore.Store { return sqlstore.New(p.db.Read(t.Context())) }

// id is one of this business only.
func (p *people) id(kind string, n any) string { return fmt.Sprintf("%s_%s%v", kind, p.business, n) }

func (p *people) contact(n any, values contacts.Values) *contacts.Contact {
	return &contacts.Contact{ID: p.id("con", n), BusinessID: p.business, Values: values, CreatedAt: at(1), UpdatedAt: at(1)}
}

func (p *people) conversation(n any) *contacts.Conversation {
	return &contacts.Conversation{ID: p.id("cnv", n), BusinessID: p.business, Channel: "webchat/site",
		ExternalID: fmt.Sprint("visitor ", n), ContactID: p.id("con", n), Handling: contacts.ByFlow,
		State: contacts.State{Said: contacts.Values{}}, CreatedAt: at(1), UpdatedAt: at(1)}
}

func (p *people) put(t *testing.T, all ...*contacts.Contact) {
	t.Helper()
	p.write(t, func(s *sqlstore.Store) error { return s.PutContacts(all) })
}

// at is a time, some minutes after the first.
func at(minutes int) time.Time {
	return time.Date(2024, 5, 2, 10, minutes, 0, 123456000, time.UTC)
}
