//go:build unix

package cmd

import (
	"io"
	"os"
	"syscall"
)

// awaitable makes a read of a pipe wait as one of a socket does, instead of in a
// system call, which virtual time would take for work.
func awaitable(in io.Reader) io.Reader {
	f, ok := in.(*os.File)
	if !ok || syscall.SetNonblock(int(f.Fd()), true) != nil {
		return in
	}
	return os.NewFile(f.Fd(), f.Name())
}
