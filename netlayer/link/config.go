package link

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref"
)

// Config bounds what links may take. Nil, and the zero value of each field, mean the defaults.
type Config struct {
	// Grace is how long a link waits for the next connection to a peer that has an identity (default 10 minutes), and
	// AnonymousGrace to one that has dialled without (default 2 minutes, or Grace if that is less).
	Grace, AnonymousGrace time.Duration
	// Buffer and BufferFrames bound the frames of a link that the peer has not acknowledged, in bytes (default 8 MiB) and in
	// number (default 65 536). Beyond, Write waits.
	Buffer, BufferFrames int
	// Stall is how long Write waits for a peer that is connected and acknowledges nothing, before the link ends (default
	// 2 minutes).
	Stall time.Duration
	// MaxSuspended bounds the links without a connection (default 1024), MaxSuspendedPerPeer those of one peer, or of one
	// source if it is anonymous (default 8), and MaxSuspendedBytes what they hold together (default 64 MiB). Of too many, the
	// longest suspended end, those of anonymous diallers first.
	MaxSuspended, MaxSuspendedPerPeer, MaxSuspendedBytes int
	// DialTimeout bounds each attempt to reach the peer again (default 10 s).
	DialTimeout time.Duration
	// Store, if not nil, is where links are that outlive their process: connections that can be had to are [netlayer.Lasting],
	// and [Netlayer.Kept] returns those of earlier processes. It is the node's, opened for it, and stays open until Close has returned.
	Store *store.Store
	// Mail, if not nil, carries frames of links that last while there is no connection.
	Mail Mail
	// Lease is how long a link that outlives its process waits for its next connection (default 90 days), whether a process is
	// there or not. An anonymous dialler, which does not outlive its own, is waited for as ever.
	Lease time.Duration
	// MaxLasting bounds the links that outlive their process (default 4096), and MaxLastingPerPeer those of one peer, or of one
	// source if it is anonymous (default 8). MaxLastingPerSource bounds those of strangers at one
	// source (default 64), also from before a restart: of peers that have dialled, or begun a link by a letter, or were dialled with a
	// Dial.Allow, as another peer had said where they are. In one network, an IPv4 /24 or an IPv6 /48, or by letters, there may be four times
	// as many, and all of strangers are at most three fourths of MaxLasting. Beyond, [netlayer.Lasting.Last] refuses: none of those
	// that are there has to go.
	MaxLasting, MaxLastingPerPeer, MaxLastingPerSource int
	// Trust, if not nil, says which peers are not counted by where they come from. It may be called by any goroutine, and must return at
	// once.
	Trust func(sturdyref.PeerID) bool
	// Allow says which addresses may be dialled after a restart for links whose Dial.Allow was not nil, which cannot be
	// stored. Default: none of them is; the peer is waited for.
	Allow func(netip.Addr) bool
	// Locate, if not nil, returns hints for a peer that could not be reached where it was dialled before.
	Locate func(ctx context.Context, peer sturdyref.PeerID) (hints map[string]string, err error)
	// Logger is told at level Info when a link is suspended and when it goes on. Default: nobody.
	Logger hclog.Logger
}

// Times that nobody has to choose.
const (
	// ackInterval and ackFrames are when an acknowledgement is sent: whichever comes first, or with frames that are sent
	// anyway when half of ackFrames have gathered.
	ackInterval = 50 * time.Millisecond
	ackFrames   = 1024
	// ackBytes is when it is sent for the sake of the peer's buffer.
	ackBytes = 256 << 10
	// unheardGrace is the grace of a link whose dialler has said nothing since it was admitted, and may not know that it was.
	unheardGrace = 5 * time.Second
	// closeLinger bounds how long Close waits for what was written to be handed to the network.
	closeLinger = 2 * time.Second
	// The dialler waits for a moment that chance chooses up to firstWait before it dials again, then for twice as long each
	// time, up to lastWait.
	firstWait = 100 * time.Millisecond
	lastWait  = 15 * time.Second
	// turnedWait is how long the side that was dialled, and knows where the peer can be, leaves the dialling to that.
	turnedWait = 3 * time.Second
	// maxRefusals is how many refusals in a row are believed: one may be somebody else's, or that of a peer in trouble.
	maxRefusals = 4
	// longestWait is what it comes to for a link that outlives its process, which waits for one part in awayPart of the time
	// that the peer has been away.
	longestWait = 10 * time.Minute
	awayPart    = 16
	// noteInterval is when what a link that lasts need not know for certain is written: what the peer has acknowledged, which
	// is deleted; or sooner, at noteAcks acknowledgements. noteFrames is how many frames one transaction deletes at most.
	noteInterval = time.Second
	noteAcks     = 8
	noteFrames   = 4096
	// contactInterval is how often it is written, at least, that the peer is connected.
	contactInterval = time.Hour
	// hot is how many bytes of frames that have not gone out a link that lasts has in memory, about; the others are read
	// from the store.
	hot = 512 << 10
	// confirmWait is how long the peer has to confirm that it is not where it should be.
	confirmWait = 5 * time.Second
	// maxAnswering bounds the resumptions that are being answered at once.
	maxAnswering = 256
)

func (c *Config) validated() (Config, error) {
	var v Config
	if c != nil {
		v = *c
	}
	for _, n := range []struct {
		name  string
		value *int
		usual int
	}{
		{"Buffer", &v.Buffer, 8 << 20},
		{"BufferFrames", &v.BufferFrames, 1 << 16},
		{"MaxSuspended", &v.MaxSuspended, 1024},
		{"MaxSuspendedPerPeer", &v.MaxSuspendedPerPeer, 8},
		{"MaxSuspendedBytes", &v.MaxSuspendedBytes, 64 << 20},
		{"MaxLasting", &v.MaxLasting, 4096},
		{"MaxLastingPerPeer", &v.MaxLastingPerPeer, 8},
		{"MaxLastingPerSource", &v.MaxLastingPerSource, 64},
	} {
		if *n.value < 0 {
			return v, fmt.Errorf("link: Config.%s is %d: give a positive number, or 0 for %d", n.name, *n.value, n.usual)
		}
		if *n.value == 0 {
			*n.value = n.usual
		}
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		usual time.Duration
	}{
		{"Grace", &v.Grace, 10 * time.Minute},
		{"AnonymousGrace", &v.AnonymousGrace, 2 * time.Minute},
		{"Stall", &v.Stall, 2 * time.Minute},
		{"Lease", &v.Lease, 90 * 24 * time.Hour},
		{"DialTimeout", &v.DialTimeout, 10 * time.Second},
	} {
		if *d.value < 0 {
			return v, fmt.Errorf("link: Config.%s is %v: give a positive time, or 0 for %v", d.name, *d.value, d.usual)
		}
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
	if v.Allow == nil {
		v.Allow = func(netip.Addr) bool { return false }
	}
	v.AnonymousGrace = min(v.AnonymousGrace, v.Grace)
	if v.Logger == nil {
		v.Logger = hclog.NewNullLogger()
	}
	return v, nil
}
