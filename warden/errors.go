package warden

import "github.com/hawser-go/hawser/vat"

// What peers are told. None of it says more than that.
var (
	// ErrRefused is how a reference breaks that was to be had by a grant which is not good here, for whatever reason. The log of the
	// object's home says for which.
	ErrRefused = vat.NewError("grant.refused", "grant: refused: it is not good here, or not for you: ask whoever has given it")
	// ErrBeyond is how a call breaks that is not within what every link of its grant allows.
	ErrBeyond = vat.NewError("grant.beyond", "grant: the call is not within what the grant allows")
	// ErrOver is how calls break by way of a grant that has expired or was revoked.
	ErrOver = vat.NewError("grant.over", "grant: it has expired, or was revoked")
	// ErrGivenUp is how calls break on a reference that was reached by way of a grant and given up since, because very many were reached after
	// it. It is to be had again where it was had.
	ErrGivenUp = vat.NewError("grant.given-up", "grant: the reference was given up for newer ones: get it again by way of what the grant opens")
	// ErrAnswerGone is how the answer to a message breaks that is not kept any more, because many came after it, or that never was, because very
	// many were still to come. The message was heard.
	ErrAnswerGone = vat.NewError("grant.answer-gone", "grant: the call of the message was made, but what it came to is not kept: ask the object")
	// ErrAnswerUnfit is how the answer to a message breaks that cannot be kept. The call was made.
	ErrAnswerUnfit = vat.NewError("grant.answer-unfit", "grant: the call of the message was made, but has brought references, or more than 4096 bytes")
	// ErrOtherMessage is how the answer to a message breaks when another was heard that its author has given the same number. The call of this
	// one was not made.
	ErrOtherMessage = vat.NewError("grant.other-message", "grant: another message with that number was heard: give each a number of its own")
	// ErrManyOpen is how a reference breaks that was to be had by a good grant, when too many are open that were passed on by those before
	// its holder.
	ErrManyOpen = vat.NewError("grant.many-open", "grant: too many are open that come by way of the same link: try again later, or ask for one by another way")
)
