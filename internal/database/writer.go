package database

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// writer is the one connection that writes to the embedded file. Batches of a
// few sizes come by all the time, so it keeps their statements prepared;
// database/sql would prepare them anew in each transaction.
type writer struct {
	gate  *gate
	conn  *sql.Conn
	ready map[string]*sql.Stmt
}

// preparedMax bounds the statements that are kept ready; further ones are
// prepared for each use.
const preparedMax = 512

func newWriter(db *sql.DB) (*writer, error) {
	conn, err := db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	return &writer{gate: newGate(), conn: conn, ready: map[string]*sql.Stmt{}}, nil
}

// transact runs fn between BEGIN and COMMIT, in a turn.
func (w *writer) transact(ctx context.Context, fn func() error) error {
	// A cancelled ctx must not tear a commit or leave a transaction open.
	whole := context.WithoutCancel(ctx)
	if _, err := w.ExecContext(whole, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			// SQLite rolls some failed transactions back by itself (disk
			// full); this then fails, and says nothing new.
			_, _ = w.ExecContext(whole, "ROLLBACK")
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	if _, err := w.ExecContext(whole, "COMMIT"); err != nil {
		return err
	}
	committed = true
	return nil
}

// alone runs fn while nobody writes.
func (w *writer) alone(ctx context.Context, fn func() error) error {
	if err := w.gate.enter(ctx, Bulk); err != nil {
		return err
	}
	defer w.gate.leave()
	return fn()
}

func (w *writer) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := w.ready[query]; ok {
		return s, nil
	}
	if len(w.ready) >= preparedMax {
		return nil, nil
	}
	s, err := w.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	w.ready[query] = s
	return s, nil
}

// PrepareContext, ExecContext, QueryContext and QueryRowContext make the writer
// a gorm.ConnPool.
func (w *writer) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return w.conn.PrepareContext(ctx, query)
}

func (w *writer) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := w.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return w.conn.ExecContext(ctx, query, args...)
	}
	return s.ExecContext(ctx, args...)
}

func (w *writer) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := w.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return w.conn.QueryContext(ctx, query, args...)
	}
	return s.QueryContext(ctx, args...)
}

func (w *writer) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return w.conn.QueryRowContext(ctx, query, args...)
}

func (w *writer) close() error {
	var errs []error
	for _, s := range w.ready {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

// gate lets one writer in at a time, the more urgent first; every starveLimit-th
// entry goes to whoever waits longest at the other priorities, so that a flood
// of webhooks slows the work on them but does not stop it.
type gate struct {
	mu      sync.Mutex
	busy    bool
	waiting [priorities][]chan struct{}
	passed  int
}

const starveLimit = 8

func newGate() *gate { return &gate{} }

func (g *gate) enter(ctx context.Context, p Priority) error {
	g.mu.Lock()
	if !g.busy {
		g.busy = true
		g.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	g.waiting[p] = append(g.waiting[p], turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		g.mu.Lock()
		for i, c := range g.waiting[p] {
			if c == turn {
				g.waiting[p] = append(g.waiting[p][:i], g.waiting[p][i+1:]...)
				g.mu.Unlock()
				return ctx.Err()
			}
		}
		g.mu.Unlock()
		g.leave() // the turn had been given meanwhile
		return ctx.Err()
	}
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.passed++
	order := []Priority{Intake, Steps, Bulk}
	switch {
	case g.passed%(starveLimit*starveLimit) == 0:
		order = []Priority{Bulk, Steps, Intake}
	case g.passed%starveLimit == 0:
		order = []Priority{Steps, Bulk, Intake}
	}
	for _, p := range order {
		if q := g.waiting[p]; len(q) > 0 {
			g.waiting[p] = q[1:]
			close(q[0])
			return
		}
	}
	g.busy = false
}
