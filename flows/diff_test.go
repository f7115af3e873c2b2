package flows

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	from := "id: a\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\neleven\n"
	to := "id: a\none\n2\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\neleven\ntwelve\n"
	require.Equal(t, `--- v1
+++ v2
@@ -1,6 +1,6 @@
 id: a
 one
-two
+2
 three
 four
 five
@@ -10,3 +10,4 @@
 nine
 ten
 eleven
+twelve
`, Diff("v1", "v2", []byte(from), []byte(to)))
	require.Empty(t, Diff("a", "b", []byte(from), []byte(from)))
	require.Equal(t, "--- a\n+++ b\n@@ -0,0 +1,1 @@\n+x\n", Diff("a", "b", nil, []byte("x")))
	require.Equal(t, "--- a\n+++ b\n@@ -1,1 +0,0 @@\n-x\n", Diff("a", "b", []byte("x\n"), nil))
	long := strings.Repeat("x\ny\n", 3000)
	diff := Diff("a", "b", []byte(long), []byte(strings.ReplaceAll(long, "x", "z")))
	require.Equal(t, 5999, strings.Count(diff, "\n-"), "too much to compare: rewritten")
}

// Whatever differs: taking the lines that stay and go gives the one document,
// those that stay and come the other.
func TestDiffProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		document := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", ""}), 0, 30)
		from, to := document.Draw(t, "from"), document.Draw(t, "to")
		var was, is []string
		for _, e := range compare(from, to) {
			if e.mark != '+' {
				was = append(was, e.text)
			}
			if e.mark != '-' {
				is = append(is, e.text)
			}
		}
		require.Equal(t, from, append([]string{}, was...))
		require.Equal(t, to, append([]string{}, is...))
	})
}
