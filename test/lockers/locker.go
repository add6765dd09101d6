// One lock of a library of Go: `KIND hold|try FILE`, as ../python/lockers.py says.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alexflint/go-filemutex"
	"github.com/gofrs/flock"
	"github.com/nightlyone/lockfile"
	"github.com/rogpeppe/go-internal/lockedfile"
)

func main() {
	kind, action, path := os.Args[1], os.Args[2], os.Args[3]
	release := map[string]func(string) func(){
		"flock":      takeFlock,
		"lockedfile": takeLockedFile,
		"filemutex":  takeFileMutex,
		"lockfile":   takeLockfile,
	}[kind](path)
	fmt.Println("held")
	if action == "hold" {
		io.Copy(io.Discard, os.Stdin)
	}
	release()
}

func refuse(refused bool) {
	if refused {
		os.Exit(1)
	}
}

func takeFlock(path string) func() {
	lock := flock.New(path)
	taken, err := lock.TryLock()
	refuse(!taken || err != nil)
	return func() { lock.Unlock() }
}

// It knows no way to try.
func takeLockedFile(path string) func() {
	go refuseWhenWaiting()
	file, err := lockedfile.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	refuse(err != nil)
	return func() { file.Close() }
}

func takeFileMutex(path string) func() {
	lock, err := filemutex.New(path)
	refuse(err != nil || lock.TryLock() != nil)
	return func() { lock.Close() }
}

func takeLockfile(path string) func() {
	lock, err := lockfile.New(path)
	refuse(err != nil || lock.TryLock() != nil)
	return func() { lock.Unlock() }
}

// Ends the program when the kernel has it among those who wait for a lock.
func refuseWhenWaiting() {
	waiting := fmt.Sprintf(" %d ", os.Getpid())
	for {
		locks, err := os.Open("/proc/locks")
		refuse(err != nil)
		for lines := bufio.NewScanner(locks); lines.Scan(); {
			line := lines.Text()
			refuse(strings.Contains(line, "-> ") && strings.Contains(line, waiting))
		}
		locks.Close()
		time.Sleep(time.Millisecond)
	}
}
