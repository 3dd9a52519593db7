package scan

import (
	"context"
	"net"
	"strings"

	"github.com/tagwerk/tagwerk/server/identity"
)

// Contacts says whose public contact a stranger sees: it follows the host that was asked, never the tag (SEC-3).
type Contacts struct {
	People *identity.Directory
	// ByHost names a provider by host, in lower case, with port if it matters; Other is the one for all other hosts, "" for the
	// first provider in the order of names.
	ByHost map[string]string
	Other  string
}

// Of is the provider whose public contact belongs to a host.
func (c Contacts) Of(ctx context.Context, host string) (identity.Provider, error) {
	host = strings.ToLower(host)
	id, ok := c.ByHost[host]
	if !ok {
		if name, _, err := net.SplitHostPort(host); err == nil {
			id, ok = c.ByHost[name]
		}
	}
	if !ok {
		id = c.Other
	}
	if id != "" {
		return c.People.Provider(ctx, id)
	}
	all, err := c.People.Providers(ctx)
	if err != nil || len(all) == 0 {
		return identity.Provider{}, err
	}
	return all[0], nil
}
