package connectortest

import (
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

// checkSilence: no error and no way of printing the connector tells a secret or
// the signature that was expected.
func (c Case) checkSilence(t *testing.T, connector connectors.Connector, f Fixture) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		silent(t, fmt.Sprintf(verb, connector))
	}
	r := f.Copy()
	if c.Proof != "" && f.Expect.Signature == "valid" && c.SignsBody {
		if proof := c.proof(r); proof != "" {
			c.setProof(r, eachPart(proof, func(s string) string { return "x" + s }))
			err := connector.Verify(r)
			require.Error(t, err)
			require.NotContains(t, err.Error(), proof, "tells the right signature")
		}
	}
	r.Header = nil
	if err := connector.Verify(r); err != nil {
		silent(t, err.Error())
	}
	r.Body = []byte("{" + Secret)
	if _, err := connector.Parse(r); err != nil {
		silent(t, err.Error())
	}
	if challenger, ok := connector.(connectors.Challenger); ok {
		if response, ok := challenger.Challenge(f.Copy()); ok {
			silent(t, string(response.Body))
		}
	}
}

// checkSettings: a setting that does not exist and one of the wrong type are
// errors that name it, and no error shows a secret.
func (c Case) checkSettings(t *testing.T) {
	t.Helper()
	settings := c.settings(Fixture{})
	unknown := maps.Clone(settings)
	unknown["no_such_setting"] = Secret
	_, err := c.Factory(c.setup(unknown))
	require.ErrorContains(t, err, "no_such_setting")
	silent(t, err.Error())
	for name := range settings {
		wrong := maps.Clone(settings)
		wrong[name] = map[string]any{"is": []any{Secret, 1, map[string]any{}}}
		_, err := c.Factory(c.setup(wrong))
		if _, object := settings[name].(map[string]any); !object {
			require.ErrorContains(t, err, name, "a setting of the wrong type is named")
		}
		if err != nil {
			silent(t, err.Error())
		}
		delete(wrong, name)
		if _, err = c.Factory(c.setup(wrong)); err != nil {
			require.ErrorContains(t, err, name, "a setting that is missing is named")
			silent(t, err.Error())
		}
	}
}

// silent checks for the secret as it is, in hex and in base64.
func silent(t *testing.T, text string) {
	t.Helper()
	for _, form := range []string{
		Secret, fmt.Sprintf("%x", Secret), fmt.Sprintf("%d", []byte(Secret))[1:20],
		base64.StdEncoding.EncodeToString([]byte(Secret))[:20],
	} {
		require.NotContains(t, strings.ToLower(text), strings.ToLower(form), "shows the secret")
	}
}
