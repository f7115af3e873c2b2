package flows

import (
	"errors"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"usher/connectors"
	"usher/contacts"
)

// parseURL reads a web address, also one without its scheme, and returns it with
// one.
func parseURL(v any, _ contacts.Locale) (any, error) {
	s := strings.TrimSpace(text(v))
	if s == "" {
		return nil, contacts.ErrBlank
	}
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || !strings.Contains(strings.Trim(u.Hostname(), "."), ".") ||
		strings.ContainsAny(s, " \n\t") || len(s) > contacts.TextLimit {
		return nil, errors.New("want a web address")
	}
	return u.String(), nil
}

// parseLink reads the address of a file that is kept elsewhere: with its scheme,
// since words with a point in them are no file.
func parseLink(v any, l contacts.Locale) (any, error) {
	s := strings.TrimSpace(text(v))
	if s != "" && !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") {
		return nil, errors.New("want a file")
	}
	return parseURL(s, l)
}

// sentFile is the address of the first file that was sent, else its id.
func sentFile(e *connectors.Event) (any, bool) {
	for _, media := range e.Media {
		switch media.Type {
		case "image", "audio", "video", "file", "document", "voice", "":
		default:
			continue // a sticker or a story is said, not sent
		}
		for _, limit := range []int{contacts.TextLimit, maxVariable} { // what a field can keep first
			for _, file := range []string{media.URL, media.ID} {
				if file != "" && len(file) <= limit {
					return file, true
				}
			}
		}
	}
	return nil, false
}

// coordinates as people and links write them: 51.5074, -0.1278; 51.5° N 0.1° W;
// geo:51.5,-0.1; https://maps.example.com/@51.5,-0.1,15z.
var (
	coordinates = regexp.MustCompile(`^([+-]?\d{1,3}(?:\.\d+)?) ?°? ?([NSns]?)(?: ?[,;] ?| )([+-]?\d{1,3}(?:\.\d+)?) ?°? ?([EWew]?)$`)
	mapLink     = regexp.MustCompile(`^(?:geo:|https?://\S*?(?:[@=/]|%40))([+-]?\d{1,3}\.\d+)(?:,|%2[Cc])\+?([+-]?\d{1,3}\.\d+)(?:[,;&?/)z#%]\S*)?$`)
)

// parseLocation reads a place that was typed or linked, where the channel has no
// way to share one.
func parseLocation(v any, _ contacts.Locale) (any, error) {
	s := strings.Join(strings.Fields(strings.ReplaceAll(text(v), "\u2212", "-")), " ")
	if s == "" {
		return nil, contacts.ErrBlank
	}
	want := errors.New("want a place")
	if len(s) > contacts.TextLimit {
		return nil, want
	}
	var latitude, longitude string
	if m := coordinates.FindStringSubmatch(s); m != nil && (strings.ContainsAny(s, ",;°") || m[2]+m[4] != "") {
		latitude, longitude = signed(m[1], m[2]), signed(m[3], m[4])
	} else if m := mapLink.FindStringSubmatch(s); m != nil {
		latitude, longitude = m[1], m[2]
	}
	lat, err := strconv.ParseFloat(latitude, 64)
	if err != nil {
		return nil, want
	}
	lng, err := strconv.ParseFloat(longitude, 64)
	if err != nil {
		return nil, want
	}
	if point, ok := pointAt(lat, lng); ok {
		return point, nil
	}
	return nil, want
}

// signed puts the minus of the south and the west before a number.
func signed(degrees, side string) string {
	if strings.ContainsAny(side, "SsWw") && !strings.HasPrefix(degrees, "-") {
		return "-" + strings.TrimPrefix(degrees, "+")
	}
	return degrees
}

// pointAt is a place as it is kept: latitude,longitude in degrees.
func pointAt(latitude, longitude float64) (string, bool) {
	if !(math.Abs(latitude) <= 90 && math.Abs(longitude) <= 180) { // also what is no number
		return "", false
	}
	degrees := func(f float64) string { return strconv.FormatFloat(f+0, 'f', -1, 64) }
	return degrees(latitude) + "," + degrees(longitude), true
}

func sentLocation(e *connectors.Event) (any, bool) {
	if e.Location == nil {
		return nil, false
	}
	point, ok := pointAt(e.Location.Latitude, e.Location.Longitude)
	return point, ok
}

// sharedPhone is the number of the sender's own card: that of somebody else's is
// no answer.
func sharedPhone(e *connectors.Event) (any, bool) {
	for _, card := range e.Contacts {
		if card.Own && len(card.Phones) > 0 {
			return card.Phones[0], true
		}
	}
	return nil, false
}

func sharedEmail(e *connectors.Event) (any, bool) {
	for _, card := range e.Contacts {
		if card.Own && len(card.Emails) > 0 {
			return card.Emails[0], true
		}
	}
	return nil, false
}
