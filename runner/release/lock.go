package release

import "context"

// Lock keeps two releases of one environment apart.
type Lock interface {
	// Await returns when no other release of the environment is under way, or says
	// why it does not wait any longer. Progress goes to say.
	Await(ctx context.Context, environment string, say func(format string, args ...any)) error
}
