package asset

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/tagwerk/tagwerk/server/identity"
)

// TestPermittedTags compares the policy for access tags with what requirements.md says, in words, for generated viewers and grants.
func TestPermittedTags(t *testing.T) {
	t.Run("X-3 SEC-19 staff of the provider may all, others what was granted to them on their own customer's tags", rapid.MakeCheck(func(rt *rapid.T) {
		one := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, name) }
		v := identity.Viewer{
			Kind:      rapid.SampledFrom([]identity.Kind{identity.Stranger, identity.CustomerUser, identity.Staff, identity.DoorController}).Draw(rt, "kind"),
			Role:      rapid.SampledFrom([]identity.Role{identity.Technician, identity.Admin, identity.Master, identity.General}).Draw(rt, "role"),
			User:      one("user", "", "lars", "birgit"),
			Provider:  one("viewer's provider", "", "nord", "syd"),
			Customer:  one("viewer's customer", "", "hafen", "speicher"),
			MustEnrol: rapid.IntRange(0, 3).Draw(rt, "must enrol") == 0,
		}
		provider, customer := one("provider", "", "nord", "syd"), one("customer", "", "hafen", "speicher")
		var granted *TagRights
		if rapid.Bool().Draw(rt, "granted") {
			granted = &TagRights{Person: one("person", "lars", "birgit"), Customer: one("granted customer", "hafen", "speicher"),
				Provider: one("granted provider", "nord", "syd"), See: rapid.Bool().Draw(rt, "see"), Block: rapid.Bool().Draw(rt, "block")}
		}
		got := permittedTags(v, provider, customer, granted)

		staff := v.Kind == identity.Staff && v.Provider == provider && provider != "" && !v.MustEnrol
		own := v.Kind == identity.CustomerUser && !v.MustEnrol && v.Customer == customer && customer != "" && provider != ""
		held := own && granted != nil && granted.Person == v.User && granted.Customer == customer && granted.Provider == provider
		if got.Has(ManageTags) != staff {
			rt.Fatalf("manage: %v for %+v on %s/%s with %+v", got, v, provider, customer, granted)
		}
		if got.Has(BlockTags) != (staff || held && granted.Block) {
			rt.Fatalf("block: %v for %+v on %s/%s with %+v", got, v, provider, customer, granted)
		}
		if got.Has(SeeTags) != (staff || held && (granted.See || granted.Block)) {
			rt.Fatalf("see: %v for %+v on %s/%s with %+v", got, v, provider, customer, granted)
		}
	}))
}
