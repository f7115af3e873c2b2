package api

import (
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"usher/contacts"
)

// page is the answer of every list.
type page[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor" doc:"Of the next page; null at the end"`
	Total      *int    `json:"total,omitempty" doc:"With count=true: how many there are in all"`
}

// pageOf makes a list that is never null. total below 0: not counted.
func pageOf[T any](data []T, next string, total int) page[T] {
	if data == nil {
		data = []T{}
	}
	p := page[T]{Data: data}
	if next != "" {
		p.NextCursor = &next
	}
	if total >= 0 {
		p.Total = &total
	}
	return p
}

// Paging are the parameters of every list.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
	Count  bool   `query:"count" doc:"Adds total"`
}

// uncounted is the total of a list that was not asked for one.
const uncounted = -1

// total counts a list if that is asked for.
func (p Paging) total(count func() (int, error)) (int, error) {
	if !p.Count {
		return uncounted, nil
	}
	return count()
}

// cut is the page of a list that is in memory whole. Its cursor is the number
// of rows before.
func cut[T any](all []T, in *Paging) (page[T], error) {
	from := 0
	if in.Cursor != "" {
		var err error
		if from, err = strconv.Atoi(in.Cursor); err != nil || from < 0 || from > len(all) {
			return page[T]{}, invalid(fault{Field: "cursor", Code: "invalid", Detail: "the cursor is not of this list"})
		}
	}
	total, next := uncounted, ""
	if in.Count {
		total = len(all)
	}
	to := min(from+in.Limit, len(all))
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return pageOf(all[from:to], next, total), nil
}

// ByID is the id in a path.
type ByID struct {
	ID string `path:"id"`
}

// nothing is an answer without a body.
type nothing struct{}

// accepted is the answer to what is done later.
type accepted struct{}

// person is a contact or guest as contacts.Document writes it.
type person map[string]any

// Schema implements huma.SchemaProvider.
func (person) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[personDocument](), true, "Person")
}

// contactBody is what may be written of a contact.
type contactBody struct {
	Name           *string        `json:"name,omitempty" doc:"Instead of its parts"`
	FirstName      *string        `json:"first_name,omitempty"`
	MiddleName     *string        `json:"middle_name,omitempty"`
	LastName       *string        `json:"last_name,omitempty"`
	Email          *string        `json:"email,omitempty"`
	Phone          *string        `json:"phone,omitempty" doc:"Without + it is a number of the business's country"`
	CustomerID     *string        `json:"customer_id,omitempty"`
	Company        *string        `json:"company,omitempty"`
	Country        *string        `json:"country,omitempty" doc:"ISO 3166-1 alpha-2"`
	City           *string        `json:"city,omitempty"`
	Zip            *string        `json:"zip,omitempty"`
	Language       *string        `json:"language,omitempty"`
	Timezone       *string        `json:"timezone,omitempty"`
	ContactAddress *string        `json:"contact_address,omitempty"`
	BillingAddress *string        `json:"billing_address,omitempty"`
	Status         *string        `json:"status,omitempty" enum:"qualified,marketing_qualified,sales_qualified,disqualified"`
	Tags           []string       `json:"tags,omitempty"`
	AssigneeID     *string        `json:"assignee_id,omitempty"`
	Fields         map[string]any `json:"fields,omitempty" doc:"Custom fields; those left out stay, null clears"`
}

// personDocument describes contacts.Document for the OpenAPI document.
type personDocument struct {
	ID                  string              `json:"id" example:"con_4pmzu7xjyz3sqyhv"`
	Type                string              `json:"type" enum:"guest,lead,customer" doc:"Computed from what is known"`
	Status              *string             `json:"status"`
	Name                *string             `json:"name"`
	FirstName           *string             `json:"first_name"`
	MiddleName          *string             `json:"middle_name"`
	LastName            *string             `json:"last_name"`
	RawName             *string             `json:"raw_name" doc:"As the channel gave it"`
	Email               *string             `json:"email"`
	Phone               *string             `json:"phone" doc:"E.164"`
	CustomerID          *string             `json:"customer_id"`
	Company             *string             `json:"company"`
	Country             *string             `json:"country"`
	Timezone            *string             `json:"timezone"`
	TimezoneApproximate bool                `json:"timezone_approximate"`
	Language            *string             `json:"language"`
	ContactAddress      *string             `json:"contact_address"`
	BillingAddress      *string             `json:"billing_address"`
	System              map[string]any      `json:"system"`
	Fields              map[string]any      `json:"fields"`
	Tags                []string            `json:"tags"`
	AssigneeID          *string             `json:"assignee_id"`
	Consent             *contacts.Consent   `json:"consent"`
	DoNotContact        bool                `json:"do_not_contact"`
	BlockedUntil        *time.Time          `json:"blocked_until"`
	Identities          []contacts.Identity `json:"identities"`
	Archived            bool                `json:"archived"`
	Source              map[string]any      `json:"source"`
	CreatedAt           time.Time           `json:"created_at"`
	UpdatedAt           time.Time           `json:"updated_at"`
	LastSeenAt          *time.Time          `json:"last_seen_at"`
	Pseudonym           *pseudonym          `json:"pseudonym,omitempty" doc:"Of guests"`
	ExpiresAt           *time.Time          `json:"expires_at,omitempty" doc:"Of guests: when all of this is forgotten"`
	Deliveries          []map[string]any    `json:"deliveries,omitempty" doc:"With include=deliveries: what each destination has"`
}

type pseudonym struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}
