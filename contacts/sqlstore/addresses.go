package sqlstore

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"usher/contacts"
	"usher/internal/database"
)

// ErrTaken: an address already belongs to somebody.
var ErrTaken = errors.New("taken")

// Address is a phone, email or customer_id in the form of contacts.AddressKey.
type Address struct{ Kind, Value string }

// Holder is who has an address, and who vouches for it.
type Holder struct {
	Kind  string // contact or agent
	ID    string
	Trust contacts.Trust
}

func (h Holder) same(other Holder) bool { return h.Kind == other.Kind && h.ID == other.ID }

// Kinds of holders.
const (
	HolderContact = "contact"
	HolderAgent   = "agent"
)

// AddressRow is an address with its holder.
type AddressRow struct {
	Business string
	Address  Address
	Holder   Holder
}

// TakenError names the address that is taken and, if it is known, by whom. It
// is an ErrTaken.
type TakenError struct {
	Address Address
	Holder  *Holder
}

func (e *TakenError) Error() string { return e.Address.Kind + " is taken" }

// Unwrap makes it an ErrTaken.
func (e *TakenError) Unwrap() error { return ErrTaken }

// Holders returns who holds which of the given addresses of a business; those
// that nobody holds are left out.
func (s *Store) Holders(business string, addrs []Address) (map[Address]Holder, error) {
	found := make(map[Address]Holder, len(addrs))
	err := byKind(addrs, func(kind, list string, args []any) error {
		return s.tx.Query(func(r *sql.Rows) error {
			a, h := Address{Kind: kind}, Holder{}
			err := r.Scan(&a.Value, &h.Kind, &h.ID, &h.Trust)
			found[a] = h
			return err
		}, "SELECT value, holder_kind, holder_id, trust FROM addresses WHERE business_id=? AND kind=? AND value IN "+list,
			append([]any{business, kind}, args...)...)
	})
	if err != nil {
		return nil, fmt.Errorf("read holders: %w", err)
	}
	return found, nil
}

// AddAddresses gives addresses to holders. If one is taken, also by another row
// of the same call, the error is a *TakenError and the transaction must be
// rolled back.
func (s *Store) AddAddresses(rows []AddressRow) error {
	// In the order of keys: two nodes that add the same wait, not deadlock.
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, compareAddresses)
	for i := 1; i < len(rows); i++ {
		if a, b := rows[i-1], rows[i]; compareAddresses(a, b) == 0 && !a.Holder.same(b.Holder) {
			return &TakenError{b.Address, &a.Holder}
		}
	}
	rows = slices.CompactFunc(rows, func(a, b AddressRow) bool { return compareAddresses(a, b) == 0 })
	now, err := s.tx.Now()
	if err != nil {
		return fmt.Errorf("add addresses: %w", err)
	}
	return s.batches(len(rows), nil, func(from, to int) error {
		part := rows[from:to]
		args := make([]any, 0, 7*len(part))
		for _, r := range part {
			args = append(args, r.Business, r.Address.Kind, r.Address.Value, r.Holder.Kind, r.Holder.ID, string(r.Holder.Trust), now)
		}
		_, err := s.tx.Run("INSERT INTO addresses (business_id, kind, value, holder_kind, holder_id, trust, created_at) VALUES "+
			database.Placeholders(len(part), 7), args...)
		if database.IsDuplicate(err) {
			return s.taken(part)
		}
		if err != nil {
			return fmt.Errorf("add addresses: %w", err)
		}
		return nil
	})
}

// taken finds out which of the rows that were refused is whose.
func (s *Store) taken(rows []AddressRow) error {
	for from := 0; from < len(rows); {
		to := from
		var addrs []Address
		for ; to < len(rows) && rows[to].Business == rows[from].Business; to++ {
			addrs = append(addrs, rows[to].Address)
		}
		holders, err := s.Holders(rows[from].Business, addrs)
		if err != nil {
			return err
		}
		for _, a := range addrs {
			if h, ok := holders[a]; ok {
				return &TakenError{a, &h}
			}
		}
		from = to
	}
	return &TakenError{Address: rows[0].Address} // released since
}

