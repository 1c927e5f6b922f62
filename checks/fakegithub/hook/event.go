package hook

import (
	"github.com/tminus/deploy-action/checks/fakegithub/identity"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// Event is something GitHub tells of. Body is what is particular to it; the
// repository, the sender and the installation are added for each receiver.
type Event struct {
	Name, Action string
	Only         int64 // the App that alone is told, or 0
	Sender       *identity.User
	Body         wire.Object
}
