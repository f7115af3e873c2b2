package outbound

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConnect(t *testing.T) {
	t.Parallel()
	asked := func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }
	plain := httptest.NewServer(http.HandlerFunc(asked))
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(asked))
	secure.Config.ErrorLog = nil
	secure.StartTLS()
	defer secure.Close()
	free := []string{"127.0.0.0/8"}

	require.NoError(t, Connect(t.Context(), plain.URL+"/leads?token=t", free))
	for _, c := range []struct {
		address, says string
		allow         []string
		class         Class
	}{
		{plain.URL, "not allowed: 127.0.0.1 is no public address", nil, NotAllowed},
		{secure.URL, "not allowed: 127.0.0.1 is no public address", nil, NotAllowed},
		{secure.URL, "certificate", free, Retry}, // nobody vouches for it
		{"ftp://example.com", "want https://", nil, Permanent},
		{"https://", "want https://", nil, Permanent},
	} {
		err := Connect(t.Context(), c.address, c.allow)
		require.ErrorContains(t, err, c.says, c.address)
		var own *Error
		require.True(t, errors.As(err, &own))
		require.Equal(t, c.class, own.Class, c.address)
	}
	require.ErrorContains(t, Connect(t.Context(), plain.URL, []string{"http://x"}), "allow_private_networks")
}
