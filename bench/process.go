package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// startTime is how long a server may take until it answers.
	startTime = 20 * time.Second
	// stopTime is how long one may take to end before it is killed.
	stopTime = 25 * time.Second
)

// process is a server that this program has started.
type process struct {
	cmd  *exec.Cmd
	name string
	log  string // file of what it says
}

// start runs a program in a directory. It ends with ctx at the latest.
func start(ctx context.Context, dir, name string, args ...string) (*process, error) {
	p := &process{name: filepath.Base(name), log: filepath.Join(dir, filepath.Base(name)+".log")}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.CommandContext(ctx, name, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopTime
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	return p, nil
}

// stop ends the process, by force if it takes too long.
func (p *process) stop() error {
	if p == nil || p.cmd.ProcessState != nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	kill := time.AfterFunc(stopTime, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() && p.name == "usher" {
		return fmt.Errorf("%s ended with %w: %s", p.name, err, p.said())
	}
	return nil
}

// said is the end of what the process has written.
func (p *process) said() string {
	text, _ := os.ReadFile(p.log)
	return string(bytes.TrimSpace(text[max(0, len(text)-2000):]))
}

// answers waits until somebody listens on addr.
func (p *process) answers(ctx context.Context, addr string) error {
	for end := time.Now().Add(startTime); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("%s does not answer on %s: %s", p.name, addr, p.said())
}

// freeAddr is an address on which nobody listens.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// tick is the unit of CPU time in /proc: 1/100 s on every Linux.
const tick = 100

// cpuSeconds that a process has used; 0 where /proc does not say.
func cpuSeconds(pid int) float64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(raw), ") ") // the name may hold blanks
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / tick
}

// memory of a process in MB: its proportional share (PSS).
func memory(pid int) (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(raw), "\nPss:")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		return 0, errors.New("smaps_rollup without Pss")
	}
	kb, err := strconv.ParseFloat(fields[0], 64)
	return kb / 1024, err
}

// processNamed finds the one process with a command name; 0: none or several.
func processNamed(names ...string) int {
	found := 0
	comms, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, path := range comms {
		raw, err := os.ReadFile(path)
		for _, name := range names {
			if err == nil && strings.TrimSpace(string(raw)) == name {
				pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
				if found != 0 {
					return 0
				}
				found = pid
			}
		}
	}
	return found
}
