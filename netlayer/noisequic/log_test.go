package noisequic_test

import (
	"io"

	"github.com/hashicorp/go-hclog"
)

func testLogger(w io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: w, Level: hclog.Trace, DisableTime: true})
}
