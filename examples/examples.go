// Package examples holds the files that `usher init` writes and that usher runs
// with when there is no configuration.
package examples

import _ "embed"

// Welcome is the sample flow, as YAML. It uses the built-in fields and the number
// field company_size.
//
//go:embed flows/welcome.yaml
var Welcome []byte

// WelcomeAnswers is a visitor's part in a conversation with Welcome, one message
// a line, for `usher flow try --answers`.
//
//go:embed flows/welcome.answers.txt
var WelcomeAnswers []byte

// WelcomeTest is the test of Welcome, for `usher flow test`.
//
//go:embed flows/welcome.test.yaml
var WelcomeTest []byte