// MoveAddress gives an address from one holder to another, which must have it
// exactly as given, trust too; else the error is contacts.ErrConflict.
func (s *Store) MoveAddress(business string, a Address, from, to Holder) error {
	if from == to {
		return nil
	}
	moved, err := s.tx.Run("UPDATE addresses SET holder_kind=?, holder_id=?, trust=?"+
		" WHERE business_id=? AND kind=? AND value=? AND holder_kind=? AND holder_id=? AND trust=?",
		to.Kind, to.ID, string(to.Trust), business, a.Kind, a.Value, from.Kind, from.ID, string(from.Trust))
	if err != nil {
		return fmt.Errorf("move %s: %w", a.Kind, err)
	}
	if moved == 0 {
		return fmt.Errorf("move %s: %w", a.Kind, contacts.ErrConflict)
	}
	return nil
}

// Strengthen raises the trust in addresses of a holder; one that is trusted as
// much already, or is not the holder's, stays as it is.
func (s *Store) Strengthen(business, holderID string, addrs []Address, trust contacts.Trust) error {
	var weaker []any
	switch trust {
	case contacts.Proven:
		weaker = []any{string(contacts.Claimed), string(contacts.Vouched)}
	case contacts.Vouched:
		weaker = []any{string(contacts.Claimed)}
	default:
		return nil
	}
	err := byKind(addrs, func(kind, list string, args []any) error {
		args = append([]any{string(trust), business, kind, holderID}, args...)
		_, err := s.tx.Run("UPDATE addresses SET trust=? WHERE business_id=? AND kind=? AND holder_id=? AND value IN "+list+
			" AND trust IN "+database.Placeholders(1, len(weaker)), append(args, weaker...)...)
		return err
	})
	if err != nil {
		return fmt.Errorf("strengthen addresses: %w", err)
	}
	return nil
}

// Release takes addresses from their holder; those that it does not have are
// passed over.
func (s *Store) Release(business, holderID string, addrs []Address) error {
	err := byKind(addrs, func(kind, list string, args []any) error {
		_, err := s.tx.Run("DELETE FROM addresses WHERE business_id=? AND kind=? AND holder_id=? AND value IN "+list,
			append([]any{business, kind, holderID}, args...)...)
		return err
	})
	if err != nil {
		return fmt.Errorf("release addresses: %w", err)
	}
	return nil
}

// ReleaseAll takes every address from a holder.
func (s *Store) ReleaseAll(business, holderID string) error {
	if _, err := s.tx.Run("DELETE FROM addresses WHERE holder_id=? AND business_id=?", holderID, business); err != nil {
		return fmt.Errorf("release addresses: %w", err)
	}
	return nil
}

// AddressesOf returns what each of the given holders has, in the order of kinds
// and values.
func (s *Store) AddressesOf(holderIDs []string) (map[string][]AddressRow, error) {
	found := make(map[string][]AddressRow, len(holderIDs))
	err := among(idsOf(holderIDs), func(list string, args []any) error {
		return s.tx.Query(func(r *sql.Rows) error {
			var a AddressRow
			err := r.Scan(&a.Business, &a.Address.Kind, &a.Address.Value, &a.Holder.Kind, &a.Holder.ID, &a.Holder.Trust)
			found[a.Holder.ID] = append(found[a.Holder.ID], a)
			return err
		}, "SELECT business_id, kind, value, holder_kind, holder_id, trust FROM addresses WHERE holder_id IN "+list, args...)
	})
	if err != nil {
		return nil, fmt.Errorf("read addresses: %w", err)
	}
	for _, rows := range found {
		slices.SortFunc(rows, compareAddresses)
	}
	return found, nil
}

// byKind calls do for addresses of one kind at a time: servers use the index
// for a list of values, not all do for a list of pairs.
func byKind(addrs []Address, do func(kind, list string, args []any) error) error {
	values := map[string][]string{}
	for _, a := range addrs {
		values[a.Kind] = append(values[a.Kind], a.Value)
	}
	for _, kind := range slices.Sorted(maps.Keys(values)) {
		slices.Sort(values[kind])
		if err := among(values[kind], func(list string, args []any) error { return do(kind, list, args) }); err != nil {
			return err
		}
	}
	return nil
}

func compareAddresses(a, b AddressRow) int {
	return cmp.Or(cmp.Compare(a.Business, b.Business), cmp.Compare(a.Address.Kind, b.Address.Kind),
		cmp.Compare(a.Address.Value, b.Address.Value))
}
