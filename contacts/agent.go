package contacts

import "time"

// Role of an agent.
type Role string

// The roles: an admin is an agent who may also change settings.
const (
	RoleAgent Role = "agent"
	RoleAdmin Role = "admin"
)

// Availability says whether conversations may be given to an agent.
type Availability string

// The availabilities.
const (
	Available Availability = "available"
	Away      Availability = "away"
	Busy      Availability = "busy"
)

// Agent is a person of the business, who answers conversations. Its e-mail and
// phone are nobody else's: see sqlstore.Address.
type Agent struct {
	ID         string
	BusinessID string
	Version    int64
	Name       string
	Email      string // empty: none
	Phone      string // E.164; empty: none
	Role       Role
	// Availability as the agent set it.
	Availability Availability
	// MaxConversations that the agent holds at once; beyond it the agent counts
	// as busy. 0: any number.
	MaxConversations int
	// AssignedAt is when a conversation was last given to the agent.
	AssignedAt time.Time
	CreatedAt  time.Time
}

// Free says whether an agent who holds that many conversations may be given one
// more.
func (a *Agent) Free(open int) bool {
	return a.Availability == Available && (a.MaxConversations == 0 || open < a.MaxConversations)
}

// Team is a group of agents that a flow hands conversations to.
type Team struct {
	ID         string // chosen by the operator; what flows name
	BusinessID string
	Version    int64
	Name       string
	Members    []string // ids of agents, sorted
	Enabled    bool     // off: handing over to it fails
	AutoAssign bool     // give conversations to the member who has waited longest
	// Hours when its people are there, as hours.Week; none: the business's.
	Hours     map[string]string
	CreatedAt time.Time
}

// Desk is what a conversation that was handed to people remembers of that.
type Desk struct {
	Team       string `json:"team,omitempty"`
	AssigneeID string `json:"assignee_id,omitempty"` // empty: nobody's, or a key's that is no agent's
	// Taken: a person has taken it; without, it was only given to the assignee.
	Taken bool      `json:"taken,omitempty"`
	Since time.Time `json:"since"` // when it was handed over
	// Closed is when its agent was done; zero: it is open.
	Closed time.Time `json:"closed,omitzero"`
}
