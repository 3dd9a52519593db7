package tagging

import "fmt"

// State is where a tag is in its life.
type State string

// The states.
const (
	Minted   State = "minted"
	Printed  State = "printed"
	Bound    State = "bound"
	Blocked  State = "blocked"
	Damaged  State = "damaged"
	Replaced State = "replaced"
	Retired  State = "retired"
)

// Step is what happens to a tag.
type Step string

// The steps.
const (
	Mint       Step = "mint"
	Print      Step = "print"
	Bind       Step = "bind"   // to a component
	Issue      Step = "issue"  // to a holder, also from one holder to the next
	Return     Step = "return" // by the holder, into the drawer
	Block      Step = "block"  // also a blank sheet or a fob that got lost before anybody had it
	Reactivate Step = "reactivate"
	Damage     Step = "damage"
	Replace    Step = "replace"
	Retire     Step = "retire"
)

// StepError says that a step is not possible in a state.
type StepError struct {
	State State
	Step  Step
}

// Error names the step and the state.
func (e *StepError) Error() string {
	return fmt.Sprintf("tagging: no step %s from %s", e.Step, e.State)
}

// Next is the state after a step, or a *StepError. Replaced and retired are final. A reactivated tag is bound; the registry,
// which knows whether anything or anybody has it, puts one that nobody has back to minted.
func Next(s State, step Step) (State, error) {
	for _, t := range [...]struct {
		from State
		step Step
		to   State
	}{
		{Minted, Print, Printed}, {Minted, Bind, Bound}, {Minted, Issue, Bound}, {Minted, Block, Blocked}, {Minted, Retire, Retired},
		{Printed, Print, Printed}, {Printed, Bind, Bound}, {Printed, Issue, Bound}, {Printed, Block, Blocked}, {Printed, Retire, Retired},
		{Bound, Print, Bound}, {Bound, Issue, Bound}, {Bound, Return, Minted}, {Bound, Block, Blocked}, {Bound, Damage, Damaged},
		{Bound, Replace, Replaced}, {Bound, Retire, Retired},
		{Blocked, Reactivate, Bound}, {Blocked, Replace, Replaced}, {Blocked, Retire, Retired},
		{Damaged, Print, Damaged}, {Damaged, Block, Blocked}, {Damaged, Replace, Replaced}, {Damaged, Retire, Retired},
	} {
		if t.from == s && t.step == step {
			return t.to, nil
		}
	}
	return s, &StepError{State: s, Step: step}
}
