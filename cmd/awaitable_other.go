//go:build !unix

package cmd

import "io"

func awaitable(in io.Reader) io.Reader { return in }
