// Package static holds the pages that usher serves itself: the try-it page, the
// chat widget and the API docs. They are plain files without a build step, work
// under a content security policy without exceptions, and ask no other host.
package static

import "embed"

// Files are served below /static/; index.html also at /, docs/index.html at
// /docs and webchat.js at /webchat.js, which finds the hooks and its style sheet
// from where it was loaded. Other sites load webchat.js and webchat.css.
//
//go:embed index.html try.css try.js webchat.css webchat.js favicon.svg docs
var Files embed.FS
