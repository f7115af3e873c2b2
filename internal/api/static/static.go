// Package static holds the pages that usher serves itself: the try-it page, the
// chat widget and the API docs. They are plain files without a build step, work
// under a content security policy without exceptions, and ask no other host.
package static

import "embed"

// Files are served at / under their own names; index.html is the try-it page,
// docs/index.html that of /docs. Other sites load webchat.js and webchat.css.
//
//go:embed index.html try.css try.js webchat.css webchat.js favicon.svg docs
var Files embed.FS
