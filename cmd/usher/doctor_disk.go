package main

import (
	"errors"
	"path/filepath"
	"syscall"
)

// Free space of the disk that the embedded file is on.
const (
	diskLow   = 1 << 30
	diskEmpty = 100 << 20
)

// disk looks at what the embedded file is stored on.
func (d *doctor) disk() {
	dir, err := filepath.Abs(d.cfg.DataDir)
	if err != nil {
		d.fail("disk", "%v", err)
		return
	}
	var fs syscall.Statfs_t
	err = syscall.Statfs(dir, &fs)
	for errors.Is(err, syscall.ENOENT) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir) // it is made there
		err = syscall.Statfs(dir, &fs)
	}
	if err != nil {
		d.fail("disk", "%v", err)
		return
	}
	switch kind, where := fileSystem(int64(fs.Type)); where { //nolint:unconvert // its type differs between systems
	case onNetwork:
		d.fail("disk", "%s is on %s: the embedded database needs a local disk, or it loses data", dir, kind)
	case inMemory:
		d.warn("disk", "%s is on %s: everything is gone with the next restart of the machine", dir, kind)
	}
	switch free := uint64(fs.Bavail) * uint64(fs.Bsize); { //nolint:unconvert,gosec // as above; neither is negative
	case free < diskEmpty:
		d.fail("disk", "%d MiB are free at %s: nothing can be accepted soon", free>>20, dir)
	case free < diskLow:
		d.warn("disk", "%d MiB are free at %s", free>>20, dir)
	default:
		d.ok("disk", "%d GiB are free at %s", free>>30, dir)
	}
}

type storage int

const (
	onDisk storage = iota
	onNetwork
	inMemory
)

// fileSystem names those that an embedded database must not, or should not, be
// on: by the numbers of Linux's statfs(2).
func fileSystem(number int64) (string, storage) {
	switch uint32(number) { //nolint:gosec // the numbers have 32 bits
	case 0x6969:
		return "NFS", onNetwork
	case 0xff534d42, 0xfe534d42, 0x517b:
		return "SMB", onNetwork
	case 0x00c36400:
		return "Ceph", onNetwork
	case 0x01021994, 0x858458f6:
		return "a file system in memory", inMemory
	}
	return "", onDisk
}
