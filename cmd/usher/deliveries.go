package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"usher/crm"
	"usher/internal/database"
	"usher/internal/outbox"
)

// deliveriesCommand looks at what destinations get.
func deliveriesCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "deliveries", Short: "List deliveries to destinations and repeat them"}
	cmd.AddCommand(deliveriesListCommand(), deliveriesReplayCommand())
	return cmd
}

// deliveryRow is a delivery as --json prints it: the API's shape.
type deliveryRow struct {
	ID            string           `json:"id"`
	Destination   string           `json:"destination"`
	ContactID     string           `json:"contact_id"`
	Kind          crm.Kind         `json:"kind"`
	LeadKey       string           `json:"lead_key"`
	State         string           `json:"state"`
	AttemptCount  int              `json:"attempt_count"`
	NextAttemptAt *time.Time       `json:"next_attempt_at"`
	LastError     *string          `json:"last_error"`
	RemoteID      *string          `json:"remote_id"`
	RemoteURL     *string          `json:"remote_url"`
	CreatedAt     time.Time        `json:"created_at"`
	UpdatedAt     time.Time        `json:"updated_at"`
	Attempts      []outbox.Attempt `json:"attempts"`
}

func deliveryStates() []string {
	return []string{string(outbox.Pending), "delivering", string(outbox.Delivered), string(outbox.Dead), string(outbox.Paused), string(outbox.Cancelled)}
}

func deliveriesListCommand() *cobra.Command {
	var q outbox.Query
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List deliveries, the newest first",
		Example: "  usher deliveries list --state dead\n  usher deliveries list --destination hubspot --json",
		Args:    cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error { return checkList(q.State, q.Limit, deliveryStates()) },
	}
	cmd.Flags().StringVar(&q.State, "state", "", "pending, delivering, delivered, dead, paused or cancelled (default: all)")
	cmd.Flags().StringVar(&q.Destination, "destination", "", "to one destination")
	cmd.Flags().StringVar(&q.ContactID, "contact", "", "of one contact, by its id")
	cmd.Flags().IntVar(&q.Limit, "limit", 20, "at most so many; 0: all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON document a line")
	return withDatabase(cmd, func(ctx context.Context, cmd *cobra.Command, w *workbench, _ []string) error {
		q.Business = w.business
		var rows [][]string
		err := eachDelivery(ctx, w, q, func(d *outbox.Delivery) error {
			if asJSON {
				return jsonLines(cmd.OutOrStdout(), []deliveryRow{deliveryRowOf(d)})
			}
			rows = append(rows, []string{d.ID, d.Destination, string(d.Kind), d.ContactID, string(d.State), strconv.Itoa(d.AttemptCount),
				moment(d.UpdatedAt), oneLine(d.LastError)})
			return nil
		})
		if err != nil || asJSON {
			return err
		}
		return table(cmd.OutOrStdout(), []string{"ID", "DESTINATION", "KIND", "CONTACT", "STATE", "ATTEMPTS", "UPDATED", "LAST ERROR"}, rows)
	})
}

func deliveryRowOf(d *outbox.Delivery) deliveryRow {
	row := deliveryRow{ID: d.ID, Destination: d.Destination, ContactID: d.ContactID, Kind: d.Kind, LeadKey: d.LeadKey, State: string(d.State),
		AttemptCount: d.AttemptCount, LastError: orNull(d.LastError), RemoteID: orNull(d.RemoteID), RemoteURL: orNull(d.RemoteURL),
		CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Attempts: d.Attempts}
	if d.State == outbox.Pending {
		row.NextAttemptAt = whenKnown(d.DueAt)
	}
	if row.Attempts == nil {
		row.Attempts = []outbox.Attempt{}
	}
	return row
}

func deliveriesReplayCommand() *cobra.Command {
	var q outbox.Query
	var force bool
	cmd := &cobra.Command{
		Use:   "replay ID... | --destination DESTINATION --state dead",
		Short: "Deliver again under the same lead key",
		Long: "Makes deliveries pending again, due now, with their attempts counted from the start. Their\n" +
			"ids and lead keys stay, so that a receiver that remembers them takes each once. What was\n" +
			"delivered or cancelled goes out again only with --force. A node that serves takes them up\n" +
			"within a second.",
		Example: "  usher deliveries replay dlv_6f1c2a\n  usher deliveries replay --destination hubspot --state dead",
		PreRunE: func(_ *cobra.Command, args []string) error {
			filtered := q.State != "" || q.Destination != ""
			switch {
			case len(args) == 0 && !filtered:
				return errors.New("which deliveries? Give their ids or --state dead, or --destination and --state")
			case len(args) > 0 && filtered:
				return errors.New("ids or --destination and --state, not both")
			case q.State == "":
				q.State = string(outbox.Dead)
			}
			return oneOf("state", q.State, string(outbox.Dead), string(outbox.Delivered), string(outbox.Cancelled))
		},
	}
	cmd.Flags().StringVar(&q.State, "state", "", "all in this state: dead (default), delivered or cancelled")
	cmd.Flags().StringVar(&q.Destination, "destination", "", "all to this destination")
	cmd.Flags().BoolVar(&force, "force", false, "also what was delivered or cancelled")
	return withDatabase(cmd, func(ctx context.Context, cmd *cobra.Command, w *workbench, args []string) error {
		sum := &tally{out: cmd.OutOrStdout(), trouble: cmd.ErrOrStderr()}
		if len(args) == 0 {
			q.Business = w.business
			err := eachDelivery(ctx, w, q, func(d *outbox.Delivery) error { return replayDelivery(ctx, w, d.ID, force, sum) })
			return errors.Join(err, sum.end("replayed"))
		}
		for _, id := range args {
			if err := replayDelivery(ctx, w, id, force, sum); err != nil {
				return err
			}
		}
		return sum.end("replayed")
	})
}

func replayDelivery(ctx context.Context, w *workbench, id string, force bool, sum *tally) error {
	var d *outbox.Delivery
	err := w.db.Write(ctx, database.Steps, func(tx *database.Tx) (err error) {
		if d, err = outbox.Get(tx, w.business, id); err != nil {
			return err
		}
		return outbox.Replay(tx, w.business, id, force)
	})
	switch {
	case errors.Is(err, outbox.ErrNotFound):
		sum.refuse("%s: no such delivery of %s", id, w.business)
	case errors.Is(err, outbox.ErrState) && (d.State == outbox.Delivered || d.State == outbox.Cancelled):
		sum.refuse("%s: it is %s; --force sends it again", id, d.State)
	case errors.Is(err, outbox.ErrState):
		sum.refuse("%s: it is %s", id, d.State)
	case err != nil:
		return err
	default:
		sum.did("%s to %s was %s: it is due now", id, d.Destination, d.State)
	}
	return nil
}

// eachDelivery reads deliveries page by page, newest first, up to q.Limit (0:
// all).
func eachDelivery(ctx context.Context, w *workbench, q outbox.Query, do func(*outbox.Delivery) error) error {
	limit := q.Limit
	for left := limit; ; left -= pageRows {
		q.Limit = pageRows
		if limit > 0 {
			q.Limit = min(pageRows, left)
		}
		rows, err := outbox.List(w.db.Read(ctx), q)
		if err != nil {
			return err
		}
		for _, d := range rows {
			if err := do(d); err != nil {
				return err
			}
			q.Before, q.BeforeID = d.CreatedAt, d.ID
		}
		if len(rows) < q.Limit || limit > 0 && left <= pageRows {
			return nil
		}
	}
}
