package connectors

// FieldError says that one field of a request that waits for its answer holds
// what cannot be used: nothing of the request is kept. Answer 422.
type FieldError struct {
	Field  string // as the sender wrote it: "user.phone"
	Code   string // required, type, unknown, too_long, too_deep, invalid
	Detail string // for the sender's developer; never repeats the value
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Detail }
