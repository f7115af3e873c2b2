// Package messenger is the channel for Facebook pages: their Messenger webhooks come
// in, replies leave through the Graph API.
package messenger

import (
	"fmt"

	"usher/connectors"
	"usher/internal/meta"
)

// settings is the channel's block of the configuration.
type settings struct {
	meta.Settings
	// PageID names the one page of this channel; empty: every page of the app
	// that no other channel names.
	PageID string `json:"page_id"`
}

// New is the channel's Factory.
func New(s connectors.Setup) (connectors.Connector, error) {
	own := settings{Settings: meta.Defaults()}
	if err := s.Settings.Decode(&own); err != nil {
		return nil, fmt.Errorf("messenger: %w", err)
	}
	var check connectors.Check
	own.Check(&check, "page_id", own.PageID)
	if err := check.Err(); err != nil {
		return nil, fmt.Errorf("messenger: %w", err)
	}
	return meta.NewChannel("messenger", "page", own.PageID, own.Settings, s.HTTP), nil
}
