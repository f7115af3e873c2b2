package gateway

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/nudge"
)

func promo(text string) []byte {
	return fmt.Appendf(nil, "id: promo\nname: Promo\nsteps: [{say: \"%s\"}, {id: q, ask: \"%s?\"}, {say: \"%s!\"}]\n", text, text, text)
}

// TestFlowVersions: a draft runs for nobody; new runs get what is published, also
// an older version; runs that wait stay with the version they began with.
func TestFlowVersions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := build(t, be)
		for _, ch := range w.b.Channels {
			ch.FlowIDs = []string{"promo"}
		}
		w.start()
		said := map[string]int{}
		say := func(person string, text string) []string {
			w.say("web/site", person, text)
			all := w.transcript("web/site", person)
			new := all[said[person]+1:]
			said[person] = len(all)
			return new
		}
		publish := func(version int) sqlstore.Flow {
			f, err := w.g.PublishFlow(t.Context(), w.b, "promo", version, "key_2")
			require.NoError(t, err)
			return f
		}
		made, warnings, err := w.g.CreateFlow(t.Context(), w.b, promo("one"), "key_1")
		require.NoError(t, err)
		require.Equal(t, []any{1, 0, false}, []any{made.Draft, made.Published, made.FromFile})
		require.Len(t, warnings, 0)
		require.Empty(t, say("early", "Hi"), "a draft runs for nobody")
		require.Equal(t, 1, publish(0).Published)
		require.Equal(t, []string{"> one", "> one?"}, say("a", "Hi"))

		_, _, err = w.g.DraftFlow(t.Context(), w.b, "promo", promo("two"), "key_1")
		require.NoError(t, err)
		require.Equal(t, []string{"> one", "> one?"}, say("b", "Hi"))
		publish(2)
		require.Equal(t, []string{"> two", "> two?"}, say("c", "Hi"))
		require.Equal(t, []string{"> one!"}, say("a", "yes"), "pinned")
		require.Equal(t, 1, publish(1).Published)
		require.Equal(t, []string{"> one", "> one?"}, say("d", "Hi"), "rolled back")
		require.Equal(t, []string{"> two!"}, say("c", "yes"))

		again, _, err := w.g.DraftFlow(t.Context(), w.b, "promo", promo("one"), "key_3")
		require.NoError(t, err)
		require.Equal(t, 1, again.Draft, "the same document is the same version")
		read := sqlstore.New(w.g.DB.Read(t.Context()))
		two, err := read.FlowVersion(w.b.ID, "promo", 2)
		require.NoError(t, err)
		require.Equal(t, []string{"key_1", "key_2"}, []string{two.Author, two.PublishedBy})

		w.end()
		w.start()
		require.Equal(t, []string{"> one!"}, say("b", "yes"))
		require.Equal(t, []string{"> one", "> one?"}, say("e", "Hi"), "still there after a restart")
	})
}

func TestFlowsThatCannotBe(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t))
	err := w.g.DB.Write(t.Context(), database.Steps, func(tx *database.Tx) error {
		people := sqlstore.New(tx)
		_, err := people.SaveFlow(w.b.ID, "enquiry", []byte(enquiry), sqlstore.ByFile)
		return errors.Join(err, people.PutFileFlows(w.b.ID, []sqlstore.Flow{{ID: "enquiry", Draft: 1}}, time.Now()))
	})
	require.NoError(t, err)
	create := func(doc string) error {
		_, _, err := w.g.CreateFlow(t.Context(), w.b, []byte(doc), "")
		return err
	}
	draft := func(id, doc string) error {
		_, _, err := w.g.DraftFlow(t.Context(), w.b, id, []byte(doc), "")
		return err
	}
	publish := func(id string, version int) error {
		_, err := w.g.PublishFlow(t.Context(), w.b, id, version, "")
		return err
	}
	var faults *FlowFaults
	var field *connectors.FieldError
	require.ErrorIs(t, create(enquiry), ErrManagedByFile)
	require.ErrorIs(t, draft("enquiry", enquiry), ErrManagedByFile)
	require.ErrorIs(t, publish("enquiry", 1), ErrManagedByFile)
	require.ErrorAs(t, create("id: x\nsteps: [{sya: hi}]\n"), &faults)
	require.Equal(t, 2, faults.Problems[0].Line)
	require.ErrorIs(t, draft("x", string(promo("x"))), contacts.ErrNotFound)
	require.ErrorIs(t, publish("x", 1), contacts.ErrNotFound)

	require.NoError(t, create(string(promo("one"))))
	require.ErrorIs(t, create(string(promo("two"))), sqlstore.ErrTaken)
	require.ErrorAs(t, draft("promo", "id: other\nsteps: [{say: hi}]\n"), &field)
	require.Equal(t, "id", field.Field)
	require.ErrorAs(t, publish("promo", 2), &field)
	require.Equal(t, "version", field.Field)
	require.NoError(t, draft("promo", "id: promo\nsteps: [{say: hi}, {run: nowhere}, {push: [nobody]}]\n"), "a draft may name what is yet to come")
	require.ErrorAs(t, publish("promo", 2), &faults)
	require.Len(t, faults.Problems, 2)
	require.Contains(t, faults.Error(), `no flow "nowhere"`)
	require.Contains(t, faults.Error(), `no destination "nobody"`)
	require.NoError(t, publish("promo", 1))
}

// TestPublishedEverywhere: what is published on one node the others run within a
// second, though no nudge reaches them; also what needs a field that is as new.
func TestPublishedEverywhere(t *testing.T) {
	t.Parallel()
	be := servers(t)
	w := setup(t, be)
	other := build(t, be)
	other.deps.Node, other.deps.Role, other.deps.Bus = "node_2", RoleIntake, &nudge.Local{}
	g, err := New(other.deps)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ran })

	require.NoError(t, w.g.AddField(t.Context(), w.b, contacts.Field{Name: "shoe_size", Title: "Shoe size", Type: contacts.Number, Settable: true}))
	doc := "id: promo\nsteps: [{ask: \"Size?\", save: shoe_size}]\n"
	_, _, err = w.g.CreateFlow(t.Context(), w.b, []byte(doc), "")
	require.NoError(t, err)
	for version, doc := range []string{doc, string(promo("two"))} {
		_, _, err = w.g.DraftFlow(t.Context(), w.b, "promo", []byte(doc), "")
		require.NoError(t, err)
		_, err = w.g.PublishFlow(t.Context(), w.b, "promo", version+1, "")
		require.NoError(t, err)
		require.Equal(t, version+1, w.b.Flows.Get("promo").Version, "at once where it was published")
		require.Eventually(t, func() bool {
			f := other.b.Flows.Get("promo")
			return f != nil && f.Version == version+1
		}, soon, look)
	}
}
