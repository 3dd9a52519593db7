package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
)

// ErrAddress says that a webhook leads to where requests do not go (SEC-81).
var ErrAddress = errors.New("webhook: address not allowed")

// special are the networks that are not public, although they look like it (IANA registries of special-purpose addresses; standards.md
// section 5).
var special = prefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // carrier-grade NAT
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local, among them the metadata services of clouds
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, broadcast
	"2001::/23",       // protocol assignments: Teredo, benchmarks, ORCHID
	"2001:db8::/32",   // documentation
	"2002::/16",       // 6to4: an IPv4 address inside
	"3fff::/20",       // documentation
)

// global is where all public IPv6 addresses are. Outside of it lie mapped and NAT64 addresses, unique local, link-local and multicast ones.
var global = netip.MustParsePrefix("2000::/3")

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

func within(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// public reports whether an address is one of the public Internet.
func public(a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && (a.Is4() || global.Contains(a)) && !within(a, special)
}

// ParseNetworks reads an operator's list of networks that webhooks may lead to although they are not public, such as
// "10.0.0.0/8, 192.168.7.20". A network of everything would end the guard, and is refused.
func ParseNetworks(list string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range strings.Split(list, ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, addrErr := netip.ParseAddr(s)
			if addrErr != nil || a.Zone() != "" {
				return nil, fmt.Errorf("%q is no network such as 10.0.0.0/8", s)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Addr().Is4In6() || p != p.Masked() || p.Bits() == 0 {
			return nil, fmt.Errorf("%q is no network such as 10.0.0.0/8", s)
		}
		out = append(out, p)
	}
	return out, nil
}

// guard decides on the address that is dialled, after all names are resolved, so that no spelling of it and no change of a name between a
// check and the use matters (SEC-81).
type guard struct {
	networks []netip.Prefix
	// public lets through public addresses; plain http goes to the operator's networks only.
	public bool
}

// control is a net.Dialer.Control.
func (g guard) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return ErrAddress
	}
	if !g.allows(at.Addr()) {
		return ErrAddress
	}
	return nil
}

func (g guard) allows(a netip.Addr) bool {
	// A mapped address is dialled as the IPv4 one that it holds.
	a = a.Unmap()
	return g.public && public(a) || a.Zone() == "" && within(a, g.networks)
}
