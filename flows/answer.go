package flows

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"

	"usher/connectors"
)

// parseAnswer reads JSON; numbers stay as they are written.
func parseAnswer(answer []byte) (any, error) {
	if err := connectors.CheckJSON(answer); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(answer))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, errors.New("more than one value")
	}
	return doc, nil
}

// parsePointer reads a JSON pointer (RFC 6901).
func parsePointer(source string, ok bool) ([]string, bool) {
	if !ok || source != "" && source[0] != '/' {
		return nil, false
	}
	parts := strings.Split(source, "/")[1:]
	for i, part := range parts {
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
	}
	return parts, true
}

// lookUp follows a JSON pointer; nil where it leads nowhere.
func lookUp(doc any, pointer []string) any {
	for _, part := range pointer {
		switch at := doc.(type) {
		case map[string]any:
			doc = at[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(at) || part != strconv.Itoa(i) {
				return nil
			}
			doc = at[i]
		default:
			return nil
		}
	}
	return doc
}

// single is a value that is one text, number or truth value; of others nil. A
// number that would lose digits is kept as a text.
func single(v any) any {
	switch v := v.(type) {
	case string:
		return cut(strings.ReplaceAll(v, "\x00", ""), maxVariable)
	case bool:
		return v
	case json.Number:
		f, err := v.Float64()
		if err != nil || math.Abs(f) > 1<<53 {
			return cut(v.String(), maxVariable)
		}
		return f
	default:
		return nil
	}
}
