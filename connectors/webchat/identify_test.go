package webchat

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
)

const secret = "usher-test-secret"

// statement signs header and claims as a JWT library would.
func statement(header, claims, key string, algorithm func() hash.Hash) string {
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	mac := hmac.New(algorithm, []byte(key))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	const hs256 = `{"alg":"HS256","typ":"JWT"}`
	c := setup(t, config.Settings{"identity_secret": []any{"older-secret", secret}})
	in := func(d time.Duration) int64 { return now.Add(d).Unix() }
	claims := func(exp int64) string { return fmt.Sprintf(`{"sub":"C-77","exp":%d}`, exp) }
	full := fmt.Sprintf(`{"sub":" C-77 ","exp":%d,"name":"Ada Lovelace","email":"Ada@Example.com","phone":"07700 900123"}`, in(time.Hour))

	event, err := c.Identify(statement(hs256, full, secret, sha256.New), now)
	require.NoError(t, err)
	require.Equal(t, connectors.Event{
		Kind: connectors.KindCapture, Verified: true, CustomerID: "C-77", Name: "Ada Lovelace",
		Email: "ada@example.com", Phone: "+447700900123", Timestamp: now,
	}, event)

	for name, good := range map[string]string{
		"only an id":     statement(hs256, claims(in(time.Minute)), secret, sha256.New),
		"a whole day":    statement(hs256, claims(in(24*time.Hour)), secret, sha256.New),
		"rotated secret": statement(hs256, claims(in(time.Minute)), "older-secret", sha256.New),
		"no typ":         statement(`{"alg":"HS256"}`, claims(in(time.Minute)), secret, sha256.New),
	} {
		event, err := c.Identify(good, now)
		require.NoError(t, err, name)
		require.Equal(t, "C-77", event.CustomerID, name)
	}

	valid := statement(hs256, claims(in(time.Minute)), secret, sha256.New)
	unsigned := valid[:strings.LastIndexByte(valid, '.')+1]
	for name, bad := range map[string]string{
		"empty":            "",
		"no JWT":           "a.b",
		"four parts":       valid + ".x",
		"no signature":     unsigned,
		"cut":              valid[:len(valid)-1],
		"padded":           valid + "=",
		"other secret":     statement(hs256, claims(in(time.Minute)), "guess", sha256.New),
		"empty secret":     statement(hs256, claims(in(time.Minute)), "", sha256.New),
		"alg none":         base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(valid, ".")[1] + ".",
		"alg none, signed": statement(`{"alg":"none"}`, claims(in(time.Minute)), secret, sha256.New),
		"alg HS512":        statement(`{"alg":"HS512"}`, claims(in(time.Minute)), secret, sha512.New),
		"alg RS256":        statement(`{"alg":"RS256"}`, claims(in(time.Minute)), secret, sha256.New),
		"alg hs256":        statement(`{"alg":"hs256"}`, claims(in(time.Minute)), secret, sha256.New),
		"no alg":           statement(`{}`, claims(in(time.Minute)), secret, sha256.New),
		"header no object": statement(`"HS256"`, claims(in(time.Minute)), secret, sha256.New),
		"crit":             statement(`{"alg":"HS256","crit":["b64"],"b64":false}`, claims(in(time.Minute)), secret, sha256.New),
		"no exp":           statement(hs256, `{"sub":"C-77"}`, secret, sha256.New),
		"null exp":         statement(hs256, `{"sub":"C-77","exp":null}`, secret, sha256.New),
		"exp a text":       statement(hs256, `{"sub":"C-77","exp":"9999999999"}`, secret, sha256.New),
		"exp past":         statement(hs256, claims(in(-time.Second)), secret, sha256.New),
		"exp now":          statement(hs256, claims(in(0)), secret, sha256.New),
		"exp in 25 h":      statement(hs256, claims(in(25*time.Hour)), secret, sha256.New),
		"exp huge":         statement(hs256, `{"sub":"C-77","exp":1e300}`, secret, sha256.New),
		"not yet":          statement(hs256, fmt.Sprintf(`{"sub":"C-77","exp":%d,"nbf":%d}`, in(time.Hour), in(time.Hour)), secret, sha256.New),
		"sub a number":     statement(hs256, fmt.Sprintf(`{"sub":77,"exp":%d}`, in(time.Minute)), secret, sha256.New),
		"too long":         statement(hs256, fmt.Sprintf(`{"sub":"C-77","exp":%d,"x":%q}`, in(time.Minute), strings.Repeat("x", maxStatement)), secret, sha256.New),
	} {
		_, err := c.Identify(bad, now)
		require.Equal(t, connectors.ErrUnverified, err, name)
	}
	_, err = c.Identify(valid, time.Time{})
	require.ErrorIs(t, err, connectors.ErrUnverified, "no clock")
	_, err = setup(t, nil).Identify(valid, now)
	require.ErrorIs(t, err, connectors.ErrUnverified, "no secret is configured")

	for field, bad := range map[string]string{
		"sub":   fmt.Sprintf(`{"sub":" ","exp":%d}`, in(time.Minute)),
		"email": fmt.Sprintf(`{"sub":"C-77","exp":%d,"email":"nobody"}`, in(time.Minute)),
		"phone": fmt.Sprintf(`{"sub":"C-77","exp":%d,"phone":"12"}`, in(time.Minute)),
		"name":  fmt.Sprintf(`{"sub":"C-77","exp":%d,"name":%q}`, in(time.Minute), strings.Repeat("a", 201)),
	} {
		_, err := c.Identify(statement(hs256, bad, secret, sha256.New), now)
		var fault *connectors.FieldError
		require.ErrorAs(t, err, &fault, field)
		require.Equal(t, field, fault.Field)
	}
}

func FuzzIdentify(f *testing.F) {
	c := setup(f, config.Settings{"identity_secret": secret})
	valid := statement(`{"alg":"HS256"}`, fmt.Sprintf(`{"sub":"C-77","exp":%d}`, now.Add(time.Hour).Unix()), secret, sha256.New)
	f.Add(valid)
	f.Add("..")
	f.Add(strings.Replace(valid, ".", ".A", 1))
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := c.Identify(s, now); err == nil {
			require.Equal(t, valid, s)
		}
	})
}
