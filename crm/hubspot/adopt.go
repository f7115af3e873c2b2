package hubspot

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"usher/internal/outbound"
)

// adopt resolves a conflict: a unique value of the lead is held by a contact
// that the key did not find.
func (c *connector) adopt(ctx context.Context, l lead, why problem, conflict *outbound.Error) {
	conflict.Class = outbound.Permanent // unless the following finds a way
	holder, found, err := c.holder(ctx, l, why)
	switch {
	case err != nil:
		c.fail([]lead{l}, err)
	case !found, holder.value(c.fields.key) == l.key:
		// Two parallel pushes of one key can both miss; by now the key is there.
		c.again(ctx, l, conflict)
	default:
		c.claim(ctx, l, holder, conflict)
	}
}

// holder finds the contact with the lead's e-mail, primary or not. The id in
// the conflict's text is the second choice: a text may change.
func (c *connector) holder(ctx context.Context, l lead, why problem) (record, bool, error) {
	if email := l.properties[c.fields.property("email")]; email != "" {
		r, found, err := c.find(ctx, email, "email")
		if found || err != nil {
			return r, found, err
		}
	}
	if id := why.existingID(); id != "" {
		return c.find(ctx, id, "")
	}
	return record{}, false, nil
}

// find reads one contact by its id or by a unique property.
func (c *connector) find(ctx context.Context, value, property string) (record, bool, error) {
	query := url.Values{"properties": {strings.Join(c.fields.names, ",")}}
	if property != "" {
		query.Set("idProperty", property)
	}
	var r record
	err := c.get(ctx, c.objects+"/"+url.PathEscape(value), query, &r)
	var failed *outbound.Error
	switch {
	case errors.As(err, &failed) && failed.Status == http.StatusNotFound:
		return record{}, false, nil
	case err != nil:
		return record{}, false, err
	case r.ID == "" || len(r.ID) > maxID:
		return record{}, false, outbound.Unreadable(http.StatusOK, errors.New("contact without a usable id"))
	}
	return r, true, nil
}

// claim gives the found contact our key and whatever it lacks; what people at
// the business wrote there stays.
func (c *connector) claim(ctx context.Context, l lead, holder record, conflict *outbound.Error) {
	properties := map[string]string{c.fields.key: l.key}
	for name, value := range l.properties {
		if value != "" && holder.value(name) == "" {
			properties[name] = value
		}
	}
	patch := struct {
		Properties map[string]string `json:"properties"`
	}{properties}
	answer, why, err := c.call(ctx, http.MethodPatch, c.objects+"/"+url.PathEscape(holder.ID), nil, patch)
	var failed *outbound.Error
	switch {
	case err == nil:
		c.done(l, holder, answer.Status)
	case errors.As(err, &failed) && (failed.Status == http.StatusConflict || why.taken()):
		c.writeRest(ctx, l, holder, conflict)
	default:
		c.fail([]lead{l}, err)
	}
}

// writeRest is for a lead that has a contact of its own while its e-mail is
// another's. Only people can tell whether the two are one person, so everything
// but the e-mail is written and the operator told.
func (c *connector) writeRest(ctx context.Context, l lead, holder record, conflict *outbound.Error) {
	_, found, err := c.find(ctx, l.key, c.fields.key)
	if err != nil {
		c.fail([]lead{l}, err)
		return
	}
	if !found {
		c.fail([]lead{l}, conflict)
		return
	}
	delete(l.properties, c.fields.property("email"))
	c.again(ctx, l, conflict)
	if l.receipt.Err == nil {
		l.receipt.Status = conflict.Status
		l.receipt.Err = &outbound.Error{Class: outbound.Permanent, Status: conflict.Status, Code: categoryConflict,
			Text: "the e-mail belongs to contact " + holder.ID + "; everything else was written to contact " +
				l.receipt.RemoteID + ": merge the two in HubSpot, then replay"}
	}
}

// again repeats the upsert once; a second conflict is final.
func (c *connector) again(ctx context.Context, l lead, conflict *outbound.Error) {
	answer, why, err := c.call(ctx, http.MethodPost, c.objects+"/batch/upsert", nil, c.fields.inputs([]lead{l}))
	if err != nil {
		var failed *outbound.Error
		if errors.As(err, &failed) && (failed.Status == http.StatusConflict || why.taken()) {
			err = conflict
		}
		c.fail([]lead{l}, err)
		return
	}
	reply, err := readBatch(answer.Body)
	if err != nil {
		c.fail([]lead{l}, outbound.Unreadable(answer.Status, err))
		return
	}
	one := []lead{l}
	if r, ok := c.resultOf(l, one, reply); ok {
		c.done(l, r, answer.Status)
	} else if why, ok := problemOf(l, one, reply); ok {
		c.fail(one, c.failure(why, answer.Status))
	} else {
		c.fail(one, outbound.Unreadable(answer.Status, errors.New("no result for the contact")))
	}
}
