package bot

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/internal/outbound"
)

// receiver is a bot that answers status and keeps what it got.
func receiver(t *testing.T, status int, text string) (url string, got chan *connectors.Request) {
	t.Helper()
	got = make(chan *connectors.Request, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- &connectors.Request{Header: r.Header, Body: body, At: time.Now()}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got
}

func TestSend(t *testing.T) {
	t.Parallel()
	message := connectors.Message{ID: "msg_7", Text: "Sorry it took so long.", Buttons: []connectors.Button{{Title: "Yes", Value: "yes"}}}
	to := connectors.Address{ExternalID: "u-7"}
	const want = `{"external_id":"u-7","message_id":"msg_7","replies":[{"text":"Sorry it took so long.","media":[],"buttons":[{"title":"Yes","value":"yes"}],"form":null}]}`

	t.Run("signed", func(t *testing.T) {
		t.Parallel()
		url, got := receiver(t, http.StatusNoContent, "")
		c := setup(t, config.Settings{"token": token, "secret": []any{whsec, "whsec_b2xkZXI="}, "callback_url": url})
		_, err := c.(connectors.Sender).Send(context.Background(), to, message)
		require.NoError(t, err)
		r := <-got
		require.JSONEq(t, want, string(r.Body))
		require.Equal(t, "msg_7", r.Header.Get(headerID))
		require.Empty(t, r.Header.Get("Authorization"))
		require.NoError(t, c.Verify(r), "the bot checks it as we check the bot")
		require.NoError(t, setup(t, config.Settings{"secret": "whsec_b2xkZXI="}).Verify(r))
	})
	t.Run("bearer", func(t *testing.T) {
		t.Parallel()
		url, got := receiver(t, http.StatusOK, "ok")
		_, err := setup(t, config.Settings{"token": token, "callback_url": url}).(connectors.Sender).Send(context.Background(), to, message)
		require.NoError(t, err)
		r := <-got
		require.Equal(t, token, r.Bearer())
		require.Empty(t, r.Header.Get(headerSignature))
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		url, _ := receiver(t, http.StatusUnauthorized, "bad token "+token)
		_, err := setup(t, config.Settings{"token": token, "callback_url": url}).(connectors.Sender).Send(context.Background(), to, message)
		var failed *outbound.Error
		require.ErrorAs(t, err, &failed)
		require.Equal(t, outbound.Auth, failed.Class)
		require.NotContains(t, err.Error(), token)
	})
	t.Run("only with a callback_url", func(t *testing.T) {
		t.Parallel()
		_, sends := setup(t, config.Settings{"token": token}).(connectors.Sender)
		require.False(t, sends)
		_, responds := setup(t, config.Settings{"callback_url": "https://bot.example.com"}).(connectors.Responder)
		require.True(t, responds)
	})
}

func TestCallbackShape(t *testing.T) {
	t.Parallel()
	var got map[string]any
	require.NoError(t, json.Unmarshal(connectors.AnswerJSON(callback{Replies: []connectors.TurnReply{complete(connectors.TurnReply{})}}).Body, &got))
	require.Equal(t, map[string]any{"external_id": "", "message_id": "", "replies": []any{map[string]any{"text": "", "media": []any{}, "buttons": []any{}, "form": nil}}}, got)
}
