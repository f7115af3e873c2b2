package flows

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// urlTemplate is the address of a service. Scheme and host are fixed; what is
// put in behind them is always percent-encoded.
type urlTemplate struct {
	host string
	text *template
}

// url reads the key url of a step that asks another service.
func (r *reader) url(o *object, into *urlTemplate) {
	into.text = &template{}
	if !o.has("url") {
		r.fault(o.at, "want a url")
		return
	}
	source, e, ok := o.text("url")
	if !ok {
		return
	}
	host, err := fixedHost(source)
	if err != nil {
		r.fault(e.at(), "url: %s", err)
		return
	}
	into.host = host
	r.compileSecret(source, e.at(), "url", &into.text)
	r.later = append(r.later, into.text.encode)
}

// fixedHost is the host of an absolute URL in which only what follows the host
// may be put in.
func fixedHost(source string) (string, error) {
	fixed, rest, templated := strings.Cut(source, "{{")
	u, err := url.Parse(strings.TrimSpace(fixed))
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", errors.New("want an absolute address such as https://example.com/v1")
	case templated && rest != "" && strings.Count(fixed, "/") < 3 && !strings.Contains(fixed, "?"):
		return "", errors.New("the host must be written out; put values in behind it, after a /")
	}
	return u.Host, nil
}

// encode makes every value percent-encoded, once.
func (t *template) encode() {
	for i := range t.parts {
		p := &t.parts[i]
		if p.value == nil && p.filters == nil {
			continue
		}
		kept := p.filters[:0]
		for _, f := range p.filters {
			if f.name != urlFilter {
				kept = append(kept, f)
			}
		}
		last, _ := filterNamed(urlFilter)
		p.filters = append(kept, filterCall{name: urlFilter, apply: last.apply})
	}
}

// render is the address. A value that would lead to another path is refused.
func (t *urlTemplate) render(m *machine) (string, error) {
	address := strings.TrimSpace(t.text.render(m))
	u, err := url.Parse(address)
	if err != nil || u.Host != t.host {
		return "", errors.New("the url cannot be read with these values")
	}
	for segment := range strings.SplitSeq(u.Path, "/") { // decoded, as some servers do before they look for ..
		if t.text.parts != nil && (segment == "." || segment == "..") {
			return "", errors.New("a value in the url must not be . or ..")
		}
	}
	return address, nil
}

var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")

// headers reads the headers of a request, but those that belong to the transport.
func (r *reader) headers(o *object, into *[]header) {
	e, ok := o.take("headers")
	if !ok {
		return
	}
	all, ok := r.object(e.value, e.at(), "headers")
	if !ok {
		return
	}
	*into = make([]header, len(all.entries))
	for i, item := range all.entries {
		name := http.CanonicalHeaderKey(item.key.Value)
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Te", "Trailer":
			r.fault(item.at(), "headers: %s cannot be set", name)
		}
		if !headerName.MatchString(name) {
			r.fault(item.at(), "headers: %q is no name of a header", item.key.Value)
		}
		source, ok := scalar(item.value)
		if !ok {
			r.fault(item.at(), "headers: %s: want a text", name)
		}
		(*into)[i].name = name
		r.compileSecret(source, item.at(), "headers", &(*into)[i].value)
	}
}

func (m *machine) headers(templates []header) map[string]string {
	headers := make(map[string]string, len(templates)+3)
	for _, h := range templates {
		headers[h.name] = oneLine(h.value.render(m))
	}
	return headers
}

// oneLine is a text that can be a header.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, s))
}

// header sets what the flow's author has not.
func (r *Request) header(name, value string) {
	if _, ok := r.Headers[name]; !ok {
		r.Headers[name] = value
	}
}

// visitKey names what is sent in this visit of the run, however often.
func (m *machine) visitKey() string {
	return strconv.FormatInt(m.run.ID, 10) + "-" + strconv.Itoa(m.run.Visit)
}
