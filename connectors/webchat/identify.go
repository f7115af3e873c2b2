package webchat

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"usher/connectors"
	"usher/contacts"
)

const (
	// maxStatement bounds the token; a name, an address and a phone fit often.
	maxStatement = 4096
	// maxStatementTTL: a statement is for the page that is being loaded now.
	maxStatementTTL = 24 * time.Hour
	// clockSkew is what the business's clock may be ahead of ours.
	clockSkew = 30 * time.Second
	// maxCustomerID is in characters.
	maxCustomerID = 200
)

// Identify reads a JWT of the business's own server: HS256 over
// identity_secret, sub the customer id, exp at most 24 hours ahead, and name,
// email and phone if known. All of it is proven. ErrUnverified: it is not
// signed so; *connectors.FieldError: it is, but a value is none.
func (c *channel) Identify(statement string, now time.Time) (connectors.Event, error) {
	none := connectors.Event{}
	payload, ok := c.signedPayload(statement)
	if !ok {
		return none, connectors.ErrUnverified
	}
	var claims struct {
		Subject   string   `json:"sub"`
		Expires   *float64 `json:"exp"`
		NotBefore *float64 `json:"nbf"`
		Name      string   `json:"name"`
		Email     string   `json:"email"`
		Phone     string   `json:"phone"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Expires == nil || !current(*claims.Expires, now) ||
		claims.NotBefore != nil && *claims.NotBefore > seconds(now.Add(clockSkew)) {
		return none, connectors.ErrUnverified
	}
	event := connectors.Event{
		Kind:       connectors.KindCapture,
		Verified:   true,
		CustomerID: strings.TrimSpace(clean(claims.Subject)),
		Name:       strings.TrimSpace(clean(claims.Name)),
		Timestamp:  now.UTC(),
	}
	switch {
	case event.CustomerID == "":
		return none, &connectors.FieldError{Field: "sub", Code: "required", Detail: "want the customer id"}
	case utf8.RuneCountInString(event.CustomerID) > maxCustomerID:
		return none, &connectors.FieldError{Field: "sub", Code: "too_long", Detail: fmt.Sprintf("more than %d characters", maxCustomerID)}
	case utf8.RuneCountInString(event.Name) > contacts.NameLimit:
		return none, &connectors.FieldError{Field: "name", Code: "too_long", Detail: fmt.Sprintf("more than %d characters", contacts.NameLimit)}
	}
	if strings.TrimSpace(claims.Email) != "" {
		email, err := contacts.ParseEmail(claims.Email)
		if err != nil {
			return none, &connectors.FieldError{Field: "email", Code: "invalid", Detail: "want an e-mail address"}
		}
		event.Email = email
	}
	if strings.TrimSpace(claims.Phone) != "" {
		phone, err := contacts.ParsePhone(claims.Phone, c.country)
		if err != nil {
			return none, &connectors.FieldError{Field: "phone", Code: "invalid", Detail: "want a phone number"}
		}
		event.Phone = phone
	}
	return event, nil
}

// signedPayload returns the payload of a JWT whose only algorithm is HS256 and
// whose signature one of the identity secrets made. What the header says is
// compared, never obeyed.
func (c *channel) signedPayload(statement string) ([]byte, bool) {
	if len(statement) > maxStatement {
		return nil, false
	}
	parts := strings.Split(statement, ".")
	if len(parts) != 3 {
		return nil, false
	}
	signed, valid := parts[0]+"."+parts[1], false
	for _, secret := range c.identity {
		valid = hmac.Equal([]byte(parts[2]), []byte(signature([]byte(secret), signed))) || valid
	}
	header, err1 := base64.RawURLEncoding.DecodeString(parts[0])
	payload, err2 := base64.RawURLEncoding.DecodeString(parts[1])
	var head struct {
		Algorithm string          `json:"alg"`
		Critical  json.RawMessage `json:"crit"` // extensions that must be understood: we know none
	}
	if !valid || err1 != nil || err2 != nil || json.Unmarshal(header, &head) != nil || head.Algorithm != "HS256" || head.Critical != nil {
		return nil, false
	}
	return payload, true
}

// current says whether exp lies ahead, and no further than it may.
func current(exp float64, now time.Time) bool {
	return !now.IsZero() && !math.IsNaN(exp) &&
		exp > seconds(now) && exp <= seconds(now.Add(maxStatementTTL+clockSkew))
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
