package nudge

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxPending is how many topics may wait to be sent; with Redis away, more
	// are dropped.
	maxPending = 4096
	// perMessage topics share a message: some kilobytes.
	perMessage = 128
	// maxTopic bounds what other nodes get; longer topics stay local.
	maxTopic = 256
	// sendTime is how long a message may take before it is dropped.
	sendTime = 2 * time.Second
)

// Redis is a Bus between all nodes that share a Redis and a prefix: one pub/sub
// channel, <prefix>nudge, on a Cluster a sharded one. Nudges within the process
// do not go through Redis and need no Run.
type Redis struct {
	local   Local
	client  redis.UniversalClient
	channel string
	sharded bool
	node    string // tells our own messages, which everybody here has had

	mu      sync.Mutex
	pending map[string]struct{}
	ready   chan struct{}
}

var _ Bus = (*Redis)(nil)

// NewRedis returns a bus that reaches other nodes while Run is running. The
// caller closes client after that.
func NewRedis(client redis.UniversalClient, prefix string) *Redis {
	_, sharded := client.(*redis.ClusterClient)
	return &Redis{
		client: client, channel: prefix + "nudge", sharded: sharded, node: rand.Text(),
		pending: map[string]struct{}{}, ready: make(chan struct{}, 1),
	}
}

// Subscribe implements Bus.
func (r *Redis) Subscribe(topic string) (<-chan struct{}, func()) { return r.local.Subscribe(topic) }

// Publish implements Bus. What waits to be sent is one nudge a topic.
func (r *Redis) Publish(topic string) {
	r.local.Publish(topic)
	if len(topic) > maxTopic || strings.Contains(topic, "\n") {
		return
	}
	r.mu.Lock()
	if len(r.pending) < maxPending {
		r.pending[topic] = struct{}{}
	}
	r.mu.Unlock()
	wake(r.ready)
}

// Run exchanges nudges with the other nodes until ctx is done. While Redis is
// away it keeps trying; once it is back, everybody is nudged, for something may
// have been missed.
func (r *Redis) Run(ctx context.Context) error {
	var sender sync.WaitGroup
	sender.Go(func() { r.send(ctx) })
	r.receive(ctx)
	sender.Wait()
	return nil
}

func (r *Redis) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.ready:
		}
		for _, message := range r.messages() {
			limited, cancel := context.WithTimeout(ctx, sendTime)
			if r.sharded {
				r.client.SPublish(limited, r.channel, message)
			} else {
				r.client.Publish(limited, r.channel, message)
			}
			cancel() // an error loses nudges, which is allowed
		}
	}
}

// messages empties what waits: our name, then topics, a line each.
func (r *Redis) messages() []string {
	r.mu.Lock()
	topics := r.pending
	r.pending = make(map[string]struct{})
	r.mu.Unlock()
	var messages []string
	lines := []string{r.node}
	for topic := range topics {
		if lines = append(lines, topic); len(lines) > perMessage {
			messages = append(messages, strings.Join(lines, "\n"))
			lines = []string{r.node}
		}
	}
	if len(lines) > 1 {
		messages = append(messages, strings.Join(lines, "\n"))
	}
	return messages
}

// receive takes messages until ctx is done. The subscription reconnects by
// itself, with a pause between attempts.
func (r *Redis) receive(ctx context.Context) {
	subscribe := r.client.Subscribe
	if r.sharded {
		subscribe = r.client.SSubscribe
	}
	subscription := subscribe(ctx, r.channel)
	defer func() { _ = subscription.Close() }()
	incoming := subscription.ChannelWithSubscriptions(redis.WithChannelSize(maxPending))
	for {
		select {
		case <-ctx.Done():
			return
		case message, open := <-incoming:
			if !open {
				return
			}
			switch message := message.(type) {
			case *redis.Subscription:
				r.local.PublishAll()
			case *redis.Message:
				r.deliver(message.Payload)
			}
		}
	}
}

func (r *Redis) deliver(message string) {
	node, topics, _ := strings.Cut(message, "\n")
	if node == r.node {
		return
	}
	for topic := range strings.SplitSeq(topics, "\n") {
		r.local.Publish(topic)
	}
}
