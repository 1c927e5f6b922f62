package card

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Press is a person's push of a button.
type Press struct {
	Repository, Environment, Release string
	// Button is the identifier of what was pressed.
	Button string
	// By is the login of who pressed it.
	By string
}

// Judge reads a delivery about a check run. The text is the reason, whatever the
// answer. App is the server's own: what others say of their check runs is ignored.
func Judge(app int64, event string, body []byte) (Press, string, bool) {
	if event != "check_run" {
		return Press{}, "event " + event + " is not about a check run", false
	}
	var d struct {
		Action    string `json:"action"`
		Requested struct {
			Identifier string `json:"identifier"`
		} `json:"requested_action"`
		Run struct {
			External string `json:"external_id"`
			App      struct {
				ID int64 `json:"id"`
			} `json:"app"`
		} `json:"check_run"`
		Repository struct {
			FullName string `json:"full_name"`
		} `json:"repository"`
		Sender struct {
			Login string `json:"login"`
		} `json:"sender"`
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return Press{}, "the payload cannot be read: " + err.Error(), false
	}
	env, name, ours := strings.Cut(strings.TrimPrefix(d.Run.External, mark), ":")
	p := Press{Repository: d.Repository.FullName, Environment: env, Release: name, Button: d.Requested.Identifier, By: d.Sender.Login}
	switch {
	case d.Action == "rerequested":
		p.Button = Verify // GitHub's own button, "Re-run"
	case d.Action != "requested_action":
		return Press{}, "the check run was " + d.Action, false
	}
	switch {
	case app == 0 || d.Run.App.ID != app:
		return Press{}, "the check run is not the server's", false
	case !ours || !strings.HasPrefix(d.Run.External, mark) || env == "" || name == "":
		return Press{}, "the check run is no card of a release", false
	case !slices.Contains([]string{RollBack, Hold, Verify}, p.Button):
		return Press{}, fmt.Sprintf("there is no button %q", p.Button), false
	case p.By == "":
		return Press{}, "nobody is said to have pressed the button", false
	}
	return p, fmt.Sprintf("%s pressed %q on release %s", p.By, p.Button, name), true
}
