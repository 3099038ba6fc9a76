package lab

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// detached keeps the lab's process apart from the console that started it.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS}
}
