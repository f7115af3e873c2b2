package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"usher/examples"
)

// starter is the configuration that init writes: what usher serves without
// one, ready to edit.
//
//go:embed starter.yaml
var starter []byte

func initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a configuration, a flow and its test to start from",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			return writeStarter(cmd.OutOrStdout(), dir)
		},
	}
}

// writeStarter writes all of its files into dir, or none when one is there.
func writeStarter(out io.Writer, dir string) error {
	files := []struct {
		name string
		text []byte
	}{
		{configFile, starter},
		{filepath.Join("flows", "welcome.yaml"), examples.Welcome},
		{filepath.Join("flows", "welcome.test.yaml"), examples.WelcomeTest},
		{filepath.Join("flows", "welcome.answers.txt"), examples.WelcomeAnswers},
	}
	var there []string
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if _, err := os.Lstat(path); err == nil {
			there = append(there, path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if len(there) > 0 {
		return fmt.Errorf("nothing written: %s already there", strings.Join(there, ", "))
	}
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if err := create(path, f.text); err != nil {
			return err
		}
		fmt.Fprintln(out, "wrote", path)
	}
	_, err := io.WriteString(out, nextSteps(dir))
	return err
}

// create writes a file that does not exist yet, and its folder.
func create(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // for a container's user too
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // as above; it holds no secret
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func nextSteps(dir string) string {
	var b strings.Builder
	b.WriteString("\nNext:\n")
	if filepath.Clean(dir) != "." {
		fmt.Fprintf(&b, "  cd %s\n", dir)
	}
	b.WriteString("  usher flow test flows/welcome.test.yaml   # plays the flow's test\n" +
		"  usher flow try flows/welcome.yaml         # chats with it\n" +
		"  usher serve                               # then open http://127.0.0.1:8080\n" +
		"Edit usher.yaml and flows/welcome.yaml; `usher flow check flows/welcome.yaml` says what is wrong.\n")
	return b.String()
}
