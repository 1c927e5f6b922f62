package live

import (
	"errors"

	"github.com/tminus/deploy-action/runner/cloudflare"
)

// isRefusal tells whether Cloudflare answered, and with an error.
func isRefusal(err error) bool {
	_, ok := errors.AsType[*cloudflare.Error](err)
	return ok
}

// Refused is why the account did not list what a permission is for, after a lenient
// reading; nil when it did.
func (a *Account) Refused(permission string) error { return a.refused[permission] }

// Unread are the permissions for want of which something was not read that
// nothing needs, such as queues when no Worker has one.
func (a *Account) Unread() []string { return a.unread }
