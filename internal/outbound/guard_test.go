package outbound

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGuardJudgesAddresses(t *testing.T) {
	t.Parallel()
	strict, err := newGuard(nil)
	require.NoError(t, err)
	listed, err := newGuard([]string{"10.1.0.0/16", "::1", "[fd00::7]", "::ffff:192.168.7.0/120", "fe80::/10"})
	require.NoError(t, err)

	for _, c := range []struct {
		name, network, address string
		guard                  *guard
		tls, ok                bool
	}{
		{"public, TLS", "tcp4", "93.184.216.34:443", strict, true, true},
		{"public, TLS, other port", "tcp4", "93.184.216.34:8443", strict, true, true},
		{"public, plain", "tcp4", "93.184.216.34:80", strict, false, false},
		{"public v6", "tcp6", "[2606:4700::1111]:443", strict, true, true},
		{"loopback", "tcp4", "127.0.0.1:443", strict, true, false},
		{"loopback, elsewhere in 127/8", "tcp4", "127.8.8.8:443", strict, true, false},
		{"loopback v6", "tcp6", "[::1]:443", strict, true, false},
		{"any", "tcp4", "0.0.0.0:443", strict, true, false},
		{"any v6", "tcp6", "[::]:443", strict, true, false},
		{"private", "tcp4", "10.1.2.3:443", strict, true, false},
		{"private 172", "tcp4", "172.16.0.1:443", strict, true, false},
		{"private 192", "tcp4", "192.168.0.1:443", strict, true, false},
		{"carrier NAT", "tcp4", "100.64.0.1:443", strict, true, false},
		{"metadata", "tcp4", "169.254.169.254:80", strict, true, false},
		{"metadata of Azure", "tcp4", "168.63.129.16:443", strict, true, false},
		{"metadata v6", "tcp6", "[fd00:ec2::254]:80", strict, true, false},
		{"link-local v6", "tcp6", "[fe80::1%eth0]:443", strict, true, false},
		{"mapped", "tcp6", "[::ffff:10.0.0.1]:443", strict, true, false},
		{"mapped loopback", "tcp6", "[::ffff:127.0.0.1]:443", strict, true, false},
		{"NAT64", "tcp6", "[64:ff9b::7f00:1]:443", strict, true, false},
		{"6to4", "tcp6", "[2002:7f00:1::]:443", strict, true, false},
		{"multicast", "tcp4", "224.0.0.1:443", strict, true, false},
		{"unreadable", "tcp4", "nonsense", strict, true, false},

		{"listed network, plain", "tcp4", "10.1.2.3:8080", listed, false, true},
		{"listed network as mapped", "tcp6", "[::ffff:10.1.2.3]:8080", listed, false, true},
		{"beside the listed network", "tcp4", "10.2.0.1:443", listed, true, false},
		{"listed address", "tcp6", "[::1]:80", listed, false, true},
		{"listed address in brackets", "tcp6", "[fd00::7]:80", listed, false, true},
		{"its neighbour", "tcp6", "[fd00::8]:80", listed, true, false},
		{"listed in mapped form", "tcp4", "192.168.7.9:80", listed, false, true},
		{"listed link-local with a zone", "tcp6", "[fe80::1%eth0]:80", listed, false, true},
		{"public stays https only", "tcp4", "93.184.216.34:80", listed, false, false},
	} {
		err := c.guard.control(c.tls)(c.network, c.address, nil)
		if c.ok {
			require.NoError(t, err, c.name)
			continue
		}
		var refused *Error
		require.ErrorAs(t, err, &refused, c.name)
		require.Equal(t, NotAllowed, refused.Class, c.name)
	}
}

func TestGuardRefusesEntriesThatNeverMatch(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"", " ", "http://crm.internal", "crm.internal:8080", "127.0.0.1:80", "*.internal", "10.0.0.0/40", ".", "a b"} {
		_, err := New(Options{AllowPrivate: []string{"10.0.0.0/8", entry}})
		require.ErrorContains(t, err, "allow_private_networks", entry)
	}
}

// The guard sits in the dial, so a name is judged by what it resolves to.
func TestGuardAtConnectTime(t *testing.T) {
	t.Parallel()
	calls := make(chan string, 16)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { calls <- r.Host }))
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	require.NoError(t, err)
	named := "http://localhost:" + at.Port()

	for _, c := range []struct {
		name, url string
		allow     []string
		ok        bool
	}{
		{"nothing listed, address", server.URL, nil, false},
		{"nothing listed, name", named, nil, false},
		{"nothing listed, TLS", "https://localhost:" + at.Port(), nil, false},
		{"other network listed", server.URL, []string{"10.0.0.0/8"}, false},
		{"other host listed", named, []string{"crm.internal"}, false},
		{"a listed name frees no address", server.URL, []string{"localhost"}, false},
		{"network listed", server.URL, []string{"127.0.0.0/8"}, true},
		{"network listed, name", named, []string{"127.0.0.0/8", "::1"}, true},
		{"host listed", named, []string{"LocalHost."}, true},
		{"other scheme", "ftp://localhost:" + at.Port(), []string{"localhost"}, false},
	} {
		hc, err := New(Options{AllowPrivate: c.allow})
		require.NoError(t, err)
		t.Cleanup(hc.CloseIdleConnections)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url, http.NoBody)
		require.NoError(t, err)
		_, err = Do(hc, req)
		if c.ok {
			require.NoError(t, err, c.name)
			require.NotEmpty(t, <-calls, c.name)
			continue
		}
		var refused *Error
		require.True(t, errors.As(err, &refused), c.name)
		require.Equal(t, NotAllowed, refused.Class, c.name)
		require.Regexp(t, "^not allowed: ", err.Error(), c.name)
		require.NotContains(t, err.Error(), at.Port(), c.name)
		require.Empty(t, calls, c.name)
	}
}
