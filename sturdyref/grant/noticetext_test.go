package grant_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

func TestNoticeText(t *testing.T) {
	notice := bytes.Repeat([]byte{0xfb, 7}, 40)
	text := grant.NoticeText(notice)
	if !strings.HasPrefix(text, "hawser-notice:-wf7B") {
		t.Error(text)
	}
	for _, s := range []string{text, " " + text[:40] + "\r\n  " + text[40:] + "\n"} {
		if b, err := grant.ParseNoticeText(s); err != nil || !bytes.Equal(b, notice) {
			t.Errorf("%q: %x, %v", s, b, err)
		}
	}
	if b, err := grant.ParseNoticeText(grant.NoticeText(make([]byte, grant.MaxNotice))); err != nil || len(b) != grant.MaxNotice {
		t.Errorf("the longest: %d, %v", len(b), err)
	}
	for what, s := range map[string]string{
		"nothing": "", "no prefix": text[1:], "a grant": "hawser-grant:AAAA", "padding": "hawser-notice:AA==", "bits left over": "hawser-notice:AB",
		"another alphabet": "hawser-notice:+/+/", "too long": grant.NoticeText(make([]byte, grant.MaxNotice+1)), "a huge text": strings.Repeat(" ", 1<<20),
	} {
		_, err := grant.ParseNoticeText(s)
		if r, ok := errors.AsType[*grant.Refusal](err); !ok || r.Reason != grant.Malformed || !errors.Is(err, grant.ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
