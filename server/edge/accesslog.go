package edge

import (
	"log/slog"
)

// logAccess writes one line for each answer. The route stands there as its pattern: path and query may hold codes and secrets,
// headers tokens, and none of them is logged (SEC-43, SEC-92). The method is one of ours or "other".
func (s *Server) logAccess(r *Request) {
	method := knownMethod(r.fctx.Method())
	if method == "" {
		method = "other"
	}
	attrs := [...]slog.Attr{
		slog.String("request_id", r.id),
		slog.String("method", method),
		slog.String("route", r.pattern()),
		slog.Int("status", r.fctx.Response.StatusCode()),
		slog.Duration("duration", s.opt.Now().Sub(r.start)),
		slog.Int("bytes", len(r.fctx.Response.Body())),
		slog.String("viewer", r.viewer.User),
	}
	n := len(attrs)
	if r.viewer.User == "" {
		n--
	}
	s.opt.Logger.LogAttrs(r.ctx, slog.LevelInfo, "request", attrs[:n]...)
}
