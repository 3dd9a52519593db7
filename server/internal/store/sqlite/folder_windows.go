package sqlite

import (
	"errors"
	"fmt"
	"math"
	"os"
	"syscall"
)

// errSharingViolation is ERROR_SHARING_VIOLATION of winerror.h.
const errSharingViolation = syscall.Errno(32)

// lockFolder takes the lock of a data folder for the life of the returned file, by opening it for nobody else.
func lockFolder(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: lock %s: %w", path, err)
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errSharingViolation) {
		return nil, fmt.Errorf("%w: stop it first, or choose another folder (%s)", ErrLocked, path)
	}
	if err != nil {
		return nil, fmt.Errorf("sqlite: data folder is not writable, choose another one or give this user write permission: %w", err)
	}
	return os.NewFile(uintptr(h), path), nil
}

// freeBytes cannot be asked for through the standard library here, so that no reserve is kept.
func freeBytes(string) (int64, error) { return math.MaxInt64, nil }
