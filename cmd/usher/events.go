package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"usher/internal/database"
	"usher/internal/ids"
	"usher/internal/inbox"
	"usher/internal/outbox"
)

// eventsCommand looks into the inbox.
func eventsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "events", Short: "List accepted events and run them again"}
	cmd.AddCommand(eventsListCommand(), eventsReplayCommand())
	return cmd
}

// eventRow is an event as --json prints it: the API's shape.
type eventRow struct {
	ID         string          `json:"id"`
	Channel    string          `json:"channel"`
	State      string          `json:"state"`
	Reason     *string         `json:"reason"`
	ReceivedAt time.Time       `json:"received_at"`
	DoneAt     *time.Time      `json:"done_at"`
	GuestID    *string         `json:"guest_id"`
	ContactID  *string         `json:"contact_id"`
	Event      json.RawMessage `json:"event"`
}

func eventsListCommand() *cobra.Command {
	var state, channel string
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List events, the newest first",
		Example: "  usher events list --state quarantined\n  usher events list --channel whatsapp/acme --limit 100 --json",
		Args:    cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error { return checkList(state, limit, eventStates()) },
	}
	cmd.Flags().StringVar(&state, "state", "", "accepted, done, ignored or quarantined (default: all)")
	cmd.Flags().StringVar(&channel, "channel", "", "of one channel, as whatsapp/acme")
	cmd.Flags().IntVar(&limit, "limit", 20, "at most so many; 0: all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON document a line")
	return withDatabase(cmd, func(ctx context.Context, cmd *cobra.Command, w *workbench, _ []string) error {
		if asJSON {
			return eachEvent(ctx, w, state, channel, limit, false, func(e *inbox.Event) error {
				return jsonLines(cmd.OutOrStdout(), []eventRow{eventRowOf(e)})
			})
		}
		var rows [][]string
		err := eachEvent(ctx, w, state, channel, limit, false, func(e *inbox.Event) error {
			person := e.ContactID
			if person == "" {
				person = e.GuestID
			}
			rows = append(rows, []string{e.EventID(), e.Channel, e.State.String(), moment(e.ReceivedAt()), person, oneLine(e.Reason)})
			return nil
		})
		if err != nil {
			return err
		}
		return table(cmd.OutOrStdout(), []string{"ID", "CHANNEL", "STATE", "RECEIVED", "PERSON", "REASON"}, rows)
	})
}

func eventRowOf(e *inbox.Event) eventRow {
	row := eventRow{ID: e.EventID(), Channel: e.Channel, State: e.State.String(), Reason: orNull(e.Reason), ReceivedAt: e.ReceivedAt(),
		GuestID: orNull(e.GuestID), ContactID: orNull(e.ContactID), Event: json.RawMessage("null")}
	if e.DoneAt != 0 {
		row.DoneAt = whenKnown(time.UnixMicro(e.DoneAt).UTC())
	}
	if json.Valid(e.Event) {
		row.Event = e.Event
	}
	return row
}

func eventsReplayCommand() *cobra.Command {
	var state, channel string
	cmd := &cobra.Command{
		Use:   "replay ID... | --state quarantined",
		Short: "Run events again",
		Long: "Quarantined and ignored events run now, at the end of their conversation. Of done ones\n" +
			"only replies that were given up are sent again, under the same ids; the flow never runs\n" +
			"twice. A node that serves takes them up within a second.",
		Example: "  usher events replay evt_0d3x7k9m2p5qa\n  usher events replay --state quarantined --channel whatsapp/acme",
		PreRunE: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && state == "":
				return errors.New("which events? Give their ids or --state quarantined")
			case len(args) > 0 && (state != "" || channel != ""):
				return errors.New("ids or --state, not both")
			}
			return oneOf("state", state, inbox.Quarantined.String(), inbox.Ignored.String())
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "all quarantined or ignored ones")
	cmd.Flags().StringVar(&channel, "channel", "", "with --state: of one channel, as whatsapp/acme")
	return withDatabase(cmd, func(ctx context.Context, cmd *cobra.Command, w *workbench, args []string) error {
		log, err := inbox.New(w.db, inbox.Options{})
		if err != nil {
			return err
		}
		sum := &tally{out: cmd.OutOrStdout(), trouble: cmd.ErrOrStderr()}
		if len(args) == 0 {
			err := eachEvent(ctx, w, state, channel, 0, true, func(e *inbox.Event) error { return replayEvent(ctx, w, log, e, sum) })
			return errors.Join(err, sum.end("replayed"))
		}
		for _, arg := range args {
			e, err := eventByID(ctx, w, log, arg)
			switch {
			case errors.Is(err, inbox.ErrNotFound):
				sum.refuse("%s: no such event of %s", arg, w.business)
				continue
			case err == nil:
				err = replayEvent(ctx, w, log, e, sum)
			}
			if err != nil {
				return err
			}
		}
		return sum.end("replayed")
	})
}

func eventByID(ctx context.Context, w *workbench, log *inbox.Inbox, text string) (*inbox.Event, error) {
	id, err := ids.Parse("evt", text)
	if err != nil {
		return nil, inbox.ErrNotFound
	}
	return log.Get(ctx, w.business, id)
}

// replayEvent does for one event what its state allows.
func replayEvent(ctx context.Context, w *workbench, log *inbox.Inbox, e *inbox.Event, sum *tally) error {
	switch {
	case e.State == inbox.Accepted:
		sum.refuse("%s: it is going to run anyway", e.EventID())
	case e.State == inbox.Done:
		err := w.db.Write(ctx, database.Steps, func(tx *database.Tx) error { return outbox.ReviveReplies(tx, e.Pos) })
		if err != nil {
			return err
		}
		sum.did("%s was done: replies that were given up are sent again", e.EventID())
	case e.Event == nil:
		sum.refuse("%s: its content is gone", e.EventID())
	default:
		err := log.Again(ctx, e.ID)
		if errors.Is(err, inbox.ErrConflict) {
			sum.refuse("%s: somebody else was faster", e.EventID())
			return nil
		}
		if err != nil {
			return err
		}
		sum.did("%s was %s: it runs now", e.EventID(), e.State)
	}
	return nil
}

// eachEvent reads events page by page, up to limit (0: all).
func eachEvent(ctx context.Context, w *workbench, state, channel string, limit int, oldestFirst bool, do func(*inbox.Event) error) error {
	log, err := inbox.New(w.db, inbox.Options{})
	if err != nil {
		return err
	}
	q := inbox.Query{Business: w.business, Channel: channel, Ascending: oldestFirst}
	if s, ok := inbox.ParseState(state); ok {
		q.State = &s
	}
	for left := limit; ; left -= pageRows {
		q.Limit = pageRows
		if limit > 0 {
			q.Limit = min(pageRows, left)
		}
		rows, err := log.List(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range rows {
			if err := do(e); err != nil {
				return err
			}
			q.After = e.ID
		}
		if len(rows) < q.Limit || limit > 0 && left <= pageRows {
			return nil
		}
	}
}

func eventStates() []string {
	var states []string
	for s := inbox.Accepted; s <= inbox.Quarantined; s++ {
		states = append(states, s.String())
	}
	return states
}

func checkList(state string, limit int, states []string) error {
	if limit < 0 {
		return fmt.Errorf("--limit %d: want a number of rows, or 0 for all", limit)
	}
	return oneOf("state", state, states...)
}
