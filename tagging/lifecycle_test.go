package tagging

import (
	"errors"
	"testing"
)

// TestNext holds every state against every step: a dash is refused.
func TestNext(t *testing.T) {
	steps := []Step{Mint, Print, Bind, Issue, Return, Block, Reactivate, Damage, Replace, Retire}
	for from, want := range map[State][]State{
		//         mint print   bind   issue  return  block    reactivate damage replace  retire
		Minted:   {"-", Printed, Bound, Bound, "-", Blocked, "-", "-", "-", Retired},
		Printed:  {"-", Printed, Bound, Bound, "-", Blocked, "-", "-", "-", Retired},
		Bound:    {"-", Bound, "-", Bound, Minted, Blocked, "-", Damaged, Replaced, Retired},
		Blocked:  {"-", "-", "-", "-", "-", "-", Bound, "-", Replaced, Retired},
		Damaged:  {"-", Damaged, "-", "-", "-", Blocked, "-", "-", Replaced, Retired},
		Replaced: {"-", "-", "-", "-", "-", "-", "-", "-", "-", "-"},
		Retired:  {"-", "-", "-", "-", "-", "-", "-", "-", "-", "-"},
		"":       {"-", "-", "-", "-", "-", "-", "-", "-", "-", "-"},
	} {
		for i, step := range steps {
			t.Run("X-5 "+string(from)+" "+string(step), func(t *testing.T) {
				got, err := Next(from, step)
				if want[i] != "-" {
					if got != want[i] || err != nil {
						t.Errorf("%s, %v; want %s", got, err, want[i])
					}
					return
				}
				var refused *StepError
				if !errors.As(err, &refused) || *refused != (StepError{from, step}) || got != from {
					t.Errorf("%s, %v; want a StepError and no change", got, err)
				}
			})
		}
	}
}
