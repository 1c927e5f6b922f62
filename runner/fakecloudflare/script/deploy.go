package script

import (
	"fmt"
	"math"
	"net/http"
	"slices"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// deployable is how many of the newest versions can be deployed, see
// https://developers.cloudflare.com/workers/configuration/versions-and-deployments/rollbacks/.
const deployable = 100

// Switch asks for other versions to serve.
type Switch struct {
	Script, Source string
	Shares         []Share
	Annotations    map[string]string
	Force          bool // even though secrets have changed since
}

// Deploy makes versions serve. What keeps it from doing so: versions that are
// not there (100146), are too old, were made before a Durable Object
// migration, are bound to something that is gone, or have other secrets than
// what serves now (10220, unless forced).
func (s *Scripts) Deploy(in Switch) (*Deployment, error) {
	if err := whole(in.Shares); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(in.Script)
	if err != nil {
		return nil, err
	}
	oldest := math.MaxInt
	for _, share := range in.Shares {
		version, err := found.read(share.Version)
		if err != nil {
			return nil, err
		}
		if err := s.deployable(found, version, in.Force); err != nil {
			return nil, err
		}
		oldest = min(oldest, version.Number)
	}
	trigger := "deployment"
	if serving := found.Serving(); serving != nil && oldest < serving.Number {
		trigger = "rollback"
	}
	return s.serve(found, in.Source, in.Shares, in.Annotations, trigger), nil
}

// whole checks that one or two different versions share all of the traffic.
func whole(shares []Share) error {
	if len(shares) < 1 || len(shares) > 2 {
		return envelope.Invalid("a deployment has 1 or 2 versions, not %d", len(shares))
	}
	sum := 0.0
	for i, share := range shares {
		if share.Percentage < 0 || share.Percentage > 100 {
			return envelope.Invalid("percentage %v of version %s is not between 0 and 100", share.Percentage, share.Version)
		}
		if i > 0 && share.Version == shares[0].Version {
			return envelope.Invalid("version %s is named twice", share.Version)
		}
		sum += share.Percentage
	}
	if math.Abs(sum-100) > 0.001 {
		return envelope.Invalid("the percentages add up to %v, not to 100", sum)
	}
	return nil
}

func (s *Scripts) deployable(found *Script, version *Version, force bool) error {
	if found.Newest().Number-version.Number >= deployable {
		// Only the limit is documented, not its code.
		return envelope.Fail(http.StatusBadRequest, 100146, "version %s is not among the %d most recent versions and cannot be deployed", version.ID, deployable)
	}
	if version.epoch != found.Classes.Epoch {
		// Only the rule is documented; this is the code of the other thing versions cannot do with migrations.
		return envelope.Fail(http.StatusBadRequest, 10211,
			"Version %s cannot be deployed: a Durable Object migration was applied between it and the current version.", version.ID)
	}
	if err := s.bound(found.Name, version.Bindings, found.Classes, version.Code, true); err != nil {
		return err
	}
	serving := found.Serving()
	if force || serving == nil || version.Number >= serving.Number {
		return nil
	}
	if changed := changedSecrets(serving, version); len(changed) > 0 {
		return envelope.Fail(http.StatusBadRequest, 10220, "A secret has changed since this version was active. If you are sure this is ok, "+
			"add a ?force=true query parameter to allow the rollback. The following secrets have changed: %s", names(changed))
	}
	return nil
}

// serve makes the deployment; everything was checked before.
func (s *Scripts) serve(found *Script, source string, shares []Share, annotations map[string]string, trigger string) *Deployment {
	made := &Deployment{
		Stamp:  Stamp{ID: s.mint.UUID(), CreatedOn: s.mint.Stamp(), Source: source, Annotations: annotated(annotations, trigger)},
		Shares: slices.Clone(shares),
	}
	found.Deployments = append(found.Deployments, made)
	found.ModifiedOn = made.CreatedOn
	s.revision++
	return made
}

// Deployable returns the versions that can be deployed, newest first.
func (s Script) Deployable() []*Version {
	var out []*Version
	for _, v := range slices.Backward(s.Versions) {
		if len(out) < deployable && v.epoch == s.Classes.Epoch {
			out = append(out, v)
		}
	}
	return out
}

// newestServes refuses to change a script whose newest version does not serve
// alone: changing its secrets would deploy code nobody asked for.
func (s *Script) newestServes(what string) error {
	live := s.Live()
	if live != nil && len(live.Shares) == 1 && live.Shares[0].Version == s.Newest().ID {
		return nil
	}
	return envelope.Fail(http.StatusBadRequest, 10215, "%s", fmt.Sprintf("%s failed. You attempted to modify a secret, but the latest version of your Worker isn't currently deployed. "+
		"Please ensure that the latest version of your Worker is fully deployed (wrangler versions deploy) before modifying secrets.", what))
}
