package clock

import (
	"net"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sockets are watched for something to read, to accept, or their end.
type sockets struct {
	mu    sync.Mutex
	epoll int
}

func newSockets() *sockets {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		fd = -1
	}
	return &sockets{epoll: fd}
}

// ready reports whether a watched socket has something that nobody has read yet.
func (s *sockets) ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoll < 0 {
		return false
	}
	var events [1]unix.EpollEvent
	n, _ := unix.EpollWait(s.epoll, events[:], 0)
	return n > 0
}

// watch begins or ends to watch a socket. The kernel ends it when the socket is
// closed.
func (s *sockets) watch(c any, on bool) {
	conn, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	op := unix.EPOLL_CTL_ADD
	if !on {
		op = unix.EPOLL_CTL_DEL
	}
	_ = raw.Control(func(fd uintptr) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.epoll >= 0 {
			_ = unix.EpollCtl(s.epoll, op, int(fd), &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(fd)})
		}
	})
}

func (s *sockets) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoll >= 0 {
		_ = unix.Close(s.epoll)
		s.epoll = -1
	}
}

// pause gives the processor to other threads, for about as long as one needs to be
// woken. The Go runtime does not know: a goroutine that sleeps sleeps for a millisecond.
func pause() {
	shortest := unix.Timespec{Nsec: 1}
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&shortest)), 0, 0)
}

var _ syscall.Conn = (*net.TCPConn)(nil)
