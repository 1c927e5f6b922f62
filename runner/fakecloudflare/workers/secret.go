package workers

import (
	"encoding/json"
	"net/http"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

func (ws *Workers) secretEndpoints(base, one string) []envelope.Endpoint {
	read, edit := envelope.ScriptsRead, envelope.ScriptsEdit
	return []envelope.Endpoint{
		{Method: "GET", Path: one + "/secrets", Needs: read, Do: ws.getSecrets},
		{Method: "PUT", Path: one + "/secrets", Needs: edit, Do: ws.putSecret},
		{Method: "GET", Path: one + "/secrets/{secret}", Needs: read, Do: ws.getSecret},
		{Method: "DELETE", Path: one + "/secrets/{secret}", Needs: edit, Do: ws.deleteSecret},
		{Method: "PATCH", Path: one + "/secrets-bulk", Needs: edit, Do: ws.patchSecrets},
		{Method: "PATCH", Path: base + "/workers/{script}/versions/latest", Needs: edit, Do: ws.patchLatest},
	}
}

func (ws *Workers) getSecrets(c *envelope.Call) (envelope.Answer, error) {
	secrets, err := ws.Scripts.Secrets(c.Param("script"))
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(secrets), nil
}

func (ws *Workers) getSecret(c *envelope.Call) (envelope.Answer, error) {
	secrets, err := ws.Scripts.Secrets(c.Param("script"))
	if err != nil {
		return envelope.Answer{}, err
	}
	for _, secret := range secrets {
		if secret.Name == c.Param("secret") {
			return envelope.OK(secret), nil
		}
	}
	return envelope.Answer{}, envelope.Fail(http.StatusNotFound, 10056, "Binding '%s' not found.", c.Param("secret"))
}

func (ws *Workers) putSecret(c *envelope.Call) (envelope.Answer, error) {
	var secret upload.Binding
	if err := c.Decode(&secret); err != nil {
		return envelope.Answer{}, err
	}
	if !secret.Secret() {
		return envelope.Answer{}, envelope.Invalid("the type of a secret is secret_text or secret_key, not %q", secret.Type)
	}
	_, err := ws.Scripts.Rebind(script.Rebinding{Script: c.Param("script"), Source: c.Source(), Change: map[string]*upload.Binding{secret.Name: &secret}})
	return envelope.OK(upload.Binding{Name: secret.Name, Type: secret.Type}), err
}

func (ws *Workers) deleteSecret(c *envelope.Call) (envelope.Answer, error) {
	_, err := ws.Scripts.Rebind(script.Rebinding{Script: c.Param("script"), Source: c.Source(), Change: map[string]*upload.Binding{c.Param("secret"): nil}})
	return envelope.OK(nil), err
}

// merge checks that a call is a JSON merge patch, which says so in its type.
func merge(c *envelope.Call, into any) error {
	if kind, _ := c.MediaType(); kind != "application/merge-patch+json" {
		return envelope.Fail(http.StatusUnsupportedMediaType, 6003, "Invalid request headers: Content-Type %q, this endpoint reads application/merge-patch+json", kind)
	}
	return c.Decode(into)
}

// patchSecrets adds, changes and (by null) removes secrets in one version.
func (ws *Workers) patchSecrets(c *envelope.Call) (envelope.Answer, error) {
	var in struct {
		Secrets map[string]*upload.Binding `json:"secrets"`
	}
	if err := merge(c, &in); err != nil {
		return envelope.Answer{}, err
	}
	if len(in.Secrets) > 100 {
		return envelope.Answer{}, envelope.Invalid("at most 100 secrets at once, not %d", len(in.Secrets))
	}
	change, err := keyed(in.Secrets)
	if err != nil {
		return envelope.Answer{}, err
	}
	_, err = ws.Scripts.Rebind(script.Rebinding{Script: c.Param("script"), Source: c.Source(), Change: change})
	return envelope.OK(map[string]any{}), err
}

// keyed gives each secret the name of its key, which it may repeat.
func keyed(secrets map[string]*upload.Binding) (map[string]*upload.Binding, error) {
	for name, secret := range secrets {
		if secret == nil {
			continue
		}
		if secret.Name != "" && secret.Name != name {
			return nil, envelope.Invalid("the secret %q is sent under the key %q", secret.Name, name)
		}
		secret.Name = name
		if !secret.Secret() {
			return nil, envelope.Invalid("the type of the secret %q is %q", name, secret.Type)
		}
	}
	return secrets, nil
}

// patchLatest makes an undeployed version with other secrets.
func (ws *Workers) patchLatest(c *envelope.Call) (envelope.Answer, error) {
	var in struct {
		Env         map[string]*upload.Binding `json:"env"`
		Annotations map[string]string          `json:"annotations"`
		Tag         json.RawMessage            `json:"tag"`
	}
	if err := merge(c, &in); err != nil {
		return envelope.Answer{}, err
	}
	change, err := keyed(in.Env)
	if err != nil {
		return envelope.Answer{}, err
	}
	made, err := ws.Scripts.Rebind(script.Rebinding{Script: c.Param("script"), Source: c.Source(), Change: change, Annotations: in.Annotations, Undeployed: true})
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(map[string]any{"id": made.ID, "number": made.Number, "created_on": made.CreatedOn}), nil
}
