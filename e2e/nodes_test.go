package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTwoNodes lets two nodes share the work behind a load balancer that sends
// each request to the other one in turn.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	b := servers(t)
	s := newSite(t, b, siteOptions{flow: questions()})
	one, two := s.start(), s.start()
	balanced := api{t, "http://" + roundRobin(t, one, two)}
	crowd := people{count: scaled(100), messages: 10}
	post := func(from, to int, a ...api) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var crew sync.WaitGroup
		slots := make(chan struct{}, 16)
		for i := from; i < to; i++ {
			slots <- struct{}{}
			crew.Go(func() {
				defer func() { <-slots }()
				for m := range crowd.messages {
					var both sync.WaitGroup
					for _, each := range a {
						both.Go(func() { each.insist(ctx, crowd.body(i, m)) })
					}
					both.Wait()
				}
			})
		}
		crew.Wait()
		require.NoError(t, ctx.Err())
	}
	third := crowd.count / 3
	post(0, third, balanced)
	post(third, 2*third, one.api(), two.api()) // each webhook to both at once
	balanced.settled(time.Minute)
	one.kill()
	began := time.Now()
	post(2*third, crowd.count, balanced)
	// The lease of the dead node ends after five seconds; then all goes on.
	a := two.api()
	a.settled(60 * time.Second)
	t.Logf("settled %v after the kill", time.Since(began))
	a.requireAllDone(crowd.keys())
	crowd.requireWhole(t, a, s, true)
}

// TestTwoNodesBots has turns of one conversation answered by two nodes in turn,
// whichever works on the conversation.
func TestTwoNodesBots(t *testing.T) {
	t.Parallel()
	b := servers(t)
	s := newSite(t, b, siteOptions{flow: questions()})
	one, two := s.start(), s.start()
	nodes := []api{one.api(), two.api()}
	const sessions = 20
	wrong := make([]error, sessions)
	var crew sync.WaitGroup
	for i := range sessions {
		crew.Go(func() {
			for m := range 10 {
				turn := map[string]any{"session": fmt.Sprintf("s-%d", i), "message_id": fmt.Sprintf("%d-%d", i, m), "text": fmt.Sprintf("%d says %d", i, m)}
				began := time.Now()
				status, answer := nodes[(i+m)%2].bot(turn)
				if status != http.StatusOK || time.Since(began) > 4*time.Second {
					wrong[i] = fmt.Errorf("turn %d: %d %s after %v", m, status, answer, time.Since(began))
					return
				}
				var got struct {
					Replies []struct{ Text string }
					Values  map[string]any
				}
				want := fmt.Sprintf("Question %d?", m+1)
				if m == 9 {
					want = fmt.Sprintf("Thanks, : %d says 1 to %d says 9.", i, i)
				}
				if err := json.Unmarshal(answer, &got); err != nil || len(got.Replies) != 1 || got.Replies[0].Text != want {
					wrong[i] = fmt.Errorf("turn %d: want %q, got %s", m, want, answer)
					return
				}
				// The same turn, posted to the other node, has the same answer.
				status, again := nodes[(i+m+1)%2].bot(turn)
				if status != http.StatusOK || string(again) != string(answer) {
					wrong[i] = fmt.Errorf("turn %d again: %d %s, not %s", m, status, again, answer)
					return
				}
			}
		})
	}
	crew.Wait()
	for i, err := range wrong {
		require.NoError(t, err, "session %d", i)
	}
	// A node that holds a request dies: the turn is run by the other.
	a := two.api()
	a.settled(time.Minute)
	one.kill()
	a.turn(map[string]any{"session": "s-0", "message_id": "after", "text": "x"})
	until(t, 20*time.Second, "the other node runs everything", func() bool { return a.undone() == 0 })
}
