package edge

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// maxForwarded is how many entries of X-Forwarded-For are looked at; a longer chain of own proxies does not exist.
const maxForwarded = 16

// ParseProxy reads an entry of [Options.TrustedProxies]. It refuses what is no network, bits beyond the mask, which tell of a
// mistyped mask, and a network of everybody.
func ParseProxy(cidr string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(cidr)
	if err != nil || p.Masked() != p {
		return netip.Prefix{}, fmt.Errorf("%q is no network like 10.0.0.0/8", cidr)
	}
	if p.Bits() == 0 {
		return netip.Prefix{}, fmt.Errorf("%q would trust everybody", cidr)
	}
	return p, nil
}

func (s *Server) trusted(a netip.Addr) bool {
	for _, p := range s.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// clientIP walks X-Forwarded-For from the right, past trusted proxies only (row 9, SEC-52): each proxy appends what it saw, so
// everything left of the first stranger was written by him. An entry that is no address ends the walk at the proxy before it.
func (s *Server) clientIP(fctx *fasthttp.RequestCtx) netip.Addr {
	addr := peer(fctx.RemoteAddr())
	if len(s.proxies) == 0 || !s.trusted(addr) {
		return addr
	}
	lines := fctx.Request.Header.PeekAll(fiber.HeaderXForwardedFor)
	seen := 0
	for i := len(lines) - 1; i >= 0; i-- {
		for rest := lines[i]; len(rest) > 0; {
			entry := rest
			cut := bytes.LastIndexByte(rest, ',')
			if cut >= 0 {
				entry, rest = rest[cut+1:], rest[:cut]
			} else {
				rest = nil
			}
			a, ok := forwardedAddr(string(entry))
			if seen++; !ok || seen > maxForwarded {
				return addr
			}
			addr = a
			if !s.trusted(addr) {
				return addr
			}
		}
	}
	return addr
}

func forwardedAddr(entry string) (netip.Addr, bool) {
	entry = strings.TrimSpace(entry)
	if a, err := netip.ParseAddr(entry); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if ap, err := netip.ParseAddrPort(entry); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}

func peer(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// Network is the part of an address that one client is counted by: the address itself, or its /64 for IPv6, since a single
// subscriber usually has that many (SEC-6).
func Network(a netip.Addr) netip.Addr {
	if a.Is6() && !a.Is4In6() {
		p, err := a.Prefix(64)
		if err == nil {
			return p.Addr()
		}
	}
	return a.Unmap()
}

func localHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".local")
}
