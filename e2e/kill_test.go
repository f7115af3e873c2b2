package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// questions is a flow of nine questions: the first message starts it, each
// further one is the next answer, so that one message lost, doubled or out of
// order puts a wrong answer into some field.
func questions() string {
	var flow strings.Builder
	flow.WriteString("id: main\nname: Questions\nstart: {trigger: first_message}\nsteps:\n")
	for i := range 9 {
		fmt.Fprintf(&flow, "  - {id: q%d, ask: \"Question %d?\", save: a%d}\n", i+1, i+1, i+1)
	}
	flow.WriteString("  - say: \"Thanks, {{ contact.first_name }}: {{ vars.q1 }} to {{ vars.q9 }}.\"\n")
	return flow.String()
}

// people is a crowd of WhatsApp senders with ten messages each.
type people struct {
	count    int
	messages int
}

func (p people) phone(i int) string   { return fmt.Sprintf("4477009%05d", i) }
func (p people) id(i, m int) string   { return fmt.Sprintf("wamid.p%d.m%d", i, m) }
func (p people) text(i, m int) string { return fmt.Sprintf("person %d says %d", i, m) }
func (p people) body(i, m int) []byte {
	return waBody(waMessage{p.phone(i), fmt.Sprintf("Person Number%d", i), p.id(i, m), p.text(i, m)})
}

func (p people) keys() map[string]bool {
	keys := map[string]bool{}
	for i := range p.count {
		for m := range p.messages {
			keys[p.id(i, m)] = true
		}
	}
	return keys
}

// requireWhole checks what must have come of the crowd: one contact a person,
// the answers in order, one lead each.
func (p people) requireWhole(t *testing.T, a api, s *site, killed bool) {
	t.Helper()
	contacts := a.all("/v1/contacts")
	require.Len(t, contacts, p.count, "one contact a person")
	byPhone := map[string]map[string]any{}
	var ids []string
	for _, c := range contacts {
		byPhone[c["phone"].(string)] = c
		ids = append(ids, c["id"].(string))
	}
	for i := range p.count {
		c := byPhone["+"+p.phone(i)]
		require.NotNil(t, c, "person %d", i)
		require.Equal(t, fmt.Sprintf("Person Number%d", i), c["name"])
		fields := c["fields"].(map[string]any)
		var want, said []string
		for m := 1; m < p.messages; m++ {
			require.Equal(t, p.text(i, m), fields[fmt.Sprintf("a%d", m)], "answer %d of person %d", m, i)
			want = append(want, fmt.Sprintf("Question %d?", m))
		}
		want = append(want, fmt.Sprintf("Thanks, Person: %s to %s.", p.text(i, 1), p.text(i, p.messages-1)))
		until(t, time.Minute, "all replies are sent", func() bool { said = s.graph.texts(p.phone(i)); return len(said) >= len(want) })
		require.Equal(t, want, said, "replies to person %d", i)
	}
	s.receiver.requireLeads(t, ids, killed)
}

// TestKill kills usher at random moments while a crowd writes.
func TestKill(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, b *backend) {
		const kills, senders = 10, 16
		crowd := people{count: scaled(200), messages: 10}
		s := newSite(t, b, siteOptions{flow: questions()})
		s.receiver.failOf.Store(17)
		n := s.start()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()

		// Webhooks are handed out in as many portions as there are kills, and
		// one for the end.
		total := crowd.count * crowd.messages
		tokens := make(chan struct{}, total)
		var answered atomic.Int64
		var crew sync.WaitGroup
		next := make(chan int, crowd.count)
		for i := range crowd.count {
			next <- i
		}
		close(next)
		for range senders {
			crew.Go(func() {
				for i := range next {
					for m := range crowd.messages {
						select {
						case <-tokens:
						case <-ctx.Done():
							return
						}
						if !n.api().insist(ctx, crowd.body(i, m)) {
							return
						}
						answered.Add(1)
					}
				}
			})
		}
		random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
		given := 0
		for k := range kills {
			portion := total * (k + 1) / (kills + 1)
			part := portion - given
			for ; given < portion; given++ {
				tokens <- struct{}{}
			}
			if k%2 == 0 { // while webhooks come in
				enough := int64(portion - part + random.IntN(part))
				until(t, time.Minute, "some webhooks are answered", func() bool { return answered.Load() > enough })
			} else { // while conversations and deliveries are under way
				enough := s.graph.count() + random.IntN(part)
				until(t, time.Minute, "some replies are sent", func() bool { return s.graph.count() > enough })
			}
			n.kill()
			n.run()
		}
		for ; given < total; given++ {
			tokens <- struct{}{}
		}
		crew.Wait()
		require.NoError(t, ctx.Err(), "%d of %d webhooks were answered", answered.Load(), total)
		a := n.api()
		a.settled(90 * time.Second)
		a.requireAllDone(crowd.keys())
		crowd.requireWhole(t, a, s, true)
	})
}
