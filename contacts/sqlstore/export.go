package sqlstore

import "usher/contacts"

// EachContact calls do with every contact that the filter selects, in order. It
// reads page after page, so no transaction stays open and memory holds one page;
// of what changes meanwhile, each contact is seen as it is when its turn comes.
func (s *Store) EachContact(business string, f Filter, order Sort, do func(*contacts.Contact) error) error {
	for p := (Page{Limit: PageMost, Sort: order}); ; {
		list, next, _, err := s.ListContacts(business, f, p)
		if err != nil {
			return err
		}
		for _, c := range list {
			if err := do(c); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		p.Cursor = next
	}
}
