package main

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/examples/chat/chatroom"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/vat"
)

// explain returns one line for people about an error, parts of which may be a peer's words.
func explain(err error) string {
	switch {
	case refused(err):
		return "the host refuses this URI: it is not complete, it was revoked, or the room is closed; ask for a new one"
	case errors.Is(err, netlayer.ErrUnreachable):
		why := strings.TrimPrefix(oneLine(cause(err)), netlayer.ErrUnreachable.Error()+": ")
		return "the host cannot be reached: it is not running, or the network keeps it away (" + why + ")"
	case errors.Is(err, chatroom.ErrSilent):
		return "the room does not answer"
	case disagreed(err) != "":
		return "the peer speaks another version of CapTP (it says " + strconv.Quote(disagreed(err)) + "): try --captp-version, see --help"
	}
	return settings.ReplaceAllStringFunc(packages.ReplaceAllString(oneLine(cause(err)), ""), func(setting string) string {
		return "--" + strings.ToLower(strings.TrimPrefix(setting, "Config."))
	})
}

// packages is what errors begin with for programmers' sake.
var packages = regexp.MustCompile(`^((hawser|home|captp|netlayer|noisequic|websocket|sturdyref|vat): )+`)

// settings are what a program sets and who runs this one gives as flags.
var settings = regexp.MustCompile(`\bConfig\.(Listen|Advertise|URL)\b`)

// refused reports whether there is no object for the secret that was shown. The code is the bootstrap object's when the
// secret was shown over a session that was open, the last error the netlayer's when it was to open one; peers of other
// implementations have no code for it.
func refused(err error) bool {
	if e, ok := errors.AsType[*vat.Error](err); ok && e.Code == home.ErrRefused.Code {
		return true
	}
	return errors.Is(err, chatroom.ErrNoRoom) || errors.Is(err, netlayer.ErrRefused)
}

// disagreed returns the words in which the peer says that it will not have our version of CapTP, if it does: Endo's and
// Goblins's are known.
func disagreed(err error) string {
	end, ok := errors.AsType[*captp.EndError](err)
	if ok && end.Kind == captp.Aborted && (end.Reason == "invalid-version" || strings.Contains(end.Reason, "version is incompatible")) {
		return chatroom.Clean(end.Reason)
	}
	return ""
}

// gone says in a few words why a stay has ended.
func gone(err error) string {
	if errors.Is(err, chatroom.ErrLeft) {
		return "the room has shown you out, which it does with those who do not keep up"
	}
	if end, ok := errors.AsType[*captp.EndError](err); ok {
		switch end.Kind {
		case captp.Aborted:
			return "the host is gone"
		case captp.Lost:
			return "the host is gone (the connection was lost)"
		default:
		}
	}
	return "the host is gone (" + explain(err) + ")"
}

// cause returns the error behind a session that never came about: who the peer would have been is known.
func cause(err error) error {
	if end, ok := errors.AsType[*captp.EndError](err); ok && end.Kind == captp.NotConnected && end.Err != nil {
		return end.Err
	}
	return err
}

func oneLine(err error) string { return chatroom.Clean(err.Error()) }
