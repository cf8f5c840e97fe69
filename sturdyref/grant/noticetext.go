package grant

import "strings"

const noticePrefix = "hawser-notice:"

// NoticeText writes a notice for bulletin boards and mail: "hawser-notice:" and base64url.
func NoticeText(notice []byte) string { return noticePrefix + strictBase64.EncodeToString(notice) }

// ParseNoticeText reads what NoticeText wrote; white space, such as a mail program inserts, does not matter. What it returns may be
// anything of up to MaxNotice bytes: see ParseRevocation and [Set.Add]. Its error matches ErrRefused and is a *Refusal.
func ParseNoticeText(text string) ([]byte, error) {
	const enough = 4 * MaxNotice
	if len(text) > enough {
		return nil, refuse(Malformed, 0, "a text of %d bytes, at most %d are accepted", len(text), enough)
	}
	s, ok := strings.CutPrefix(strings.Join(strings.Fields(text), ""), noticePrefix)
	if !ok {
		return nil, refuse(Malformed, 0, "the text of a notice begins with %s", noticePrefix)
	}
	b, err := strictBase64.DecodeString(s)
	if err != nil {
		return nil, refuse(Malformed, 0, "the text of a notice is base64url without padding: copy it whole")
	}
	if len(b) > MaxNotice {
		return nil, refuse(Malformed, 0, "a notice of %d bytes, at most %d are accepted", len(b), MaxNotice)
	}
	return b, nil
}
