package identity

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrBadCredentials is the one answer to a wrong password, an unknown and a deactivated person (SEC-28).
	ErrBadCredentials = errors.New("identity: wrong e-mail address or password")
	// ErrSecondFactor is what [ErrOTPRequired] and [ErrOTPWrong] have in common: the password was right.
	ErrSecondFactor = errors.New("identity: second factor")
	// ErrOTPRequired says that the password was right and a TOTP or recovery code must be sent with it.
	ErrOTPRequired = fmt.Errorf("%w: code required", ErrSecondFactor)
	// ErrOTPWrong says that the password was right and the code was wrong or already used.
	ErrOTPWrong = fmt.Errorf("%w: wrong or used code", ErrSecondFactor)
	// ErrTooMany says that a limit on tries is reached; the error in the chain is a [TooManyError].
	ErrTooMany = errors.New("identity: too many tries")
	// ErrBusy says that the queue of password hashes is full; try again in a second.
	ErrBusy = errors.New("identity: busy")
	// ErrSignedOut says that the viewer's session ended, or that there is none.
	ErrSignedOut = errors.New("identity: not signed in")
	// ErrProofNeeded says that the action asks for password and code again; see [Directory.Prove] (SEC-37).
	ErrProofNeeded = errors.New("identity: fresh proof needed")
	// ErrEnrolFirst says that the viewer must set up a second factor first (SEC-33).
	ErrEnrolFirst = errors.New("identity: second factor must be set up first")
	// ErrNotAllowed says that the viewer may not do this, whoever it is about.
	ErrNotAllowed = errors.New("identity: not allowed")
	// ErrLoginTaken says that another person signs in with the address.
	ErrLoginTaken = errors.New("identity: e-mail address is taken")
	// ErrNoFactor says that the person has no second factor, or none that waits for its first code.
	ErrNoFactor = errors.New("identity: no second factor")
)

// TooManyError is an [ErrTooMany] that knows when the next try counts.
type TooManyError struct{ RetryAfter time.Duration }

// Error names the time to wait.
func (e *TooManyError) Error() string {
	return fmt.Sprintf("identity: too many tries, next in %s", e.RetryAfter)
}

// Is makes errors.Is(err, ErrTooMany) true.
func (e *TooManyError) Is(target error) bool { return target == ErrTooMany }

// FieldError says which field of an input was refused; Key is the message key of the reason.
type FieldError struct{ Field, Key string }

// Error names the field and the reason.
func (e *FieldError) Error() string { return "identity: " + e.Field + ": " + e.Key }

// PasswordError says why a new password was refused; Key is the message key, Min and Max are its placeholders, counted in
// characters.
type PasswordError struct {
	Key      string
	Min, Max int
}

// Error names the reason.
func (e *PasswordError) Error() string { return "identity: password refused: " + e.Key }
