//go:build race

package e2e

// raceDetector says whether the tests, and so the program under test, are built
// with it.
const raceDetector = true
