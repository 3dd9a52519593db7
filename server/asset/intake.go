package asset

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

// intake is the right to take numbers on record for a provider: "none fits" must still hold when the tag is stored, which no single
// document can say. It is held for the time of a check and a write, and ends by itself if its holder dies.
type intake struct {
	By    string     `json:"by"`
	Until store.Time `json:"until"`
}

// intakeLease is how long an intake may last, and so how long others wait after a crash. The longest, an import of [MaxImport] lines,
// takes seconds.
const intakeLease = 2 * time.Minute

// intakeWait is how often one who waits looks again.
const intakeWait = 10 * time.Millisecond

var errTaken = errors.New("asset: another intake is running")

// alone runs work while no other intake of the provider runs, on any instance.
func (s *Service) alone(ctx context.Context, provider string, work func(context.Context) error) error {
	by, err := store.NewID(s.random)
	if err != nil {
		return err
	}
	for {
		err := s.takeIntake(ctx, provider, by)
		if err == nil {
			break
		}
		if !errors.Is(err, errTaken) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("asset: wait for another intake: %w", ctx.Err())
		case <-time.After(intakeWait):
		}
	}
	working, cancel := context.WithTimeout(ctx, intakeLease)
	defer cancel()
	err = work(working)
	_, ended := s.intakes.Update(context.WithoutCancel(ctx), provider, func(i *intake) error {
		if i.By == by {
			*i = intake{}
		}
		return nil
	})
	return errors.Join(err, ended)
}

func (s *Service) takeIntake(ctx context.Context, provider, by string) error {
	now := s.now()
	mine := intake{By: by, Until: store.At(now.Add(intakeLease))}
	_, err := s.intakes.Update(ctx, provider, func(i *intake) error {
		if i.Until.After(now) {
			return errTaken
		}
		*i = mine
		return nil
	})
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err = s.intakes.Insert(ctx, provider, &mine); store.IsDuplicate(err, "id") {
		return errTaken
	}
	return err
}
