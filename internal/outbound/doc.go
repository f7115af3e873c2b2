// Package outbound is how usher calls other people's servers: one guarded and
// bounded HTTP client, and one way to say what a failed call means. It knows no
// platform and no CRM.
//
// Whoever calls builds a request with a context, sends it with Do (or hc.Do and
// Check), and returns the *Error as it is.
package outbound
