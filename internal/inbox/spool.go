package inbox

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"usher/internal/database"
)

// The spool is a local file that takes events while the database cannot. From
// the first event that goes there all go there, until it is drained in order
// into the database, so that no event overtakes another.
const (
	// spoolMost bounds the file: the disk is shared with the database of an
	// embedded node and with logs.
	spoolMost = 1 << 30
	// recordMost bounds one record: an event has at most the size of a body.
	recordMost = 64 << 20
	// drainWait is the time between tries while the database is away.
	drainWait = 500 * time.Millisecond
	// drainTimeout bounds one try.
	drainTimeout = 2 * time.Second
)

// errNoSpool: events cannot be spooled; the sender must come again.
var errNoSpool = errors.New("spool cannot take it")

type spool struct {
	mu     sync.Mutex
	path   string
	file   *os.File
	size   int64 // of whole, synced records
	active bool
	wake   chan struct{}
}

// openSpool opens a spool; what an earlier process left is drained first. An
// empty dir means none.
func openSpool(dir string) (*spool, error) {
	if dir == "" {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	s := &spool{path: filepath.Join(dir, "inbox.spool"), wake: make(chan struct{}, 1)}
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	s.file = f
	for {
		records, err := s.read(s.size, spoolMost)
		if err != nil {
			f.Close()
			return nil, err
		}
		if len(records) == 0 {
			break
		}
		s.size = records[len(records)-1].end
	}
	// What stands behind the last whole record was never answered 200.
	if err := f.Truncate(s.size); err != nil {
		f.Close()
		return nil, fmt.Errorf("spool: %w", err)
	}
	s.active = s.size > 0
	return s, nil
}

// Active says whether events go through the spool.
func (s *spool) isActive() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active
}

// put appends events and syncs them to disk. Start: begin spooling if nothing
// is spooled yet; without it put is false then, for the database works again.
func (s *spool) put(events []*Event, start bool) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.active && !start {
		return false, nil
	}
	var b []byte
	for _, e := range events {
		raw, err := json.Marshal(e)
		if err != nil {
			return true, fmt.Errorf("%w: %w", errNoSpool, err)
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(raw)))
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(raw))
		b = append(b, raw...)
	}
	if s.size+int64(len(b)) > spoolMost {
		return true, fmt.Errorf("%w: it is full", errNoSpool)
	}
	_, err := s.file.WriteAt(b, s.size)
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		// Half a record may stand there; the next one is written over it.
		return true, fmt.Errorf("%w: %w", errNoSpool, err)
	}
	s.size += int64(len(b))
	s.active = true
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return true, nil
}

type spooled struct {
	event *Event
	end   int64
}

// read returns whole records between two offsets, at most maxRows.
func (s *spool) read(from, to int64) ([]spooled, error) {
	r := bufio.NewReader(io.NewSectionReader(s.file, from, to-from))
	var found []spooled
	for at := from; len(found) < maxRows; {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return found, ignoreEnd(err)
		}
		n := binary.BigEndian.Uint32(head[:4])
		if n > recordMost {
			return found, nil
		}
		raw := make([]byte, n)
		if _, err := io.ReadFull(r, raw); err != nil {
			return found, ignoreEnd(err)
		}
		if crc32.ChecksumIEEE(raw) != binary.BigEndian.Uint32(head[4:]) {
			return found, nil
		}
		e := &Event{}
		if err := json.Unmarshal(raw, e); err != nil {
			return found, fmt.Errorf("spool: %w", err)
		}
		at += int64(len(head)) + int64(n)
		found = append(found, spooled{e, at})
	}
	return found, nil
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return fmt.Errorf("spool: %w", err)
}

// drain moves spooled events into the database, in order, until ctx ends.
func (in *Inbox) drain(ctx context.Context) {
	s := in.spool
	var at int64
	for ctx.Err() == nil {
		s.mu.Lock()
		size, active := s.size, s.active
		if active && at == size {
			// All is in the database: from here on events go there directly.
			// Whether the file gets shorter now or with its next record does not
			// matter: what stands in it is in the database, under its keys.
			_ = s.file.Truncate(0)
			s.active, s.size, at, active = false, 0, 0, false
		}
		s.mu.Unlock()
		if !active {
			select {
			case <-s.wake:
			case <-ctx.Done():
			}
			continue
		}
		end, err := in.drainSome(ctx, at, size)
		if at = end; err != nil {
			select {
			case <-time.After(drainWait):
			case <-ctx.Done():
			}
		}
	}
}

// drainSome stores what stands between two offsets and returns how far it came:
// all that was read, or, if the database refuses that, one after the other.
func (in *Inbox) drainSome(ctx context.Context, from, to int64) (int64, error) {
	records, err := in.spool.read(from, to)
	if err == nil && len(records) == 0 && from < to {
		err = fmt.Errorf("spool: unreadable at %d", from)
	}
	if err != nil || len(records) == 0 {
		return from, err
	}
	all := make([]*Event, len(records))
	for i, r := range records {
		all[i] = r.event
	}
	err = in.storeSpooled(ctx, all)
	if err == nil {
		return records[len(records)-1].end, nil
	}
	if !database.IsData(err) {
		return from, err
	}
	for _, r := range records {
		err := in.storeSpooled(ctx, []*Event{r.event})
		if err != nil && database.IsData(err) {
			// It has been answered 200, so it is kept: in quarantine, without
			// what was refused.
			r.event.State, r.event.Reason, r.event.Event = Quarantined, "the database refused it: "+cut(err.Error(), 300), nil
			err = in.storeSpooled(ctx, []*Event{r.event})
		}
		if err != nil {
			return from, err
		}
		from = r.end
	}
	return from, nil
}

func (in *Inbox) storeSpooled(ctx context.Context, events []*Event) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	rows := (&post{events: events, owner: make([]int64, len(events)), left: len(events), done: make(chan struct{})}).rows(nil)
	for place, e := range events {
		e.Pos = int64(place)
	}
	turn, err := in.db.Turn(ctx, database.Intake)
	if err != nil {
		return err
	}
	defer turn.End()
	if err := in.insert(ctx, turn, rows); err != nil {
		return err
	}
	in.announce(rows)
	return nil
}
