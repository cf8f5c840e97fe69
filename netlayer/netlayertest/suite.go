// Package netlayertest is the suite that every netlayer passes. It states the contract of package netlayer as tests:
// what is true of frames, of closing, of who is at the other end, of early frames, refusals and doors.
//
//	func TestNetlayer(t *testing.T) {
//		netlayertest.Run(t, netlayertest.Subject{Open: open})
//	}
//
// The tests do not sleep and do not time anything: whatever they wait for must happen, and a generous bound turns a
// hang into a failure with every goroutine's stack. Run them with -race.
package netlayertest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/netlayer"
)

// A Subject is a netlayer under test.
type Subject struct {
	// Open is called once for each test and returns a function that opens netlayers, each with an identity of its own,
	// that can reach each other. Both report failures to t. The suite closes what it opens.
	Open func(t testing.TB) func(Host) netlayer.Netlayer
	// Lacks says what the netlayer cannot do. For each the suite then checks that it does not pretend to.
	Lacks Lacks
	// Bubble runs each test in a testing/synctest bubble: for netlayers without real sockets.
	Bubble bool
	// Patience is the most that anything may take; 60 s if zero. It only matters when a test fails.
	Patience time.Duration
}

// A Host is what a test asks of a netlayer it opens.
type Host struct {
	// Doorkeeper decides who comes in; nil lets everybody in.
	Doorkeeper netlayer.Doorkeeper
	// Features are announced to peers.
	Features []string
	// Anonymous dials with a key made for each session, and is never dialled.
	Anonymous bool
}

// Lacks lists what a netlayer cannot do. The zero value is one that can do everything.
type Lacks struct {
	// Authentication: it does not prove designators, and Info says so.
	Authentication bool
	// DiallerAuthentication: it proves who was dialled, to the dialler only, but not who dials, and Info says so.
	DiallerAuthentication bool
	// Binding: its connections have none, and it is zero.
	Binding bool
	// Early: it has no handshake that carries frames, and never asks for them.
	Early bool
	// Credential: its handshake carries none, and it never asks for one.
	Credential bool
	// Verdict: it has no handshake, so Connect returns before the other side has decided; to be refused is to lose the
	// connection, and early frames are lost with it.
	Verdict bool
	// Doors: it does not ask doorkeepers, and a dial with a Key fails.
	Doors bool
	// Keys: it asks Doorkeeper.Admit, but a dial with a Key fails.
	Keys bool
	// Anonymity: it has no anonymous dialling, and no test opens such a Host.
	Anonymity bool
	// Features: it announces none.
	Features bool
	// Addresses: those it dials are no IP addresses, so that Dial.Allow is never asked.
	Addresses bool
	// Resume: its connections cannot be resumed, and a dial with Resume fails.
	Resume bool
}

// Run runs the whole suite, one subtest for each part of the contract.
func Run(t *testing.T, s Subject) {
	if s.Patience == 0 {
		s.Patience = time.Minute
	}
	for _, part := range []struct {
		name string
		test func(*world)
	}{
		{"FramesArriveWholeAndInOrder", framesArrive},
		{"FramesOfEverySize", framesOfEverySize},
		{"FrameTooLargeIsRefusedByWrite", frameTooLarge},
		{"WriteDoesNotKeepSlices", writeDoesNotKeep},
		{"FrameIsValidUntilNextRead", frameIsValid},
		{"MoreTellsTheTruth", moreTellsTheTruth},
		{"ManyConnectionsAtOnce", manyConnections},
		{"CloseDrainsWhatWasWritten", closeDrains},
		{"CloseKeepsWhatHasArrived", closeKeepsArrived},
		{"CloseEndsReadAndWrite", closeEndsReadAndWrite},
		{"CloseIsIdempotentFromAnywhere", closeIsIdempotent},
		{"CloseOfBothEndsAtOnce", closeOfBoth},
		{"NetlayerCloseEndsEverything", netlayerClose},
		{"NetlayerCloseEndsDials", netlayerCloseEndsDials},
		{"InfoIsSymmetric", infoIsSymmetric},
		{"BindingsDiffer", bindingsDiffer},
		{"FeaturesAreTheIntersection", featuresIntersect},
		{"AnonymousDialler", anonymousDialler},
		{"FirstFramesComeFirst", firstFramesComeFirst},
		{"EarlyFillsItsLimit", earlyFillsItsLimit},
		{"EarlyBeyondItsLimitFails", earlyBeyondItsLimit},
		{"EarlyIsNotExecutedOnRefusal", earlyOnRefusal},
		{"RefusalsReachTheDialler", refusals},
		{"DialToNobody", dialToNobody},
		{"DialToSomebodyElse", dialToSomebodyElse},
		{"DialsCross", dialsCross},
		{"DialGoesOnlyWhereAllowed", dialAllowed},
		{"SourceIsWhereTheOtherIs", sourceOfBoth},
		{"ConnectEndsWithItsContext", connectContext},
		{"AcceptEndsWithItsContext", acceptContext},
		{"DoorkeeperSeesWhoComes", doorkeeperSees},
		{"DoorkeeperRefusals", doorkeeperRefuses},
		{"KeyOpensItsLock", keyOpensLock},
		{"RefusedKeysLookAlike", keysLookAlike},
		{"CredentialArrives", credentialArrives},
		{"CredentialTakesRoomFromEarly", credentialIsRoom},
		{"CredentialTooLargeFails", credentialTooLarge},
		{"CredentialDecides", credentialDecides},
		{"ResumeGoesOn", resumed},
		{"ResumeIsRefused", resumeRefused},
		{"ResumeShowsWhoItIs", resumeByAnother},
		{"ResumeByAnAnonymousDialler", resumeAnonymous},
		{"ResumeIsAnnounced", resumeNotAnnounced},
		{"ResumeKeepsToItsSize", resumeTooLong},
		{"ResumeIsGivenUp", resumeGivenUp},
	} {
		t.Run(part.name, func(t *testing.T) {
			if s.Bubble {
				synctest.Test(t, func(t *testing.T) { part.test(newWorld(t, s)) })
				return
			}
			noLeaks(t)
			part.test(newWorld(t, s))
		})
	}
}
