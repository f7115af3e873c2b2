package inbox

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"usher/internal/database"
)

// Bounds of one flush: large enough that a commit is shared by many, small
// enough for every server's packet limit and a short transaction.
const (
	maxRows  = 256
	maxBytes = 1 << 20
	// flushTimeout bounds a flush. It must stay below lookback: an event that
	// was answered 200 has been visible within that time of its place in the
	// order, so its owner cannot have read past it.
	flushTimeout = 4 * time.Second
)

// post is what one Put waits for.
type post struct {
	events []*Event
	owner  []int64 // per event: the id that the row has
	err    error
	left   int
	// spooled: stored outside the database for now; announced when it is there.
	spooled  bool
	released bool
	done     chan struct{}
}

// Put stores events and returns once all are committed. The result names, for
// each event, the id under which it is stored: its own, or that of the event
// with the same dedupe key which was there first. An error means that some may
// not be stored: the sender must send all again.
func (in *Inbox) Put(ctx context.Context, events []*Event) (stored []int64, err error) {
	if len(events) == 0 {
		return nil, nil
	}
	if in.backlog.over(in.options.MaxBacklog) {
		return nil, ErrFull
	}
	p := &post{events: events, owner: make([]int64, len(events)), left: len(events), done: make(chan struct{})}
	in.waiting.Add(1)
	defer in.waiting.Add(-1)
	if err := in.bring(ctx, p); err != nil {
		return nil, err
	}
	// Not ctx: the rows may be committed whoever waits, and whether they are is
	// known within flushTimeout.
	<-p.done
	return p.owner, p.err
}

