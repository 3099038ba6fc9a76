package release

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A pending revision carries the name of who works on it, so that the next one
// who comes along can tell whether anybody still does.

// thisProcess is host, process and start: a process id alone may come again.
var thisProcess = sync.OnceValue(func() string {
	host, _ := os.Hostname()
	h := fnv.New32a()
	h.Write([]byte(host))
	return fmt.Sprintf("%08x.%d.%s", h.Sum32(), os.Getpid(), strconv.FormatInt(time.Now().UnixNano(), 36))
})

var (
	holders     sync.Map
	holderCount atomic.Uint64
)

// holdRelease names a new holder; it is live until done is called.
func holdRelease() (holder string, done func()) {
	holder = fmt.Sprintf("%s.%d", thisProcess(), holderCount.Add(1))
	holders.Store(holder, true)
	return holder, func() { holders.Delete(holder) }
}

type liveness int

const (
	unknown liveness = iota
	alive
	dead
)

// holderState tells whether a holder still works. It cannot for holders on
// other machines, nor for the helm command, which names none.
func holderState(holder string) liveness {
	if holder == "" {
		return unknown
	}
	if _, ok := holders.Load(holder); ok {
		return alive
	}
	own := strings.Split(thisProcess(), ".")
	other := strings.Split(holder, ".")
	if len(other) != 4 || other[0] != own[0] {
		return unknown
	}
	if strings.HasPrefix(holder, thisProcess()+".") {
		return dead
	}
	pid, err := strconv.Atoi(other[1])
	if err != nil {
		return unknown
	}
	if pid == os.Getpid() {
		return dead
	}
	return processState(pid)
}

func processState(pid int) liveness {
	if runtime.GOOS == "windows" {
		return unknown
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return dead
	}
	err = p.Signal(syscall.Signal(0))
	if err == nil || errors.Is(err, syscall.EPERM) {
		return alive
	}
	return dead
}
