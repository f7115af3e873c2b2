package flows

// Run is the state of one run of a flow, pinned to the version it started with.
type Run struct {
	Flow    string
	Version int
}
