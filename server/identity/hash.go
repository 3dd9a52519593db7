package identity

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/argon2"
)

const (
	// hashesAtOnce bounds memory: each running hash holds 19 MiB (reliability.md B3).
	hashesAtOnce = 2
	// hashesWaiting bounds the time that a caller waits: 64 hashes are about a second on two cores.
	hashesWaiting = 64
)

// hasher computes and checks argon2id hashes behind a bounded queue (SEC-27).
type hasher struct {
	params   argon2id.Params
	decoy    string        // matches no password; checked in place of an unknown person's hash (SEC-28)
	admitted chan struct{} // running and waiting
	running  chan struct{}
	done     atomic.Int64
	refused  atomic.Int64
}

// HashLoad says what the queue of password hashes did since the start, for the metrics.
type HashLoad struct {
	Done    int64 // hashes computed
	Refused int64 // callers that got ErrBusy
	Queued  int   // callers running or waiting now
}

// HashLoad returns the load of the queue of password hashes.
func (d *Directory) HashLoad() HashLoad {
	h := d.hasher
	return HashLoad{Done: h.done.Load(), Refused: h.refused.Load(), Queued: len(h.admitted)}
}

func newHasher(params *argon2id.Params, random io.Reader) (*hasher, error) {
	h := &hasher{
		params:   *params,
		admitted: make(chan struct{}, hashesAtOnce+hashesWaiting),
		running:  make(chan struct{}, hashesAtOnce),
	}
	b := make([]byte, params.SaltLength+params.KeyLength)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("identity: random source: %w", err)
	}
	text := base64.RawStdEncoding
	h.decoy = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, params.Memory, params.Iterations,
		params.Parallelism, text.EncodeToString(b[:params.SaltLength]), text.EncodeToString(b[params.SaltLength:]))
	return h, nil
}

// enter waits for a place to run one hash and returns how to leave it; ErrBusy if too many wait already.
func (h *hasher) enter(ctx context.Context) (leave func(), err error) {
	select {
	case h.admitted <- struct{}{}:
	default:
		h.refused.Add(1)
		return nil, ErrBusy
	}
	select {
	case h.running <- struct{}{}:
		h.done.Add(1)
		return func() { <-h.running; <-h.admitted }, nil
	case <-ctx.Done():
		<-h.admitted
		return nil, ctx.Err()
	}
}

// hash returns the PHC string of a prepared password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	phc, err := argon2id.CreateHash(password, &h.params)
	if err != nil {
		return "", fmt.Errorf("identity: hash password: %w", err)
	}
	return phc, nil
}

// check compares a prepared password with a PHC string. An empty one stands for nobody: the same work is done, and the answer
// is no. weak says that the hash was made with lower parameters than those in force.
func (h *hasher) check(ctx context.Context, password, phc string) (match, weak bool, err error) {
	nobody := phc == ""
	if nobody {
		phc = h.decoy
	}
	leave, err := h.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	match, used, err := argon2id.CheckHash(password, phc)
	if err != nil {
		return false, false, fmt.Errorf("identity: stored password hash: %w", err)
	}
	weak = used.Memory < h.params.Memory || used.Iterations < h.params.Iterations || used.KeyLength < h.params.KeyLength
	return match && !nobody, weak, nil
}
