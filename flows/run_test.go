package flows

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"usher/connectors"
)

// anyRun makes runs as turns can leave them.
func anyRun(depth int) *rapid.Generator[*Run] {
	return rapid.Custom(func(t *rapid.T) *Run {
		r := &Run{
			Flow:    rapid.StringMatching(`[a-z][a-z0-9_-]{0,20}`).Draw(t, "flow"),
			Version: rapid.IntRange(0, 1e6).Draw(t, "version"),
			step:    rapid.IntRange(0, maxFlowSteps).Draw(t, "step"),
			tries:   rapid.IntRange(0, maxAttempts).Draw(t, "tries"),
			field:   rapid.IntRange(0, maxFormFields).Draw(t, "field"),
			done:    rapid.Uint64().Draw(t, "done"),
		}
		if depth == 3 { // the outermost
			r.thread = thread{ID: rapid.Int64Range(0, 1<<62).Draw(t, "id"), Visit: rapid.IntRange(0, 1e6).Draw(t, "visit"),
				heard: rapid.Int64Range(0, 1<<62).Draw(t, "heard"), alone: rapid.IntRange(0, 100).Draw(t, "alone")}
		}
		for range rapid.IntRange(0, 3).Draw(t, "offered") {
			r.offered = append(r.offered, connectors.Button{Title: rapid.String().Draw(t, "title"), Value: rapid.String().Draw(t, "value")})
		}
		for range rapid.IntRange(0, 6).Draw(t, "vars") {
			r.vars = append(r.vars, rapid.OneOf(
				rapid.Just[any](nil), rapid.Just[any](true), rapid.Just[any](false),
				rapid.Map(rapid.String(), func(s string) any { return s }),
				rapid.Map(rapid.Float64Range(-1e15, 1e15), func(f float64) any { return f }),
				rapid.Map(rapid.IntRange(-1e6, 1e6), func(n int) any { return float64(n) }),
			).Draw(t, "var"))
		}
		for len(r.vars) > 0 && r.vars[len(r.vars)-1] == nil {
			r.vars = r.vars[:len(r.vars)-1]
		}
		if len(r.vars) == 0 {
			r.vars = nil
		}
		if depth > 0 && rapid.Bool().Draw(t, "parent") {
			r.parent = anyRun(depth-1).Draw(t, "parent run")
		}
		return r
	})
}

func TestRunRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := anyRun(3).Draw(t, "run")
		b, err := want.MarshalBinary()
		require.NoError(t, err)
		var got Run
		require.NoError(t, got.UnmarshalBinary(b))
		require.Equal(t, want, &got)
		for cut := range b {
			require.ErrorIs(t, new(Run).UnmarshalBinary(b[:cut]), ErrUnreadableRun)
		}
	})
}

func TestRunIsSmall(t *testing.T) {
	t.Parallel()
	r := &Run{Flow: "welcome", Version: 12, thread: thread{1 << 62, 3, 1<<62 + 5<<40, 1}, step: 7, tries: 1, done: 3, vars: []any{"Pricing", 20.0, true}}
	b, err := r.MarshalBinary()
	require.NoError(t, err)
	require.LessOrEqual(t, len(b), 50)
}

func TestRunTooDeep(t *testing.T) {
	t.Parallel()
	r := &Run{Flow: "a"}
	for range maxParents + 1 {
		r = &Run{Flow: "a", parent: r}
	}
	_, err := r.MarshalBinary()
	require.Error(t, err)
	require.ErrorIs(t, new(Run).UnmarshalBinary([]byte("\x02\x00\x00\x00"+strings.Repeat("\x01a\x00\x00\x00\x00\x00\x00\x00\x01", 50))), ErrUnreadableRun)
}

func FuzzRun(f *testing.F) {
	for _, r := range []*Run{{}, {Flow: "welcome", Version: 3, step: 2, vars: []any{nil, "x", 2.5, 7.0, true}, parent: &Run{Flow: "b"}}} {
		b, err := r.MarshalBinary()
		require.NoError(f, err)
		f.Add(b)
	}
	flow := mustParse(f, leadFlow)
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Run
		if err := r.UnmarshalBinary(b); err != nil {
			require.ErrorIs(t, err, ErrUnreadableRun)
			return
		}
		again, err := r.MarshalBinary()
		require.NoError(t, err)
		require.NoError(t, new(Run).UnmarshalBinary(again))
		flow.Resume(&r, testTurn(message("ada@example.com"))) // whatever it says, no panic
	})
}
