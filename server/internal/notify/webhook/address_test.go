package webhook

import (
	"net/netip"
	"testing"
)

func TestPublic(t *testing.T) {
	for _, s := range []string{
		"0.0.0.0", "0.255.255.255", "10.0.0.1", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1", "127.255.255.254",
		"169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.88.99.1",
		"192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255",
		"240.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "100::1",
		"2001::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1",
		"3fff:0fff:ffff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "ff0e::1", "2600::1%eth0",
	} {
		t.Run("SEC-81 refused "+s, func(t *testing.T) {
			if public(netip.MustParseAddr(s)) {
				t.Error("public")
			}
		})
	}
	for _, s := range []string{"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
		"169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.0.3.1", "192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255",
		"2001:200::1", "2001:4860:4860::8888", "2003::1", "2600::1", "2a00:1450:4001::1", "3ffe::1"} {
		t.Run("SEC-81 allowed "+s, func(t *testing.T) {
			if !public(netip.MustParseAddr(s)) {
				t.Error("not public")
			}
		})
	}
	t.Run("SEC-81 no address is not public", func(t *testing.T) {
		if public(netip.Addr{}) {
			t.Error("public")
		}
	})
}

func TestGuard(t *testing.T) {
	networks, err := ParseNetworks("10.1.0.0/16, 127.0.0.1,fd00::/8")
	if err != nil {
		t.Fatal(err)
	}
	secure, plain := guard{networks: networks, public: true}, guard{networks: networks}
	for _, c := range []struct {
		dialled       string
		secure, plain bool
	}{
		{"1.1.1.1:443", true, false}, {"[2600::1]:443", true, false}, {"[::ffff:1.1.1.1]:443", true, false},
		{"10.1.2.3:80", true, true}, {"[::ffff:10.1.2.3]:80", true, true}, {"10.2.0.1:80", false, false}, {"127.0.0.1:80", true, true}, {"127.0.0.2:80", false, false},
		{"[::ffff:127.0.0.2]:80", false, false}, {"[fd00::1]:80", true, true}, {"[fd00::1%eth0]:80", false, false}, {"[fe80::1%eth0]:80", false, false},
		{"localhost:80", false, false}, {"/run/docker.sock", false, false}, {"", false, false},
	} {
		t.Run("SEC-81 dialling "+c.dialled, func(t *testing.T) {
			if got := secure.control("tcp", c.dialled, nil) == nil; got != c.secure {
				t.Errorf("https: %v", got)
			}
			if got := plain.control("tcp", c.dialled, nil) == nil; got != c.plain {
				t.Errorf("http: %v", got)
			}
		})
	}
}

func TestParseNetworks(t *testing.T) {
	for _, s := range []string{"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8;127.0.0.1", "localhost", "fe80::1%eth0", "::ffff:10.0.0.0/104", "10.0.0", "*", "0.0.0.0/0", "::/0"} {
		t.Run("SEC-81 refused "+s, func(t *testing.T) {
			if got, err := ParseNetworks(s); err == nil {
				t.Errorf("%v", got)
			}
		})
	}
	for s, want := range map[string]int{"": 0, " , ": 0, "10.0.0.0/8": 1, "10.0.0.0/8, 192.168.7.20 ,fd00::/8": 3} {
		t.Run("SEC-81 read "+s, func(t *testing.T) {
			if got, err := ParseNetworks(s); err != nil || len(got) != want {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func FuzzGuard(f *testing.F) {
	for _, s := range []string{"1.1.1.1:443", "[::ffff:127.0.0.1]:80", "[fe80::1%eth0]:80", "127.1:80", "[64:ff9b::7f00:1]:443"} {
		f.Add(s)
	}
	g := guard{public: true}
	f.Fuzz(func(t *testing.T, dialled string) {
		if g.control("tcp", dialled, nil) != nil {
			return
		}
		a := netip.MustParseAddrPort(dialled).Addr().Unmap()
		if a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || a.Zone() != "" {
			t.Errorf("dialled %q", dialled)
		}
	})
}
