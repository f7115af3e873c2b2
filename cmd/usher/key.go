package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
)

// keyScopes are what a key may do: admin all, agent also what read may, bot only
// its own calls.
func keyScopes() []string { return []string{"admin", "agent", "read", "bot"} }

// keyCommand makes, lists and revokes API keys.
func keyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "Make, list and revoke API keys"}
	cmd.AddCommand(keyCreateCommand(), keyListCommand(), keyRevokeCommand())
	return cmd
}

func keyCreateCommand() *cobra.Command {
	var name, agent string
	var scopes []string
	cmd := &cobra.Command{
		Use:   "create --name NAME --scope SCOPE",
		Short: "Make an API key and print it, this once",
		Long: "Makes an API key and prints it, and nothing else, on stdout. usher keeps only its hash:\n" +
			"it cannot be shown again. Scopes: admin (all), agent (reads and writes people), read,\n" +
			"bot (bots' turns and what they may know).",
		Example: "  usher key create --name shop-bot --scope bot",
		Args:    cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			if name = strings.TrimSpace(name); name == "" {
				return errors.New("--name is empty")
			}
			for _, s := range scopes {
				if !slices.Contains(keyScopes(), s) {
					return fmt.Errorf("--scope %q is none of %s", s, strings.Join(keyScopes(), ", "))
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "what the key is for")
	cmd.Flags().StringSliceVar(&scopes, "scope", nil, "admin, agent, read or bot; several with commas")
	cmd.Flags().StringVar(&agent, "agent-id", "", "the agent whose own key it is")
	for _, flag := range []string{"name", "scope"} {
		_ = cmd.MarkFlagRequired(flag) // it only fails for a flag that is not there
	}
	return withDatabase(cmd, func(ctx context.Context, cmd *cobra.Command, w *workbench, _ []string) error {
		slices.Sort(scopes)
		secret := "usher_" + strings.ToLower(rand.Text())
		k := newKey(w.business, name, secret, slices.Compact(scopes), agent, time.Now().UTC())
		err := w.db.Write(ctx, database.Bulk, func(tx *database.Tx) error { return sqlstore.New(tx).CreateKey(k) })
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), secret)
		fmt.Fprintf(cmd.ErrOrStderr(), "%s made for %s: it is not shown again\n", k.ID, w.business)
		return nil
	})
}

// keyRow is a key as --json prints it: the API's shape.
type keyRow struct {
	ID            string     `json:"id"`
	Name          string     `json:"name"`
	Scopes        []string   `json:"scopes"`
	AgentID       *string    `json:"agent_id"`
	ManagedByFile bool       `json:"managed_by_file"`
	CreatedAt     time.Time  `json:"created_at"`
	RevokedAt     *time.Time `json:"revoked_at"`
}

func keyListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "List API keys, without the keys themselves", Args: cobra.NoArgs}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON document a line")
	return withDatabase(cmd, func(ctx context.Context, cmd *cobra.Command, w *workbench, _ []string) error {
		keys, err := sqlstore.New(w.db.Read(ctx)).Keys(w.business)
		if err != nil {
			return err
		}
		var docs []keyRow
		var rows [][]string
		for _, k := range keys {
			docs = append(docs, keyRow{k.ID, k.Name, k.Scopes, orNull(k.AgentID), k.FromFile, k.CreatedAt, whenKnown(k.RevokedAt)})
			state := "works"
			switch {
			case !k.RevokedAt.IsZero():
				state = "revoked " + moment(k.RevokedAt)
			case k.FromFile:
				state = "works, from the configuration"
			}
			rows = append(rows, []string{k.ID, oneLine(k.Name), strings.Join(k.Scopes, ","), moment(k.CreatedAt), state})
		}
		if asJSON {
			return jsonLines(cmd.OutOrStdout(), docs)
		}
		return table(cmd.OutOrStdout(), []string{"ID", "NAME", "SCOPES", "MADE", "STATE"}, rows)
	})
}

func keyRevokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke ID...",
		Short: "End API keys",
		Long:  "Ends API keys, for ever. A node that serves refuses them within ten seconds.",
		Args:  cobra.MinimumNArgs(1),
	}
	return withDatabase(cmd, func(ctx context.Context, cmd *cobra.Command, w *workbench, ids []string) error {
		sum := &tally{out: cmd.OutOrStdout(), trouble: cmd.ErrOrStderr()}
		for _, id := range ids {
			err := w.db.Write(ctx, database.Bulk, func(tx *database.Tx) error { return revoke(tx, w.business, id) })
			switch {
			case errors.Is(err, contacts.ErrNotFound):
				sum.refuse("%s: no such key of %s, or revoked before", id, w.business)
			case errors.Is(err, errFromFile):
				sum.refuse("%s: %v", id, err)
			case err != nil:
				return err
			default:
				sum.did("%s revoked", id)
			}
		}
		return sum.end("revoked")
	})
}

var errFromFile = errors.New("it stands in the configuration; take it out there")

func revoke(tx *database.Tx, business, id string) error {
	store := sqlstore.New(tx)
	keys, err := store.Keys(business)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(keys, func(k sqlstore.Key) bool { return k.ID == id && k.FromFile && k.RevokedAt.IsZero() }) {
		return errFromFile
	}
	return store.RevokeKey(business, id, time.Now().UTC())
}
