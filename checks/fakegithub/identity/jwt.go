package identity

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v4"

	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// Life is the longest an App's own token may live.
const Life = 10 * time.Minute

// drift is how far an App's clock may be ahead.
const drift = time.Minute

// ParseKey reads an App's public key, PKIX or PKCS#1 in PEM.
func ParseKey(pem []byte) (*rsa.PublicKey, error) {
	key, err := jwt.ParseRSAPublicKeyFromPEM(pem)
	if err != nil {
		return nil, fmt.Errorf("read the App's public key: %w", err)
	}
	return key, nil
}

func refused(format string, args ...any) error {
	return wire.Fail(http.StatusUnauthorized, format, args...)
}

// Signer returns the App whose token a call shows.
func (d *Directory) Signer(c *wire.Call) (*App, error) {
	const undecodable = "A JSON web token could not be decoded"
	var app *App
	asked := false // for the key, which a token of another kind never comes to
	claims := jwt.MapClaims{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation(), jwt.WithJSONNumber())
	_, err := parser.ParseWithClaims(secretOf(c.Request), claims, func(*jwt.Token) (any, error) {
		asked = claims["iss"] != nil
		if app = d.issuer(claims["iss"]); app == nil || app.Key == nil {
			return nil, fmt.Errorf("no such App")
		}
		return app.Key, nil
	})
	switch {
	case asked && app == nil:
		return nil, wire.Fail(http.StatusNotFound, "Integration not found")
	case err != nil:
		return nil, refused(undecodable)
	}
	return app, d.timely(claims)
}

// timely holds the times of a token against the clock.
func (d *Directory) timely(claims jwt.MapClaims) error {
	now := d.Now()
	issued, ok := number(claims["iat"])
	if !ok || issued.After(now.Add(drift)) {
		return refused("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	}
	expires, ok := number(claims["exp"])
	if !ok || !expires.After(now) {
		return refused("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	}
	if expires.After(now.Add(Life)) || expires.After(issued.Add(Life+drift)) {
		return refused("'Expiration time' claim ('exp') is too far in the future")
	}
	return nil
}

// issuer finds an App by the number or the client's name that a token gives.
func (d *Directory) issuer(iss any) *App {
	name := fmt.Sprint(iss)
	if id, err := strconv.ParseInt(name, 10, 64); err == nil {
		return d.Apps[id]
	}
	for _, app := range d.Apps {
		if app.ClientID == name {
			return app
		}
	}
	return nil
}

func number(claim any) (time.Time, bool) {
	n, ok := claim.(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := n.Float64()
	return time.Unix(int64(seconds), 0), err == nil
}
