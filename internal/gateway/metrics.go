package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"usher/connectors"
	"usher/internal/outbox"
)

// metrics are counters without people: channels, destinations, outcomes.
type metrics struct {
	registry    prometheus.Registerer
	acceptedN   *prometheus.CounterVec
	refusedN    *prometheus.CounterVec
	busy        prometheus.Counter
	unavailable prometheus.Counter
	doneN       *prometheus.CounterVec
	repliesN    *prometheus.CounterVec
	deliveriesN *prometheus.CounterVec
	waitingN    *prometheus.GaugeVec
	firedN      *prometheus.CounterVec
	callsN      *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "usher", Name: name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	one := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "usher", Name: name, Help: help})
		r.MustRegister(c)
		return c
	}
	waiting := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "usher", Name: "timers_waiting",
		Help: "Runs of all nodes that wait for something outside of their conversation."}, []string{"cause"})
	r.MustRegister(waiting)
	return &metrics{
		registry:    r,
		acceptedN:   vec("events_accepted_total", "Events of webhooks that were answered 200, duplicates included.", "channel"),
		refusedN:    vec("webhooks_refused_total", "Webhooks that were not taken.", "channel", "reason"),
		busy:        one("webhooks_busy_total", "Webhooks answered 503."),
		unavailable: one("store_outages_total", "Runs put off because a store was away."),
		doneN:       vec("events_ended_total", "Events brought to their end.", "state"),
		repliesN:    vec("replies_total", "Attempts to send a reply.", "channel", "state"),
		firedN:      vec("timers_fired_total", "Runs that were told what they waited for outside of their conversation.", "cause", "outcome"),
		callsN:      vec("calls_total", "Attempts of call and bot steps to ask another service.", "cause", "outcome"),
		waitingN:    waiting,
		deliveriesN: vec("deliveries_total", "Attempts to deliver a lead.", "destination", "outcome"),
	}
}

// watch adds what is read when asked for.
func (m *metrics) watch(g *Gateway) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "usher", Name: "backlog_events", Help: "Events accepted and not yet done.",
	}, func() float64 { return float64(g.inbox.Backlog()) }))
}

func (m *metrics) refused(ch *Channel, reason string) {
	m.refusedN.WithLabelValues(ch.ID, reason).Inc()
}

func (m *metrics) accepted(ch *Channel, n int) { m.acceptedN.WithLabelValues(ch.ID).Add(float64(n)) }

func (m *metrics) done(turns []*turn) {
	for _, t := range turns {
		m.doneN.WithLabelValues(t.outcome.State.String()).Inc()
	}
}

// waiting says how many timers of each cause there are.
func (m *metrics) waiting(counts map[string]int) {
	for _, cause := range []string{connectors.CauseTimer, connectors.CauseCall, connectors.CauseBot, connectors.CauseHandover} {
		m.waitingN.WithLabelValues(cause).Set(float64(counts[cause]))
	}
}

func (m *metrics) fired(cause, outcome string) { m.firedN.WithLabelValues(cause, outcome).Inc() }

func (m *metrics) call(cause, outcome string) { m.callsN.WithLabelValues(cause, outcome).Inc() }

func (m *metrics) reply(channel string, state outbox.ReplyState) {
	m.repliesN.WithLabelValues(channel, [...]string{"pending", "sent", "failed"}[state]).Inc()
}

func (m *metrics) lead(destination, outcome string) {
	m.deliveriesN.WithLabelValues(destination, outcome).Inc()
}
