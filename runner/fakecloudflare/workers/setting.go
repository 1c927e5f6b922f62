package workers

import (
	"slices"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

func (ws *Workers) settingEndpoints(one string) []envelope.Endpoint {
	read, edit := envelope.ScriptsRead, envelope.ScriptsEdit
	return []envelope.Endpoint{
		{Method: "GET", Path: one + "/settings", Needs: read, Do: ws.getSettings},
		{Method: "PATCH", Path: one + "/settings", Needs: edit, Do: ws.patchSettings},
		{Method: "GET", Path: one + "/script-settings", Needs: read, Do: ws.getScriptSettings},
		{Method: "PATCH", Path: one + "/script-settings", Needs: edit, Do: ws.patchScriptSettings},
		{Method: "GET", Path: one + "/schedules", Needs: read, Do: ws.getSchedules},
		{Method: "PUT", Path: one + "/schedules", Needs: edit, Do: ws.putSchedules},
		{Method: "GET", Path: one + "/subdomain", Needs: read, Do: ws.getSubdomain},
		{Method: "POST", Path: one + "/subdomain", Needs: edit, Do: ws.postSubdomain},
		{Method: "DELETE", Path: one + "/subdomain", Needs: edit, Do: ws.deleteSubdomain},
	}
}

func settings(s script.Script) map[string]any {
	v := s.Newest()
	bindings := v.Bindings
	if bindings == nil {
		bindings = []upload.Binding{}
	}
	return map[string]any{
		"bindings": bindings, "compatibility_date": v.Runtime.Date, "compatibility_flags": v.Runtime.Flags, "usage_model": "standard",
		"tags": s.Settings.Tags, "tail_consumers": s.Settings.TailConsumers, "logpush": s.Settings.Logpush, "observability": s.Settings.Observability,
		"migration_tag": s.Classes.Tag,
	}
}

func (ws *Workers) getSettings(c *envelope.Call) (envelope.Answer, error) {
	s, err := ws.Scripts.Get(c.Param("script"))
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(settings(s)), nil
}

// patchSettings is how older clients change bindings: a form with one part of
// JSON that lists all of them, those to keep without their values.
func (ws *Workers) patchSettings(c *envelope.Call) (envelope.Answer, error) {
	parts, err := upload.Parts(c.Header.Get("Content-Type"), c.Body)
	if err != nil {
		return envelope.Answer{}, err
	}
	i := slices.IndexFunc(parts, func(m upload.Module) bool { return m.Name == "settings" })
	if i < 0 || len(parts) != 1 {
		return envelope.Answer{}, envelope.Invalid(`the form must have one part, "settings"`)
	}
	var in struct {
		Annotations map[string]string `json:"annotations"` // of the version that is made
		Bindings    *[]upload.Binding `json:"bindings"`
		upload.Settings
	}
	if err := envelope.DecodeStrict(parts[i].Body, &in); err != nil {
		return envelope.Answer{}, err
	}
	s, err := ws.Scripts.SetSettings(c.Param("script"), in.Settings)
	if err != nil {
		return envelope.Answer{}, err
	}
	if in.Bindings != nil {
		change := map[string]*upload.Binding{}
		for _, b := range *in.Bindings {
			if old, ok := s.Newest().Binding(b.Name); ok && len(b.Fields) == 0 && (b.Type == old.Type || b.Type == "inherit") {
				b = old
			}
			change[b.Name] = &b
		}
		if _, err := ws.Scripts.Rebind(script.Rebinding{Script: s.Name, Source: c.Source(), Change: change, Only: true, Annotations: in.Annotations}); err != nil {
			return envelope.Answer{}, err
		}
	}
	return ws.getSettings(c)
}

func (ws *Workers) getScriptSettings(c *envelope.Call) (envelope.Answer, error) {
	s, err := ws.Scripts.Get(c.Param("script"))
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(s.Settings), nil
}

func (ws *Workers) patchScriptSettings(c *envelope.Call) (envelope.Answer, error) {
	var in upload.Settings
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	s, err := ws.Scripts.SetSettings(c.Param("script"), in)
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(s.Settings), nil
}

func schedules(s script.Script) envelope.Answer {
	crons := s.Crons
	if crons == nil {
		crons = []script.Cron{}
	}
	return envelope.OK(map[string]any{"schedules": crons})
}

func (ws *Workers) getSchedules(c *envelope.Call) (envelope.Answer, error) {
	s, err := ws.Scripts.Get(c.Param("script"))
	if err != nil {
		return envelope.Answer{}, err
	}
	return schedules(s), nil
}

func (ws *Workers) putSchedules(c *envelope.Call) (envelope.Answer, error) {
	var in []script.Cron
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	var crons []string
	for _, cron := range in {
		crons = append(crons, cron.Cron)
	}
	s, err := ws.Scripts.SetCrons(c.Param("script"), crons)
	if err != nil {
		return envelope.Answer{}, err
	}
	return schedules(s), nil
}

func (ws *Workers) getSubdomain(c *envelope.Call) (envelope.Answer, error) {
	s, err := ws.Scripts.Get(c.Param("script"))
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(s.Subdomain), nil
}

func (ws *Workers) postSubdomain(c *envelope.Call) (envelope.Answer, error) {
	var in struct {
		Enabled  *bool `json:"enabled"`
		Previews *bool `json:"previews_enabled"`
	}
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	if in.Enabled == nil {
		return envelope.Answer{}, envelope.Invalid("the field enabled is missing")
	}
	s, err := ws.Scripts.SetSubdomain(c.Param("script"), *in.Enabled, in.Previews)
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(s.Subdomain), nil
}

func (ws *Workers) deleteSubdomain(c *envelope.Call) (envelope.Answer, error) {
	s, err := ws.Scripts.SetSubdomain(c.Param("script"), false, nil)
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(s.Subdomain), nil
}
