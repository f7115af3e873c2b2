package config

import (
	"fmt"
	"maps"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"
	_ "time/tzdata" // zones are checked, and used, on machines that have none

	"golang.org/x/text/language"

	"usher/internal/hours"
)

// bodyLimitMost bounds the body limit: bodies are held in memory.
const bodyLimitMost = 64 << 20

// check notes everything that is wrong with the values.
func (l *loader) check(c *Config) {
	l.checkListen("listen", c.Listen, true)
	l.checkListen("listen_ops", c.ListenOps, false)
	l.checkURL("public_url", c.PublicURL)
	l.must("data_dir", c.DataDir)
	l.checkStores(c)

	ids := map[string]bool{}
	l.checkBusiness("business", c.Business, ids)
	for i, b := range c.Businesses {
		l.checkBusiness(index("businesses", i), b, ids)
	}
	l.checkHours("hours", c.Hours)
	l.positive("guests.ttl", c.Guests.TTL)
	l.positive("guests.ttl_without_consent", c.Guests.TTLWithoutConsent)
	l.positive("inbox.retention", c.Inbox.Retention)
	if c.Inbox.MaxBacklog < 1 {
		l.add("inbox.max_backlog", "want at least 1")
	}
	if c.BodyLimit < 1 || c.BodyLimit > bodyLimitMost {
		l.add("body_limit", "want a size up to 64MiB")
	}
	l.checkMail(c.Mail)
	for i, entry := range c.Outbound.AllowPrivateNetworks {
		_, notAddr := netip.ParseAddr(entry)
		_, notPrefix := netip.ParsePrefix(entry)
		if notAddr != nil && notPrefix != nil && !hostName().MatchString(entry) {
			l.add(index("outbound.allow_private_networks", i), "want a network, an address or a host name")
		}
	}
	l.oneOf("log.format", c.Log.Format, "auto", "text", "json")
	l.checkItems(c, ids)
}

func (l *loader) checkStores(c *Config) {
	if c.Database != "sqlite" {
		if _, err := c.Database.MySQL(); err != nil {
			l.add("database", "%v", err)
		} else if c.Redis == "" && !l.spoilt("redis") {
			l.add("redis", "needed beside a MySQL database, as redis://host:6379/0")
		}
	}
	if c.Redis != "" {
		if _, err := c.Redis.Server(); err != nil {
			l.add("redis", "%v", err)
		}
	}
}

func (l *loader) checkBusiness(path string, b Business, ids map[string]bool) {
	l.unique(path+".id", b.ID, ids)
	if b.ID != "" && !plainID().MatchString(b.ID) {
		l.add(path+".id", "want lower-case letters, digits, - and _, up to 64")
	}
	if region, err := language.ParseRegion(b.Country); err != nil || !region.IsCountry() || len(b.Country) != 2 {
		l.add(path+".country", "want an ISO 3166 country code, as GB")
	} else if now := region.Canonicalize().String(); now != b.Country {
		l.add(path+".country", "no ISO 3166 country code; is it %s?", now)
	}
	if _, err := time.LoadLocation(b.Timezone); err != nil || b.Timezone == "" || b.Timezone == "Local" {
		l.add(path+".timezone", "want an IANA time zone, as Europe/London")
	}
	l.checkHours(path+".hours", b.Hours)
}

func (l *loader) checkHours(path string, week hours.Week) {
	faults := week.Faults()
	for _, days := range slices.Sorted(maps.Keys(faults)) {
		l.add(join(path, days), "%v", faults[days])
	}
}

func (l *loader) checkMail(m Mail) {
	if m.SMTP != "" {
		u, err := url.Parse(string(m.SMTP))
		if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" {
			l.add("mail.smtp", "want smtp://user:pass@host:587 or smtps://…")
		}
		l.must("mail.from", m.From)
	}
	if m.From != "" {
		if _, err := mail.ParseAddress(m.From); err != nil {
			l.add("mail.from", "want an e-mail address")
		}
	}
}

func (l *loader) checkListen(path, addr string, needed bool) {
	if addr == "" && !needed {
		return
	}
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		l.add(path, "want host:port, as 127.0.0.1:8080")
	}
}

func (l *loader) checkURL(path, raw string) {
	if raw == "" {
		return
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		l.add(path, "want a plain http or https address, as https://chat.example.com")
	}
}

// must notes an empty value, unless it could not even be read.
func (l *loader) must(path, text string) bool {
	if text == "" && !l.spoilt(path) {
		l.add(path, "missing")
	}
	return text != ""
}

// unique notes an empty value and one that was seen before.
func (l *loader) unique(path, id string, seen map[string]bool) {
	if l.must(path, id) && seen[id] {
		l.add(path, "%q is given twice", id)
	}
	seen[id] = true
}

func (l *loader) positive(path string, d time.Duration) {
	if d <= 0 {
		l.add(path, "want a duration above 0")
	}
}

func (l *loader) oneOf(path, text string, allowed ...string) {
	if l.must(path, text) && !slices.Contains(allowed, text) {
		l.add(path, "%q is none of %s", text, list(allowed))
	}
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// What operators may choose as names. Functions, not variables: checked once at
// start, kept nowhere.
func plainID() *regexp.Regexp   { return regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`) }
func fieldName() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`) }
func hostName() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?)*$`)
}
func itemName() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`) }
func channelID() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}/[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
}