func (in *Inbox) bring(ctx context.Context, p *post) error {
	in.closing.RLock()
	defer in.closing.RUnlock()
	if in.closed {
		return ErrClosed
	}
	select {
	case in.flushes <- p:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run commits what Put brings until ctx ends and all that was brought is
// answered.
func (in *Inbox) Run(ctx context.Context) error {
	go func() {
		<-ctx.Done()
		in.closing.Lock() // waits for those who bring something now
		defer in.closing.Unlock()
		in.closed = true
		close(in.flushes)
	}()
	if in.spool != nil {
		go in.drain(ctx)
	}
	var rest []row
	for {
		if len(rest) == 0 {
			p, ok := <-in.flushes
			if !ok {
				return nil
			}
			rest = p.rows(rest)
		}
		rest = in.flush(rest)
	}
}

// row is one event of one post.
type row struct {
	post  *post
	index int
}

func (r row) event() *Event { return r.post.events[r.index] }

func (p *post) rows(rows []row) []row {
	for i := range p.events {
		rows = append(rows, row{p, i})
	}
	return rows
}

// gather adds what waits, without waiting for more.
func (in *Inbox) gather(rows []row) []row {
	for len(rows) < maxRows {
		select {
		case p, ok := <-in.flushes:
			if !ok {
				return rows
			}
			rows = p.rows(rows)
		default:
			return rows
		}
	}
	return rows
}

// flush commits the first rows in one statement and returns the others.
func (in *Inbox) flush(rows []row) []row {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	turn, err := in.db.Turn(ctx, database.Intake)
	rows = in.gather(rows) // what came while another wrote
	n, size := 0, 0
	for n < len(rows) && n < maxRows && (n == 0 || size < maxBytes) {
		size += len(rows[n].event().Event) + len(rows[n].event().Raw)
		n++
	}
	batch, rest := rows[:n], rows[n:]
	for place, r := range batch {
		r.event().Pos = int64(place)
	}
	if err == nil {
		in.commit(turn, batch)
		turn.End()
	} else {
		in.refused(batch, err)
	}
	// Whoever put the events may rely on their owner having been told.
	in.announce(batch)
	in.noteFlush(len(batch))
	for _, r := range batch {
		r.post.release()
	}
	return rest
}

// noteFlush keeps the average size of the last flushes: one that had to wait for
// another writer, and took what had come meanwhile, does not make a crowd.
func (in *Inbox) noteFlush(n int) {
	in.flushed.Store(time.Now().UnixNano())
	in.size.Store(in.size.Load()*7/8 + int64(n)*sizeUnit/8)
}

// sizeUnit is one event in the average size.
const sizeUnit = 1024

// Crowd is how many events flush after flush holds on average, if the next flush
// is waited for: many come faster than they can be stored.
func (in *Inbox) Crowd() int {
	if in.waiting.Load() == 0 && !in.Active() {
		return 0
	}
	return int(in.size.Load() / sizeUnit)
}

// quiet without a flush means that no event waits to be stored.
const quiet = 5 * time.Millisecond

// Active says whether events are being stored.
func (in *Inbox) Active() bool { return time.Since(time.Unix(0, in.flushed.Load())) < quiet }

// spooled puts a batch into the spool if events go there now, or must from here
// on. Those whose answer is waited for are refused: it could not come.
func (in *Inbox) spooled(batch []row, start bool) bool {
	if in.spool == nil || !start && !in.spool.isActive() {
		return false
	}
	var rows []row
	var events []*Event
	for _, r := range batch {
		if r.event().ReservedBy == "" {
			rows, events = append(rows, r), append(events, r.event())
		}
	}
	put, err := true, error(nil)
	if len(events) > 0 {
		put, err = in.spool.put(events, start)
	}
	if !put {
		return false
	}
	for _, r := range batch {
		switch {
		case r.event().ReservedBy != "":
			r.fail(fmt.Errorf("store event: %w: the answer would have to wait", errNoSpool))
		case err != nil:
			r.fail(fmt.Errorf("store event: %w", err))
		}
	}
	if err == nil {
		for _, r := range rows {
			r.post.spooled = true
			r.succeed(r.event().ID)
		}
	}
	return true
}

// commit stores rows, given in the order of their arrival; when the database
// refuses, it halves them until only the row at fault is refused.
func (in *Inbox) commit(turn database.Turn, rows []row) {
	if in.spooled(rows, false) {
		return // the first half of a split batch went there
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	err := in.insert(ctx, turn, rows)
	cancel()
	switch {
	case err == nil:
		return
	case len(rows) > 1 && (database.IsData(err) || database.IsTransient(err)):
		in.commit(turn, rows[:len(rows)/2])
		in.commit(turn, rows[len(rows)/2:])
	default:
		in.refused(rows, err)
	}
}

// refused puts rows that the database does not take into the spool, or fails them.
func (in *Inbox) refused(rows []row, err error) {
	if database.IsOutage(err) && in.spooled(rows, true) {
		return
	}
	for _, r := range rows {
		r.fail(fmt.Errorf("store event: %w", err))
	}
}

const (
	insertEvents = "INTO events (id,business_id,channel,dedupe,lane,part,pos,state," +
		"reserved_by,reserved_until,reason,done_at,event,raw) VALUES "
	// The database's time goes in on its way: its order is the events' order.
	mysqlRow  = "(?,?,?,?,?,?,%[1]s*1024+?,?,?,IF(?=0,0,%[1]s+?),?,?,?,?)"
	sqliteRow = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)

func (in *Inbox) insert(ctx context.Context, turn database.Turn, rows []row) error {
	// Every node locks keys in the same order, so that they do not deadlock.
	// Of two rows with one key the first is kept.
	rows = slices.SortedStableFunc(slices.Values(rows), func(a, b row) int {
		x, y := a.event(), b.event()
		return bytes.Compare(x.Dedupe[:], y.Dedupe[:])
	})
	var changed int64
	var err error
	if in.db.Dialect == database.SQLite {
		changed, err = in.insertSQLite(ctx, turn, rows)
	} else {
		changed, err = in.insertMySQL(ctx, rows)
	}
	if err != nil {
		return err
	}
	if int(changed) == len(rows) {
		for _, r := range rows {
			r.succeed(r.event().ID)
		}
		return nil
	}
	return in.readBack(ctx, rows)
}

// insertMySQL is one statement that commits by itself: one round trip.
func (in *Inbox) insertMySQL(ctx context.Context, rows []row) (int64, error) {
	tx := in.db.Read(ctx)
	values := fmt.Sprintf(mysqlRow, tx.NowSQL())
	args := make([]any, 0, len(rows)*15)
	for _, r := range rows {
		e := r.event()
		args = append(args, e.ID, e.Business, e.Channel, e.Dedupe[:], e.Lane, PartOf(e.Lane), e.Pos, int(e.State),
			e.ReservedBy, e.ReservedUntil, e.ReservedUntil, e.Reason, e.DoneAt, e.Event, e.Raw)
	}
	return tx.Run("INSERT "+insertEvents+strings.Repeat(values+",", len(rows)-1)+values+" ON DUPLICATE KEY UPDATE id=id", args...)
}

// insertSQLite is one transaction of statements for 64, 16, 4 and 1 rows: few
// texts, so all of them stay prepared. A row that is refused fails the whole
// transaction, so no statement needs a journal of its own (OR FAIL).
func (in *Inbox) insertSQLite(ctx context.Context, turn database.Turn, rows []row) (changed int64, err error) {
	err = turn.Write(ctx, func(tx *database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		for rest := rows; len(rest) > 0; {
			n := database.BatchSize(len(rest))
			args := make([]any, 0, n*14)
			for _, r := range rest[:n] {
				e := r.event()
				e.Pos = now*placesPerTick + e.Pos%placesPerTick
				until := e.ReservedUntil
				if until != 0 {
					until += now
				}
				args = append(args, e.ID, e.Business, e.Channel, e.Dedupe[:], e.Lane, PartOf(e.Lane), e.Pos, int(e.State),
					e.ReservedBy, until, e.Reason, e.DoneAt, e.Event, e.Raw)
			}
			did, err := tx.Run("INSERT OR FAIL "+insertEvents+strings.Repeat(sqliteRow+",", n-1)+sqliteRow+" ON CONFLICT DO NOTHING", args...)
			if err != nil {
				return err
			}
			changed += did
			rest = rest[n:]
		}
		return nil
	})
	return changed, err
}

// readBack finds out which rows were there before.
func (in *Inbox) readBack(ctx context.Context, rows []row) error {
	stored := make(map[string]int64, len(rows))
	for part := range slices.Chunk(rows, listMost) {
		keys := make([]any, len(part))
		for i, r := range part {
			keys[i] = r.event().Dedupe[:]
		}
		err := in.db.Read(ctx).Query(func(r *sql.Rows) error {
			var id int64
			var key []byte
			if err := r.Scan(&id, &key); err != nil {
				return err
			}
			stored[string(key)] = id
			return nil
		}, "SELECT id, dedupe FROM events WHERE dedupe IN "+database.Placeholders(1, len(keys)), keys...)
		if err != nil {
			return err
		}
	}
	for _, r := range rows {
		e := r.event()
		if id, ok := stored[string(e.Dedupe[:])]; ok {
			r.succeed(id)
		} else {
			// Another node made the same id in the same millisecond.
			r.fail(errors.New("store event: id in use"))
		}
	}
	return nil
}

func (r row) succeed(id int64) { r.post.owner[r.index] = id; r.post.left-- }
func (r row) fail(err error)   { r.post.err = err; r.post.left-- }

// release lets Put return once all rows of its post are settled.
func (p *post) release() {
	if p.left == 0 && !p.released {
		p.released = true
		close(p.done)
	}
}

// announce tells the owner about new events, in the order in which they came.
func (in *Inbox) announce(batch []row) {
	fresh := make([]*Event, 0, len(batch))
	for _, r := range batch {
		if e := r.event(); !r.post.spooled && r.post.owner[r.index] == e.ID && e.State == Accepted {
			fresh = append(fresh, e)
		}
	}
	in.backlog.add(len(fresh))
	if len(fresh) > 0 && in.options.Accepted != nil {
		in.options.Accepted(fresh)
	}
}

// backlog estimates how many events are undone: counted each second, kept up to
// date in between.
type backlog struct {
	n atomic.Int64
}

func (b *backlog) over(limit int) bool { return limit > 0 && b.n.Load() >= int64(limit) }
func (b *backlog) add(n int)           { b.n.Add(int64(n)) }

// Backlog is the number of undone events, as last counted and kept since.
func (in *Inbox) Backlog() int { return int(max(in.backlog.n.Load(), 0)) }

// CountBacklog counts the undone events, up to just over the bound.
func (in *Inbox) CountBacklog(ctx context.Context) error {
	limit := max(in.options.MaxBacklog, 1) + 1
	var n int64
	err := in.db.Read(ctx).Query(func(r *sql.Rows) error { return r.Scan(&n) },
		"SELECT COUNT(*) FROM (SELECT 1 FROM events WHERE state = 0 LIMIT ?) AS undone", limit)
	if err != nil {
		return fmt.Errorf("count backlog: %w", err)
	}
	in.backlog.n.Store(n)
	return nil
}
