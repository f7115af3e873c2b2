// Package nudge wakes who waits for something: goroutines of this process and,
// through Redis, those of other nodes. A nudge says "look again" and carries
// nothing. One that is lost costs the time until the next look; nobody may rely
// on one.
package nudge

import "sync"

// A Bus carries nudges by topic, a short text without line breaks. It is safe
// for concurrent use.
type Bus interface {
	// Publish nudges the subscribers of topic. It never blocks.
	Publish(topic string)
	// Subscribe gets the nudges of topic from now on. Nudges that nobody has
	// taken yet are one. Cancel ends it and may be called twice; c is never
	// closed.
	Subscribe(topic string) (c <-chan struct{}, cancel func())
}

// Local is a Bus within the process. The zero Local is ready to use.
type Local struct {
	mu     sync.RWMutex
	topics map[string]map[chan struct{}]struct{}
}

var _ Bus = (*Local)(nil)

// Publish implements Bus.
func (l *Local) Publish(topic string) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for c := range l.topics[topic] {
		wake(c)
	}
}

// PublishAll nudges everybody: something may have been missed.
func (l *Local) PublishAll() {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, subscribers := range l.topics {
		for c := range subscribers {
			wake(c)
		}
	}
}

// Subscribe implements Bus.
func (l *Local) Subscribe(topic string) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.topics == nil {
		l.topics = map[string]map[chan struct{}]struct{}{}
	}
	if l.topics[topic] == nil {
		l.topics[topic] = map[chan struct{}]struct{}{}
	}
	l.topics[topic][c] = struct{}{}
	return c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.topics[topic], c)
		if len(l.topics[topic]) == 0 {
			delete(l.topics, topic)
		}
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // there is one already
	}
}
