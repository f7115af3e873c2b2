package connectors

// Act is what a person of our side did with a conversation. Its event (KindAct)
// goes through the inbox like any other, so that it has its place among what the
// person says.
type Act struct {
	Do string `json:"do"` // one of the constants below
	// AgentID is who did it; for ActTake who gets the conversation. Empty: whoever
	// has a key that is no agent's.
	AgentID string `json:"agent_id,omitempty"`
	// Force: it is done even if another agent has the conversation.
	Force bool `json:"force,omitempty"`
	// Text of a message. A private one is a note among agents.
	Text    string `json:"text,omitempty"`
	Private bool   `json:"private,omitempty"`
}

// What agents do.
const (
	ActTake    = "take"    // answer the conversation from now on
	ActRelease = "release" // give it back to the flow
	ActClose   = "close"   // it is done; what the person says next begins anew
	ActReopen  = "reopen"
	ActMessage = "message"
	ActAssign  = "assign" // usher gives what has waited to AgentID, who is free now
)
