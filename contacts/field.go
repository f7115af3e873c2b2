package contacts

// FieldType is one of exactly four.
type FieldType string

// The four field types.
const (
	Text   FieldType = "text"
	Number FieldType = "number"
	Date   FieldType = "date"
	YesNo  FieldType = "yes_no"
)

// Field is one thing that can be known of a person.
type Field struct {
	Name    string // [a-z][a-z0-9_]*; does not change
	Title   string
	Type    FieldType // does not change
	BuiltIn bool
	// Settable: flows, forms, imports and the API may write it. Read-only
	// built-ins (id, type, created_at …) can only be read and filtered.
	Settable bool
}
