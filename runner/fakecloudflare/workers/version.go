package workers

import (
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

// startupTime is what every upload is said to have taken, in milliseconds.
const startupTime = 12

func (ws *Workers) versionEndpoints(one string) []envelope.Endpoint {
	read, edit := envelope.ScriptsRead, envelope.ScriptsEdit
	return []envelope.Endpoint{
		{Method: "GET", Path: one + "/versions", Needs: read, Do: ws.getVersions},
		{Method: "POST", Path: one + "/versions", Needs: edit, Do: ws.postVersion},
		{Method: "GET", Path: one + "/versions/{version}", Needs: read, Do: ws.getVersion},
		{Method: "GET", Path: one + "/deployments", Needs: read, Do: ws.getDeployments},
		{Method: "POST", Path: one + "/deployments", Needs: edit, Do: ws.postDeployment},
		{Method: "GET", Path: one + "/deployments/{deployment}", Needs: read, Do: ws.getDeployment},
	}
}

func sending(c *envelope.Call) (script.Sending, error) {
	u, err := upload.Read(c.Header.Get("Content-Type"), c.Body)
	return script.Sending{Script: c.Param("script"), Source: c.Source(), Upload: u, Strict: c.Query("bindings_inherit") == "strict"}, err
}

func (ws *Workers) putScript(c *envelope.Call) (envelope.Answer, error) {
	in, err := sending(c)
	if err != nil {
		return envelope.Answer{}, err
	}
	version, err := ws.Scripts.Put(in)
	if err != nil {
		return envelope.Answer{}, err
	}
	s, err := ws.Scripts.Get(in.Script)
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(struct {
		scriptBody
		Deployment string `json:"deployment_id"` // the version, without hyphens
		Startup    int    `json:"startup_time_ms"`
		Hash       string `json:"pipeline_hash"`
		Pipeline   string `json:"mutable_pipeline_id"`
	}{body(s), mint.Bare(version.ID), startupTime, version.ETag, s.Tag}), nil
}

type versionBody struct {
	ID          string            `json:"id"`
	Number      int               `json:"number"`
	Metadata    map[string]any    `json:"metadata"`
	Annotations map[string]string `json:"annotations"`
	Resources   map[string]any    `json:"resources,omitempty"`
	Startup     int               `json:"startup_time_ms,omitempty"`
}

// summary is a version as a list shows it.
func (ws *Workers) summary(s script.Script, v *script.Version) versionBody {
	return versionBody{
		ID: v.ID, Number: v.Number, Annotations: v.Annotations,
		Metadata: map[string]any{
			"created_on": v.CreatedOn, "modified_on": v.CreatedOn, "source": v.Source, "author_id": "fake", "author_email": ws.Email,
			"has_preview": s.Subdomain.Previews && len(s.Classes.ByName) == 0,
		},
	}
}

func (ws *Workers) full(s script.Script, v *script.Version) versionBody {
	out := ws.summary(s, v)
	out.Startup = startupTime
	runtime := map[string]any{"compatibility_date": v.Runtime.Date, "compatibility_flags": v.Runtime.Flags, "usage_model": "standard", "limits": map[string]any{}}
	if len(v.Runtime.Limits) > 0 {
		runtime["limits"] = v.Runtime.Limits
	}
	bindings := v.Bindings
	if bindings == nil {
		bindings = []upload.Binding{}
	}
	out.Resources = map[string]any{
		"bindings":       bindings,
		"script":         map[string]any{"etag": v.ETag, "handlers": v.Code.Handlers, "named_handlers": named(s), "last_deployed_from": v.Source},
		"script_runtime": runtime,
	}
	return out
}

func (ws *Workers) postVersion(c *envelope.Call) (envelope.Answer, error) {
	in, err := sending(c)
	if err != nil {
		return envelope.Answer{}, err
	}
	version, err := ws.Scripts.Upload(in)
	if err != nil {
		return envelope.Answer{}, err
	}
	s, err := ws.Scripts.Get(in.Script)
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(ws.full(s, version)), nil
}

// getVersions lists the newest first; only what can be deployed when asked so, and then all at once.
func (ws *Workers) getVersions(c *envelope.Call) (envelope.Answer, error) {
	s, err := ws.Scripts.Get(c.Param("script"))
	if err != nil {
		return envelope.Answer{}, err
	}
	versions := s.Deployable()
	if c.Query("deployable") != "true" {
		versions = slices.Clone(s.Versions)
		slices.Reverse(versions)
	}
	items := []versionBody{}
	for _, v := range versions {
		items = append(items, ws.summary(s, v))
	}
	if c.Query("deployable") == "true" {
		return envelope.OK(map[string]any{"items": items}), nil
	}
	answer, err := envelope.Paged(c, items, 10, 100)
	answer.Result = map[string]any{"items": answer.Result}
	return answer, err
}

func (ws *Workers) getVersion(c *envelope.Call) (envelope.Answer, error) {
	v, err := ws.Scripts.Read(c.Param("script"), c.Param("version"))
	if err != nil {
		return envelope.Answer{}, err
	}
	s, err := ws.Scripts.Get(c.Param("script"))
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(ws.full(s, v)), nil
}

type deploymentBody struct {
	ID          string            `json:"id"`
	Source      string            `json:"source"`
	Strategy    string            `json:"strategy"`
	Author      string            `json:"author_email"`
	Annotations map[string]string `json:"annotations"`
	CreatedOn   string            `json:"created_on"`
	Versions    []script.Share    `json:"versions"`
}

func (ws *Workers) deploymentBody(d *script.Deployment) deploymentBody {
	return deploymentBody{ID: d.ID, Source: d.Source, Strategy: "percentage", Author: ws.Email, Annotations: d.Annotations, CreatedOn: d.CreatedOn, Versions: d.Shares}
}

func (ws *Workers) getDeployments(c *envelope.Call) (envelope.Answer, error) {
	s, err := ws.Scripts.Get(c.Param("script"))
	if err != nil {
		return envelope.Answer{}, err
	}
	list := []deploymentBody{}
	for _, d := range slices.Backward(s.Deployments) {
		list = append(list, ws.deploymentBody(d))
	}
	return envelope.OK(map[string]any{"deployments": list}), nil
}

func (ws *Workers) getDeployment(c *envelope.Call) (envelope.Answer, error) {
	s, err := ws.Scripts.Get(c.Param("script"))
	if err != nil {
		return envelope.Answer{}, err
	}
	for _, d := range s.Deployments {
		if d.ID == c.Param("deployment") {
			return envelope.OK(ws.deploymentBody(d)), nil
		}
	}
	return envelope.Answer{}, envelope.Fail(http.StatusNotFound, 10007, "the deployment %s does not exist", c.Param("deployment"))
}

func (ws *Workers) postDeployment(c *envelope.Call) (envelope.Answer, error) {
	var in struct {
		Strategy    string            `json:"strategy"`
		Versions    []script.Share    `json:"versions"`
		Annotations map[string]string `json:"annotations"`
		Update      json.RawMessage   `json:"code_update_strategy"`
	}
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	if in.Strategy != "percentage" {
		return envelope.Answer{}, envelope.Invalid("the strategy of a deployment is percentage, not %q", in.Strategy)
	}
	made, err := ws.Scripts.Deploy(script.Switch{
		Script: c.Param("script"), Source: c.Source(), Shares: in.Versions, Annotations: in.Annotations, Force: c.Query("force") == "true",
	})
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(ws.deploymentBody(made)), nil
}

// getContent writes the modules of a version, the newest by default, as the form they came in.
func (ws *Workers) getContent(c *envelope.Call) (envelope.Answer, error) {
	s, err := ws.Scripts.Get(c.Param("script"))
	if err != nil {
		return envelope.Answer{}, err
	}
	v := s.Newest()
	if id := c.Query("version"); id != "" {
		if v, err = ws.Scripts.Read(s.Name, id); err != nil {
			return envelope.Answer{}, err
		}
	}
	return envelope.Answer{Write: func(w http.ResponseWriter) {
		form := multipart.NewWriter(w)
		w.Header().Set("Content-Type", form.FormDataContentType())
		w.Header().Set("cf-entrypoint", v.Main)
		w.Header().Set("ETag", v.ETag)
		for _, m := range v.Modules {
			header := textproto.MIMEHeader{"Content-Type": {m.Type}}
			header.Set("Content-Disposition", fmt.Sprintf("form-data; name=%q; filename=%q", m.Name, m.Name))
			part, err := form.CreatePart(header)
			if err != nil {
				return // the caller hung up
			}
			_, _ = part.Write(m.Body) // as above
		}
		_ = form.Close()
	}}, nil
}
