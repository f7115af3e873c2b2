package static

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := fs.ReadFile(Files, name)
	require.NoError(t, err)
	return string(raw)
}

// The pages work under script-src 'self' and style-src 'self': nothing is
// inline, and every file that they name is here.
func TestPages(t *testing.T) {
	t.Parallel()
	inline := regexp.MustCompile(`(?i)<script(>|[^>]*>[^<])|<style|\s(style|on[a-z]+)=|javascript:`)
	asked := regexp.MustCompile(`(?:src|href)="(/[^"]+)"`)
	for _, page := range []string{"index.html", "docs/index.html"} {
		html := strings.ReplaceAll(read(t, page), "&lt;script", "")
		require.Empty(t, inline.FindAllString(html, -1), page)
		for _, m := range asked.FindAllStringSubmatch(html, -1) {
			name, ok := strings.CutPrefix(m[1], "/static/")
			if !ok {
				require.Contains(t, []string{"/webchat.js", "/docs", "/openapi.json"}, m[1], page)
				continue
			}
			_, err := fs.Stat(Files, name)
			require.NoError(t, err, "%s asks for %s", page, m[1])
		}
	}
}

// Ours ask no other host and put no text into the page as HTML.
func TestScripts(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"index.html", "try.css", "try.js", "webchat.css", "webchat.js", "docs/index.html", "docs/docs.js"} {
		text := read(t, name)
		for _, host := range regexp.MustCompile(`https?://[a-z0-9.-]+`).FindAllString(text, -1) {
			require.Contains(t, []string{"http://127.0.0.1", "https://chat.example.com", "http://www.w3.org"}, host, name)
		}
		require.NotRegexp(t, `innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|@import|url\(`, text, name)
	}
}

// What a visitor of somebody's page loads is small.
func TestSize(t *testing.T) {
	t.Parallel()
	const most = 12 << 10
	size := 0
	for _, name := range []string{"webchat.js", "webchat.css"} {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(read(t, name)))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		size += b.Len()
	}
	require.Less(t, size, most)
}

// The vendored part comes with its licences and does not call home.
func TestDocs(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"docs/LICENSE", "docs/NOTICE", "docs/swagger-ui-bundle.js.LICENSE.txt", "docs/swagger-ui.css", "docs/swagger-ui-bundle.js"} {
		require.NotEmpty(t, read(t, name))
	}
	require.Contains(t, read(t, "docs/docs.js"), `validatorUrl: "none"`)
	require.NotRegexp(t, `url\(["']?(https?:)?//`, read(t, "docs/swagger-ui.css"))
}
