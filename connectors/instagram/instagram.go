// Package instagram is the channel for Instagram messaging: webhooks come in as for
// Messenger, replies leave through the Graph API.
package instagram

import (
	"fmt"

	"usher/connectors"
	"usher/internal/meta"
)

// settings is the channel's block of the configuration.
type settings struct {
	meta.Settings
	// AccountID names the one account of this channel; empty: every account of the app
	// that no other channel names.
	AccountID string `json:"account_id"`
}

// New is the channel's Factory.
func New(s connectors.Setup) (connectors.Connector, error) {
	own := settings{Settings: meta.Defaults()}
	if err := s.Settings.Decode(&own); err != nil {
		return nil, fmt.Errorf("instagram: %w", err)
	}
	var check connectors.Check
	own.Check(&check, "account_id", own.AccountID)
	if err := check.Err(); err != nil {
		return nil, fmt.Errorf("instagram: %w", err)
	}
	return meta.NewChannel("instagram", "instagram", own.AccountID, own.Settings, s.HTTP), nil
}
