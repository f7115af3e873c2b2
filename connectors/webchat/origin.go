package webchat

import (
	"fmt"
	"net/url"
	"strings"

	"usher/connectors"
)

// origins are the pages that may use a channel; none allows all.
type origins []origin

type origin struct {
	scheme string
	host   string // with port, lower case; without the asterisk of a wildcard
	// below: any host that ends in host, which begins with a dot.
	below bool
}

func parseOrigins(list []string) (origins, error) {
	var all origins
	for _, text := range list {
		u, err := url.Parse(strings.ToLower(strings.TrimSuffix(text, "/")))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" ||
			u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return nil, fmt.Errorf("origins: want https://example.com or https://*.example.com, not %q", text)
		}
		o := origin{scheme: u.Scheme, host: u.Host}
		if o.host, o.below = strings.CutPrefix(u.Host, "*"); o.below && !strings.HasPrefix(o.host, ".") || strings.Contains(o.host, "*") {
			return nil, fmt.Errorf("origins: an asterisk stands for whole names before a dot, not %q", text)
		}
		all = append(all, o)
	}
	return all, nil
}

func (list origins) allow(scheme, host string) bool {
	for _, o := range list {
		if o.scheme == scheme && (o.host == host || o.below && strings.HasSuffix(host, o.host)) {
			return true
		}
	}
	return false
}

// Origin allows usher's own pages, those of the list, and all if there is no
// list. A request without Origin comes from no foreign page: browsers send it
// with every POST and every request across origins.
func (c *channel) Origin(r *connectors.Request) (allow string, ok bool) {
	sent := r.Header.Get("Origin")
	switch {
	case len(c.origins) == 0:
		return "*", true
	case sent == "":
		return "", true
	}
	u, err := url.Parse(strings.ToLower(sent))
	if err != nil || u.Host == "" {
		return "", false
	}
	own, err := url.Parse(strings.ToLower(r.URL))
	if err == nil && own.Host == u.Host || c.origins.allow(u.Scheme, u.Host) {
		return sent, true
	}
	return "", false
}
