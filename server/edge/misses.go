package edge

import "context"

// CheckMisses refuses a signed-in viewer who has used up their unknown codes, before anything is looked up: a guesser is turned
// away before he can hit. Other people's misses never count here (SEC-6).
func (l *Limiter) CheckMisses(ctx context.Context) error {
	v := ViewerFrom(ctx)
	if !v.SignedIn() {
		return nil
	}
	if d := l.Peek("scan_miss", v.User); !d.OK {
		return d.Problem()
	}
	return nil
}

// Miss counts a scan that led nowhere for its caller: by user, or by network for strangers, and in total (SEC-6, E3).
func (l *Limiter) Miss(ctx context.Context) error {
	key := ViewerFrom(ctx).User
	if key == "" {
		key = AddressKey(ClientIPFrom(ctx))
	}
	for _, d := range []Decision{l.Allow("scan_miss", key), l.Allow("scan_miss_total", "")} {
		if !d.OK {
			return d.Problem()
		}
	}
	return nil
}

// StrangerPhoto counts a photo of somebody who is not signed in, by network: strangers may have few decoded (SEC-11).
func (l *Limiter) StrangerPhoto(ctx context.Context) error {
	if ViewerFrom(ctx).SignedIn() {
		return nil
	}
	if d := l.Allow("photo_stranger", AddressKey(ClientIPFrom(ctx))); !d.OK {
		return d.Problem()
	}
	return nil
}
