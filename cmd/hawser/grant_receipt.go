package main

import (
	"fmt"
	"strings"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

const receiptPrefix = "hawser-receipt:"

// receiptLines says what a receipt confirms.
func (c *grantCommand) receiptLines(text, from string) ([]string, error) {
	r, err := readReceipt(text, from)
	if err != nil {
		return nil, err
	}
	return []string{
		"verified: the home that is named here has signed it",
		fmt.Sprintf("%-9sa receipt: the home has learned of a notice about the link, and if that revokes it what it had given has ended", "this is"),
		fmt.Sprintf("%-9s%s, who says so: it is worth something if that is whom you mean", "home", r.Home),
		fmt.Sprintf("%-9s%s", "link", r.Link),
		fmt.Sprintf("%-9s%x", "notice", r.Notice),
		fmt.Sprintf("%-9s%s (%s), by the home's clock", "as of", stamp(r.AsOf), c.distance(r.AsOf)),
	}, nil
}

// verifyReceipt says whether a receipt is good: by a home, and of a notice, if they are given.
func (c *grantCommand) verifyReceipt(text, from, home, of string) error {
	r, err := readReceipt(text, from)
	if err != nil {
		return err
	}
	said := fmt.Sprintf("since %s %s has known notice %x, about %s; what that says, and so what has ended, -of NOTICE tells", stamp(r.AsOf), r.Home, r.Notice, r.Link)
	if home != "" {
		key, err := c.publicKey(home)
		if err != nil {
			return err
		}
		if key != r.Home {
			return &notGood{fmt.Sprintf("%s is not good (of another home): it is by %s, expected %s", from, r.Home, key)}
		}
	}
	if of != "" {
		text, noticeFrom, err := c.text(of, "notice", noticePrefix)
		if err != nil {
			return err
		}
		b, err := grant.ParseNoticeText(text)
		if err != nil {
			return refused(noticeFrom, err)
		}
		concern, err := grant.ConcernOf(b)
		if err != nil {
			return refused(noticeFrom, err)
		}
		if !r.Confirms(concern) {
			return &notGood{fmt.Sprintf("%s is not good (of another notice): it does not confirm %s", from, noticeFrom)}
		}
		said = fmt.Sprintf("since %s %s has known how far the revocations by %s go", stamp(r.AsOf), r.Home, concern.By)
		if concern.Revokes {
			said = fmt.Sprintf("the revocation of %s has had effect since %s, by %s", r.Link, stamp(r.AsOf), r.Home)
		}
	}
	return c.print(showable("good: "+said) + "\n")
}

func readReceipt(text, from string) (*grant.Receipt, error) {
	b, err := grant.ParseReceiptText(text)
	if err != nil {
		return nil, refused(from, err)
	}
	r, err := grant.ParseReceipt(b)
	if err != nil {
		return nil, refused(from, err)
	}
	return r, nil
}

// isReceipt says what sort of text somebody has given, and how to call it in a sentence.
func isReceipt(text, from string) (string, bool) {
	return strings.Replace(from, "grant", "receipt", 1), strings.HasPrefix(text, receiptPrefix)
}
