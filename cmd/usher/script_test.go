package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts of testdata/script run the program as its users do.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"usher": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector ends each process a second late
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"listen": freeAddress, "await": await, "post": post, "variable": variable},
	})
}

// freeAddress sets a variable to an address that nobody listens on:
//
//	listen NAME
func freeAddress(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], l.Addr().String())
	ts.Check(l.Close())
}

// await repeats a command until its output matches:
//
//	await PATTERN COMMAND [ARGS...]
func await(ts *testscript.TestScript, _ bool, args []string) {
	wanted := regexp.MustCompile("(?m)" + args[0])
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ts.Exec(args[1], args[2:]...)
		if out := ts.ReadFile("stdout"); err == nil && wanted.MatchString(out) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			ts.Fatalf("%s: no %q in\n%s%s", strings.Join(args[1:], " "), args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
		}
	}
}

// post sends a file, prints the answer to the log and wants a status:
//
//	post [key=KEY] [secret=META_APP_SECRET] STATUS URL FILE
func post(ts *testscript.TestScript, _ bool, args []string) {
	header := http.Header{"Content-Type": {"application/json"}}
	body := []byte(ts.ReadFile(args[len(args)-1]))
	for {
		if key, ok := strings.CutPrefix(args[0], "key="); ok {
			header.Set("Authorization", "Bearer "+key)
		} else if secret, ok := strings.CutPrefix(args[0], "secret="); ok {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write(body)
			header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		} else {
			break
		}
		args = args[1:]
	}
	req, err := http.NewRequest(http.MethodPost, args[1], bytes.NewReader(body))
	ts.Check(err)
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	ts.Check(err)
	ts.Logf("%s %s", res.Status, answer)
	if fmt.Sprint(res.StatusCode) != args[0] {
		ts.Fatalf("%s answers %s, not %s", args[1], res.Status, args[0])
	}
}

// variable sets a variable to what the first group of a pattern matches in a
// file:
//
//	variable NAME FILE PATTERN
func variable(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile("(?m)" + args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if len(m) < 2 {
		ts.Fatalf("%s has no %q", args[1], args[2])
	}
	ts.Setenv(args[0], m[1])
}
