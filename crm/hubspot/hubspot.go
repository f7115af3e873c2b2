// Package hubspot writes leads to HubSpot contacts with HubSpot's keyed batch
// upsert, so that the same lead sent again, after whatever failure, is the same
// contact (https://developers.hubspot.com/docs/api-reference/crm-contacts-v3).
//
// The key is a contact property of type text with "unique values" switched on,
// by default usher_lead_id, which an administrator creates once; Check says if
// it is missing. A contact that HubSpot already has under the lead's e-mail is
// adopted: it gets the key and only those values that it lacks.
package hubspot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"usher/config"
	"usher/crm"
	"usher/internal/outbound"
)

const (
	vendorURL     = "https://api.hubapi.com"
	defaultFamily = "2026-09"
	defaultKey    = "usher_lead_id"
	defaultStage  = "lead" // HubSpot moves a lifecycle stage forward only, so sending it again is harmless
)

// maxInputs is HubSpot's limit for one batch.
const maxInputs = 100

// defaultCalls is the smallest limit among HubSpot's plans, per ten seconds. It
// is shared with every other app of the account, so running into it is normal.
const defaultCalls = 100

type settings struct {
	Token              config.Secret     `json:"token"` // of a private app: crm.objects.contacts.read and .write
	BaseURL            string            `json:"base_url"`
	Family             string            `json:"family"` // of paths: v3, or a dated one like 2026-09
	KeyProperty        string            `json:"key_property"`
	Mapping            map[string]string `json:"mapping"` // our field → property, over the default; "" leaves a field out
	LifecycleStage     *string           `json:"lifecycle_stage"`
	TranscriptProperty string            `json:"transcript_property"` // multi-line text; empty: not sent
	PortalID           string            `json:"portal_id"`           // makes links to records
	Timezone           string            `json:"timezone"`            // of the account; its daily limit ends at midnight there
	CallsPer10s        int               `json:"calls_per_10s"`
}

type connector struct {
	hc      *http.Client
	token   string
	base    string // scheme and host
	objects string // path of the contacts
	schema  string // path of the contacts' properties
	portal  string
	zone    *time.Location // nil: unknown
	fields  fields
	limiter *rate.Limiter // nil: none
	paused  atomic.Int64  // no calls before this time, Unix nanoseconds
	now     func() time.Time
}

// New builds a connector. Only the setting token is required.
func New(setup crm.Setup) (crm.Connector, error) {
	_, own, err := crm.SplitRetry(setup.Settings)
	if err != nil {
		return nil, err
	}
	var s settings
	if err := own.Decode(&s); err != nil {
		return nil, err
	}
	c := &connector{hc: setup.HTTP, token: string(s.Token), portal: s.PortalID, now: time.Now}
	if c.hc == nil {
		return nil, errors.New("hubspot: no HTTP client")
	}
	if strings.TrimSpace(c.token) == "" || strings.ContainsAny(c.token, "\r\n\x00") {
		return nil, errors.New("token: missing or not usable; want the access token of a private app")
	}
	if err := c.address(s); err != nil {
		return nil, err
	}
	if c.fields, err = newFields(s); err != nil {
		return nil, err
	}
	if s.Timezone != "" {
		if c.zone, err = time.LoadLocation(s.Timezone); err != nil {
			return nil, fmt.Errorf("timezone: %q is no IANA time zone", s.Timezone)
		}
	}
	return c, nil
}

func (c *connector) address(s settings) error {
	family := cmp.Or(s.Family, defaultFamily)
	switch {
	case regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])$`).MatchString(family):
		c.objects = "/crm/objects/" + family + "/contacts"
		c.schema = "/crm/properties/" + family + "/contacts"
	case family == "v3":
		c.objects, c.schema = "/crm/v3/objects/contacts", "/crm/v3/properties/contacts"
	default:
		return fmt.Errorf("family: %q is neither v3 nor a date like %s", family, defaultFamily)
	}
	c.base = cmp.Or(strings.TrimRight(s.BaseURL, "/"), vendorURL)
	target, err := url.Parse(c.base)
	if err != nil || target.Host == "" || target.User != nil || target.RawQuery != "" ||
		target.Scheme != "https" && target.Scheme != "http" {
		return errors.New("base_url: want https://host")
	}
	calls := s.CallsPer10s
	if calls < 0 {
		return errors.New("calls_per_10s: want 1 or more")
	}
	if calls == 0 && c.base == vendorURL { // another host's limit is not known
		calls = defaultCalls
	}
	if calls > 0 {
		// A tenth may come at once; with the rest spread evenly no ten seconds
		// see more than the limit.
		burst := max(calls/10, 1)
		c.limiter = rate.NewLimiter(rate.Limit(max(float64(calls-burst)/10, 0.1)), burst)
	}
	return nil
}

// Batch is HubSpot's own limit.
func (c *connector) Batch() int { return maxInputs }

func (c *connector) Push(ctx context.Context, pushes []crm.Push) []crm.Receipt {
	receipts := make([]crm.Receipt, len(pushes))
	leads := make([]lead, 0, len(pushes))
	for i, p := range pushes {
		if err := refuse(p); err != nil {
			receipts[i].Err = err
			continue
		}
		leads = append(leads, c.fields.lead(p, &receipts[i]))
	}
	for part := range slices.Chunk(leads, maxInputs) {
		c.upsert(ctx, part)
	}
	return receipts
}

// Check asks HubSpot for the key property: a call that changes nothing and
// fails if address, token or property are wrong.
func (c *connector) Check(ctx context.Context) error {
	var property struct {
		Unique bool   `json:"hasUniqueValue"`
		Type   string `json:"type"`
	}
	err := c.get(ctx, c.schema+"/"+url.PathEscape(c.fields.key), nil, &property)
	var failed *outbound.Error
	switch {
	case errors.As(err, &failed) && failed.Status == http.StatusNotFound:
		return fmt.Errorf("HubSpot has no contact property %q: create it as single-line text with unique values", c.fields.key)
	case err != nil:
		return err
	case !property.Unique:
		return fmt.Errorf("contact property %q of HubSpot does not require unique values, so leads could arrive twice: create another that does", c.fields.key)
	}
	return nil
}

// refuse is for what no retry and no mapping would make a contact of.
func refuse(p crm.Push) error {
	switch {
	case p.LeadKey == "":
		return &outbound.Error{Class: outbound.Permanent, Text: "push has no lead key"}
	case p.Kind == crm.ContactArchived, p.Kind == crm.ContactErased:
		return &outbound.Error{Class: outbound.Permanent,
			Text: "hubspot does not take " + string(p.Kind) + "; delete or archive the contact there"}
	}
	return nil
}
