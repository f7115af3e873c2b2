package contacts_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/contacts"
)

// Fields may be added while others look.
func TestFieldsAreAdded(t *testing.T) {
	t.Parallel()
	fields, err := contacts.NewFields([]contacts.Field{{Name: "plan", Type: contacts.Text}})
	require.NoError(t, err)
	before := fields.All()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := fields.Add(contacts.Field{Name: fmt.Sprintf("f%d", i), Type: contacts.Number}); err != nil {
				t.Error(err)
			}
			fields.Lookup("plan")
		})
	}
	wg.Wait()
	require.Len(t, fields.Custom(), 9)
	require.Len(t, before, len(fields.All())-8)
	for _, f := range []contacts.Field{{Name: "plan", Type: contacts.Text}, {Name: "email", Type: contacts.Text}, {Name: "Bad", Type: contacts.Text}, {Name: "x", Type: "list"}} {
		require.Error(t, fields.Add(f))
	}
}
