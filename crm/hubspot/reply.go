package hubspot

import (
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// problem is how HubSpot explains a failure, of a call or of one input.
type problem struct {
	Message    string `json:"message"`
	Category   string `json:"category"`
	PolicyName string `json:"policyName"`
	Context    struct {
		TraceIDs []string `json:"objectWriteTraceId"`
	} `json:"context"`
	Errors []struct {
		Message string `json:"message"`
		Code    string `json:"code"`
	} `json:"errors"`
}

// record is a contact in an answer.
type record struct {
	ID         string             `json:"id"`
	TraceID    string             `json:"objectWriteTraceId"`
	URL        string             `json:"url"`
	Properties map[string]*string `json:"properties"`
}

func (r record) value(property string) string {
	if v := r.Properties[property]; v != nil {
		return *v
	}
	return ""
}

// batchReply is the answer to a batch, whole or partial.
type batchReply struct {
	Results []record  `json:"results"`
	Errors  []problem `json:"errors"`
}

// maxID bounds what is kept as a remote id; HubSpot's have some 12 digits.
const maxID = 64

// readBatch refuses what is no answer to a batch, so that a proxy's page under
// status 200 is not taken for success.
func readBatch(body []byte) (batchReply, error) {
	var reply batchReply
	if err := json.Unmarshal(body, &reply); err != nil {
		return batchReply{}, err
	}
	if reply.Results == nil && reply.Errors == nil {
		return batchReply{}, errors.New("neither results nor errors")
	}
	for _, r := range reply.Results {
		if r.ID == "" || len(r.ID) > maxID {
			return batchReply{}, errors.New("result without a usable id")
		}
	}
	return reply, nil
}

// readProblem never fails: a body that is none is an empty problem.
func readProblem(body []byte) problem {
	var p problem
	if json.Unmarshal(body, &p) != nil {
		return problem{}
	}
	return p
}

// taken says that a unique value, the key or the e-mail, is another contact's.
// Which form the answer has depends on the endpoint and is not documented.
func (p problem) taken() bool {
	if p.Category == categoryConflict || p.existingID() != "" || strings.Contains(p.Message, codeTaken) {
		return true
	}
	for _, e := range p.Errors {
		if e.Code == codeTaken || strings.Contains(e.Message, codeTaken) {
			return true
		}
	}
	return false
}

// existingID is the id that the text of a conflict names, if any.
func (p problem) existingID() string {
	if m := regexp.MustCompile(`Existing ID: (\d{1,20})\b`).FindStringSubmatch(p.Message); m != nil {
		return m[1]
	}
	return ""
}

// code is the category, unless something else stands in its place.
func (p problem) code() string {
	const longest = 64 // of HubSpot's: half of that
	if len(p.Category) > longest {
		return ""
	}
	return p.Category
}

// text is the explanation in one line.
func (p problem) text() string {
	parts := []string{p.Message}
	for _, e := range p.Errors {
		parts = append(parts, e.Message)
	}
	return strings.Join(parts, "; ")
}

// link is the address of a record's page: HubSpot's own if the answer has one,
// else built from the account's id, else empty.
func (c *connector) link(r record) string {
	if u, err := url.Parse(r.URL); err == nil && u.Scheme == "https" && strings.HasSuffix("."+u.Hostname(), ".hubspot.com") {
		return r.URL
	}
	if c.portal == "" {
		return ""
	}
	return "https://app.hubspot.com/contacts/" + url.PathEscape(c.portal) + "/record/0-1/" + url.PathEscape(r.ID)
}
