// Package e2e tests the real program from outside: started as a process on
// either back end, killed, cut off from its stores, lied to. It holds tests
// only.
package e2e
