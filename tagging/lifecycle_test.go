package tagging

import (
	"errors"
	"testing"
)

func TestLifeCycle(t *testing.T) {
	for name, c := range map[string]struct {
		steps []Step
		want  State
	}{
		"X-5 printed first, bound by scanning": {[]Step{Print, Bind}, Bound},
		"X-5 bound at once, printed twice":     {[]Step{Bind, Print, Print}, Bound},
		"X-5 blocked and reactivated":          {[]Step{Bind, Block, Reactivate}, Bound},
		"X-5 damaged and replaced":             {[]Step{Print, Bind, Damage, Replace}, Replaced},
		"X-5 blank label thrown away":          {[]Step{Print, Retire}, Retired},
	} {
		t.Run(name, func(t *testing.T) {
			s := Minted
			for _, step := range c.steps {
				next, err := Next(s, step)
				if err != nil {
					t.Fatal(err)
				}
				s = next
			}
			if s != c.want {
				t.Fatalf("ends as %s, want %s", s, c.want)
			}
		})
	}
	for _, c := range []struct {
		from State
		step Step
	}{{Minted, Block}, {Replaced, Bind}, {Retired, Reactivate}, {Bound, Bind}, {Blocked, Bind}, {"", Print}} {
		var refused *StepError
		if s, err := Next(c.from, c.step); !errors.As(err, &refused) || s != c.from {
			t.Errorf("%s from %q: got %q, %v; want a StepError and no change", c.step, c.from, s, err)
		}
	}
}
