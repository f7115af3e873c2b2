package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// appSecret signs the webhooks; the servers under test are configured with it.
	appSecret = "bench-app-secret"
	// bodySize is what Meta's text message of one line has.
	bodySize = 528
	// firstSender is where the invented numbers begin; all have the length of a
	// British mobile number.
	firstSender = 447400000000
	// dueMark precedes the microsecond at which a webhook was due, in its text:
	// whoever receives the text can tell how long it took.
	dueMark = "due="
)

// maker makes the requests of one connection; the next overwrites the last.
type maker interface {
	next(due time.Time) []byte
}

// sequence numbers all webhooks of a run, so that no two are alike.
type sequence struct{ n atomic.Int64 }

// webhooks describes signed WhatsApp text messages, each with an id of its own.
type webhooks struct {
	seq     *sequence
	senders int64  // people who write in turn; 0: each message is a new person's
	host    string // of the Host header
	path    string
}

const bodyTemplate = `{"object":"whatsapp_business_account","entry":[{"id":"200345678901234","changes":[{"value":{` +
	`"messaging_product":"whatsapp","metadata":{"display_phone_number":"12025550199","phone_number_id":"109871234560001"},` +
	`"contacts":[{"profile":{"name":"Marisol Vance"},"wa_id":"SENDERSENDER"}],"messages":[{"from":"SENDERSENDER",` +
	`"id":"wamid.HBgLMTIwMjU1NTAxNDMVAgASGBQSEQUENCENUMBER==","timestamp":"TIMESTAMPS","text":{"body":"due=MICROSECONDSDUE0, is it in stock?PAD"},` +
	`"type":"text"}]},"field":"messages"}]}]}`

// webhook is one request, ready but for what changes from message to message.
type webhook struct {
	webhooks
	request   []byte
	body      []byte // the end of request
	signature []byte // and the other parts that change, within request
	senderAt  [2][]byte
	id, stamp []byte
	due       []byte
	mac       hash.Hash
	sum       []byte
}

func (w webhooks) maker() maker {
	body := strings.Replace(bodyTemplate, "PAD", strings.Repeat(".", bodySize-len(bodyTemplate)+len("PAD")), 1)
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: facebookexternalua\r\nAccept: */*\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\nX-Hub-Signature-256: sha256=%s\r\n\r\n",
		w.path, w.host, len(body), strings.Repeat("0", 2*sha256.Size))
	m := &webhook{webhooks: w, request: []byte(head + body), mac: hmac.New(sha256.New, []byte(appSecret))}
	m.body = m.request[len(head):]
	m.signature = m.request[len(head)-4-2*sha256.Size : len(head)-4]
	part := func(name string, last bool) []byte {
		at := strings.Index(body, name)
		if last {
			at = strings.LastIndex(body, name)
		}
		return m.body[at : at+len(name)]
	}
	m.senderAt = [2][]byte{part("SENDERSENDER", false), part("SENDERSENDER", true)}
	m.id, m.stamp, m.due = part("SEQUENCENUMBER", false), part("TIMESTAMPS", false), part("MICROSECONDSDUE0", false)
	return m
}

func (m *webhook) next(due time.Time) []byte {
	n := m.seq.n.Add(1)
	sender := firstSender + n
	if m.senders > 0 {
		sender = firstSender + n%m.senders
	}
	for _, at := range m.senderAt {
		digits(at, sender)
	}
	digits(m.id, n)
	digits(m.stamp, due.Unix())
	digits(m.due, due.UnixMicro())
	m.mac.Reset()
	m.mac.Write(m.body)
	m.sum = m.mac.Sum(m.sum[:0])
	hex.Encode(m.signature, m.sum)
	return m.request
}

// digits writes n into all of b, with leading zeros.
func digits(b []byte, n int64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
}

// sender is the n-th person, as the platform names them.
func sender(n int64) string { return strconv.FormatInt(firstSender+n, 10) }

// lookups asks what is known of one person after the other.
type lookups struct {
	seq     *sequence
	senders int64
	host    string
	key     string
	buf     []byte
}

func (l *lookups) next(time.Time) []byte {
	l.buf = fmt.Appendf(l.buf[:0], "GET /v1/known?channel=%s&external_id=%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n",
		whatsappChannel, sender(l.seq.n.Add(1)%l.senders), l.host, l.key)
	return l.buf
}

// turns posts the first message of one bot conversation after the other, with
// eight values to keep.
type turns struct {
	seq  *sequence
	host string
	key  string
	buf  []byte
}

func (t *turns) next(time.Time) []byte {
	n := t.seq.n.Add(1)
	body := fmt.Sprintf(`{"session":"s-%d","message_id":"m-%d","kind":"message","text":"Hello","user":{"id":"u-%d"},"parameters":{`+
		`"first_name":"Ada","last_name":"Lovelace","company":"Analytical Engines","country":"GB","language":"en","company_size":%d,"plan":"gold","city":"London"}}`,
		n, n, n, n%1000)
	t.buf = fmt.Appendf(t.buf[:0], "POST /hooks/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		botChannel, t.host, t.key, len(body), body)
	return t.buf
}
