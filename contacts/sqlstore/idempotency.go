package sqlstore

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"usher/contacts"
	"usher/internal/database"
)

// Sentinels of Reserve.
var (
	// ErrOtherRequest: the name was used for another request.
	ErrOtherRequest = errors.New("used for another request")
	// ErrRunning: the same request is running right now.
	ErrRunning = errors.New("the same request is running")
)

const (
	// answerKept is how long an answer is given again.
	answerKept = 24 * time.Hour
	// reservedFor is how long a request may run; later its node is thought to be
	// gone and the request may run again.
	reservedFor = 2 * time.Minute
)

// Answer is what a request got.
type Answer struct {
	Status   int
	Location string
	Body     []byte
}

// Reserve claims a name (an Idempotency-Key, at most 255 characters) for a request with that hash
// (SHA-256). nil means that the request shall run and then Finish or Forget; an
// Answer is what it got when it ran before. ErrOtherRequest, ErrRunning.
// Reserving is a transaction of its own, before the work.
func (s *Store) Reserve(business, name string, hash []byte) (*Answer, error) {
	now, err := s.tx.Now()
	if err != nil {
		return nil, fmt.Errorf("reserve: %w", err)
	}
	// What is over goes first: an old answer, a reservation of a node that died.
	_, err = s.tx.Run("DELETE FROM idempotency WHERE business_id=? AND name=? AND (created_at<=? OR status=0 AND hash=? AND created_at<=?)",
		business, name, now-answerKept.Microseconds(), hash, now-reservedFor.Microseconds())
	if err != nil {
		return nil, fmt.Errorf("reserve: %w", err)
	}
	_, err = s.tx.Run("INSERT INTO idempotency (business_id, name, hash, status, created_at) VALUES (?,?,?,0,?)", business, name, hash, now)
	if err == nil {
		return nil, nil
	}
	if !database.IsDuplicate(err) {
		return nil, fmt.Errorf("reserve: %w", err)
	}
	return s.Lookup(business, name, hash)
}

// Lookup returns what the request with that name and hash got, or
// ErrOtherRequest, ErrRunning, contacts.ErrNotFound.
func (s *Store) Lookup(business, name string, hash []byte) (*Answer, error) {
	var answer *Answer
	var reserved []byte
	err := s.tx.Query(func(r *sql.Rows) error {
		answer = &Answer{}
		return r.Scan(&reserved, &answer.Status, &answer.Location, &answer.Body)
	}, "SELECT hash, status, location, body FROM idempotency WHERE business_id=? AND name=?", business, name)
	switch {
	case err != nil:
	case answer == nil:
		err = contacts.ErrNotFound
	case !bytes.Equal(reserved, hash):
		err = ErrOtherRequest
	case answer.Status == 0:
		err = ErrRunning
	}
	if err != nil {
		return nil, fmt.Errorf("look up request: %w", err)
	}
	return answer, nil
}

// Finish keeps what a reserved request got; best in the transaction of its
// effects.
func (s *Store) Finish(business, name string, a Answer) error {
	_, err := s.tx.Run("UPDATE idempotency SET status=?, location=?, body=? WHERE business_id=? AND name=?",
		a.Status, a.Location, a.Body, business, name)
	if err != nil {
		return fmt.Errorf("finish request: %w", err)
	}
	return nil
}

// Forget gives a reserved name back: the request had no effect and may come
// again.
func (s *Store) Forget(business, name string) error {
	if _, err := s.tx.Run("DELETE FROM idempotency WHERE business_id=? AND name=? AND status=0", business, name); err != nil {
		return fmt.Errorf("forget request: %w", err)
	}
	return nil
}

// SweepAnswers forgets answers that are no longer given and says how many.
func (s *Store) SweepAnswers() (int64, error) {
	now, err := s.tx.Now()
	if err != nil {
		return 0, fmt.Errorf("sweep answers: %w", err)
	}
	n, err := s.tx.Run("DELETE FROM idempotency WHERE created_at<=?", now-answerKept.Microseconds())
	if err != nil {
		return 0, fmt.Errorf("sweep answers: %w", err)
	}
	return n, nil
}
