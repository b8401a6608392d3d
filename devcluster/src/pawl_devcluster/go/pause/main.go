// Command pause is the process that keeps a pod's namespaces open: it waits for a signal and reaps children.
// `pause scrub DIR` instead empties a folder and ends: that is how a released volume becomes available again.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "scrub" {
		scrub(os.Args[2])
		return
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		reap()
	}
}

func reap() {
	for {
		if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
			return
		}
	}
}

func scrub(folder string) {
	entries, err := os.ReadDir(folder)
	if err == nil {
		for _, entry := range entries {
			if err = os.RemoveAll(filepath.Join(folder, entry.Name())); err != nil {
				break
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
