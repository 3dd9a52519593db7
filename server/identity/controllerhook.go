package identity

import (
	"context"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

// EndWebhook takes the webhook from a controller whose receiver signed off, unless staff changed the address since it was read; it is for the
// worker that sends.
func (d *Directory) EndWebhook(ctx context.Context, id, address string) error {
	ended := false
	_, err := d.doors.Update(store.Essential(ctx), id, func(c *Controller) error {
		if ended = c.Active && c.Webhook == address; ended {
			c.Webhook = ""
		}
		return nil
	})
	if err == nil && ended {
		d.log.WarnContext(ctx, "webhook ended by its receiver", "action", "end webhook", "controller", id, "result", "ok")
	}
	return err
}
