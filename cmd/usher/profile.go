package main

import (
	"errors"
	"os"
	"runtime"
	"runtime/pprof"

	"github.com/spf13/cobra"
)

// profiled lets a command write profiles of itself, for whoever makes usher
// faster. The flags are hidden: they are nothing to run a server with.
func profiled(cmd *cobra.Command) *cobra.Command {
	var cpu, memory string
	cmd.Flags().StringVar(&cpu, "cpuprofile", "", "write a CPU profile of the whole run to this file")
	cmd.Flags().StringVar(&memory, "memprofile", "", "write what was allocated to this file at the end")
	for _, name := range []string{"cpuprofile", "memprofile"} {
		cmd.Flags().Lookup(name).Hidden = true
	}
	work := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if cpu != "" {
			f, cerr := os.Create(cpu)
			if cerr != nil {
				return cerr
			}
			if cerr := pprof.StartCPUProfile(f); cerr != nil {
				return errors.Join(cerr, f.Close())
			}
			defer func() {
				pprof.StopCPUProfile()
				err = errors.Join(err, f.Close())
			}()
		}
		if memory != "" {
			defer func() { err = errors.Join(err, writeHeap(memory)) }()
		}
		return work(cmd, args)
	}
	return cmd
}

func writeHeap(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	runtime.GC() // what is in use is then up to date
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}
