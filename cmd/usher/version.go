package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker (-X main.version=v1.2.3) where the build has no
// repository to read it from.
var version string

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), buildInfo())
			return err
		},
	}
}

// buildInfo is one line: version, commit if it is known, Go and platform.
func buildInfo() string {
	v, commit := version, ""
	if info, ok := debug.ReadBuildInfo(); ok {
		v = cmp.Or(v, info.Main.Version)
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = "commit " + s.Value[:min(12, len(s.Value))] + ", "
			case s.Key == "vcs.modified" && s.Value == "true":
				commit += "modified, "
			}
		}
	}
	return fmt.Sprintf("usher %s (%s%s %s/%s)", cmp.Or(v, "(devel)"), commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
