package grant

import "strings"

const (
	noticePrefix  = "hawser-notice:"
	receiptPrefix = "hawser-receipt:"
)

// NoticeText writes a notice for bulletin boards and mail: "hawser-notice:" and base64url.
func NoticeText(notice []byte) string { return noticePrefix + strictBase64.EncodeToString(notice) }

// ParseNoticeText reads what NoticeText wrote; white space, such as a mail program inserts, does not matter. What it returns may be
// anything of up to MaxNotice bytes: see ParseRevocation and [Set.Add]. Its error matches ErrRefused and is a *Refusal.
func ParseNoticeText(text string) ([]byte, error) {
	return parseText(text, "a notice", noticePrefix, MaxNotice)
}

// ReceiptText writes a receipt as text: "hawser-receipt:" and base64url.
func ReceiptText(receipt []byte) string { return receiptPrefix + strictBase64.EncodeToString(receipt) }

// ParseReceiptText reads what ReceiptText wrote, as ParseNoticeText does; [ParseReceipt] says what it is worth.
func ParseReceiptText(text string) ([]byte, error) {
	return parseText(text, "a receipt", receiptPrefix, kindReceipt.maxBytes)
}

func parseText(text, what, prefix string, longest int) ([]byte, error) {
	if len(text) > 4*longest {
		return nil, refuse(Malformed, 0, "a text of %d bytes, at most %d are accepted", len(text), 4*longest)
	}
	s, ok := strings.CutPrefix(strings.Join(strings.Fields(text), ""), prefix)
	if !ok {
		return nil, refuse(Malformed, 0, "the text of %s begins with %s", what, prefix)
	}
	b, err := strictBase64.DecodeString(s)
	if err != nil {
		return nil, refuse(Malformed, 0, "the text of %s is base64url without padding: copy it whole", what)
	}
	if len(b) > longest {
		return nil, refuse(Malformed, 0, "%s of %d bytes, at most %d are accepted", what, len(b), longest)
	}
	return b, nil
}
