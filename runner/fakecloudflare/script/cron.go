package script

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

var cronField = regexp.MustCompile(`^[0-9A-Za-z*/,#?-]+$`)

// checkCron refuses what is no schedule: not five fields, or letters no
// schedule has. Whether 61 is a minute it does not ask. The code is 10100, seen
// in reports of "invalid cron string".
func checkCron(cron string) error {
	fields := strings.Fields(cron)
	ok := len(fields) == 5
	for _, field := range fields {
		ok = ok && cronField.MatchString(field)
	}
	if !ok {
		return envelope.Fail(http.StatusBadRequest, 10100, "invalid cron string: %q", cron)
	}
	return nil
}
