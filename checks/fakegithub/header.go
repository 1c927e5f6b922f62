package fakegithub

import (
	"fmt"
	"net/http"

	"github.com/tminus/deploy-action/checks/fakegithub/identity"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// dress sets the headers that every answer of GitHub has.
func (s *Server) dress(h http.Header) {
	s.mu.Lock()
	id := s.who.NewID()
	s.mu.Unlock()
	h.Set("X-GitHub-Request-Id", fmt.Sprintf("FA4E:%06X:%06X", id>>24, id&0xffffff))
	h.Set("X-GitHub-Media-Type", "github.v3; format=json")
	h.Set("X-GitHub-Api-Version-Selected", Version)
	h.Set("Server", "github.com")
	h.Set("Vary", "Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept, X-Requested-With")
}

// meta tells where GitHub's own calls come from: here, this machine.
func meta() wire.Endpoint {
	return wire.Endpoint{Method: "GET", Path: "/meta", Needs: identity.Anyone, Do: func(*wire.Call) (wire.Answer, error) {
		here := []string{"127.0.0.0/8", "::1/128"}
		return wire.OK(wire.Object{
			"verifiable_password_authentication": false, "hooks": here, "web": here, "api": here, "git": here, "actions": here,
		}), nil
	}}
}
