package sqlstore_test

import (
	"testing"

	"usher/contacts/storetest"
	"usher/internal/database"
	"usher/internal/database/databasetest"
)

func TestPeople(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, open func(testing.TB) *database.DB) { storetest.RunPeople(t, open) })
}
