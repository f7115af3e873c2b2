package flows

// kind is one kind of step: the key that names it, how its step is read, and
// which keys it has, for editors.
type kind struct {
	key    string
	read   func(r *reader, o *object, e entry, s *step) body
	schema func(vocabulary) schema
}

// kinds lists every kind of step. A new one is a file of its own and a line
// here.
func kinds() []kind {
	return []kind{
		{"say", readSay, saySchema},
		{"ask", readAsk, askSchema},
		{"form", readForm, formSchema},
		{"route", readRoute, routeSchema},
		{"set", readSet, setSchema},
		{"push", readPush, pushSchema},
		{"run", readRun, runSchema},
		{"consent", readConsent, consentSchema},
		{"call", readCall, callSchema},
		{"wait", readWait, waitSchema},
		{"handover", readHandover, handoverSchema},
		{"bot", readBot, botSchema},
	}
}

func kindKeys() []string {
	var keys []string
	for _, k := range kinds() {
		keys = append(keys, k.key)
	}
	return keys
}

// leads is what the check of a whole flow needs to know of a step: where it can
// lead besides its go and otherwise, and whether it can wait.
type leads interface {
	// targets are further places the step leads to; always says that one of them
	// is taken in any case.
	targets() (to []*target, always bool)
}

// effects is a body that can change what conditions see, without waiting.
type changes interface{ changes() }
