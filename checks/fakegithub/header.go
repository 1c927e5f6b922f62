package fakegithub

import (
	"fmt"
	"net/http"
)

// dress sets the headers that every answer of GitHub has.
func (s *Server) dress(h http.Header) {
	id := s.who.NewID()
	h.Set("X-GitHub-Request-Id", fmt.Sprintf("FA4E:%06X:%06X", id>>24, id&0xffffff))
	h.Set("X-GitHub-Media-Type", "github.v3; format=json")
	h.Set("X-GitHub-Api-Version-Selected", Version)
	h.Set("Server", "github.com")
	h.Set("Vary", "Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept, X-Requested-With")
}
