package main

import (
	"time"

	"github.com/hawser-go/hawser/bench/floor/wire"
)

// groups lists everything that is timed. The first row of a group is the floor that the others are compared with; to
// put Hawser beside a floor add a row to its group, with the ratio it owes.
func groups() []group {
	all := []group{
		{name: "local: same vat, one way", rows: []row{
			{name: "minimal vat", open: sameVat},
		}},
		{name: "local: other vat, one way", rows: []row{
			{name: "minimal vat", open: otherVat},
			{name: "channel of 1024", open: channelOneWay},
		}},
		{name: "local: call and answer, from outside", rows: []row{
			{name: "minimal vat", open: hostCall},
			{name: "two channels of 1", open: channelCall},
		}},
		{name: "local: call and answer, vat to vat", rows: []row{
			{name: "minimal vat", open: vatCalls(1)},
		}},
		{name: "local: call and answer, vat to vat, 64 outstanding", rows: []row{
			{name: "minimal vat", open: vatCalls(64)},
		}},
		{name: "far: QUIC, one caller", rows: []row{
			{name: "raw quic-go echo, one stream", open: direct(wire.QUIC)},
			{name: "raw quic-go echo, gathering writer", open: callers(1, echoes(wire.QUIC))},
			{name: "captp floor", open: callers(1, floorCalls(wire.QUIC))},
		}},
	}
	for _, n := range []int{16, 256} {
		all = append(all, group{name: outstanding("far: QUIC", n), rows: []row{
			{name: "captp floor", open: callers(n, floorCalls(wire.QUIC))},
			{name: "raw quic-go echo, gathering writer", open: callers(n, echoes(wire.QUIC))},
		}})
	}
	all = append(all, group{name: "far: TCP, one caller", rows: []row{
		{name: "captp floor", open: callers(1, floorCalls(wire.TCP))},
		{name: "raw TCP echo", open: direct(wire.TCP)},
	}})
	for _, n := range []int{16, 256} {
		all = append(all, group{name: outstanding("far: TCP", n), rows: []row{
			{name: "captp floor", open: callers(n, floorCalls(wire.TCP))},
			{name: "raw TCP echo, gathering writer", open: callers(n, echoes(wire.TCP))},
		}})
	}
	for _, n := range []int{1, 256} {
		all = append(all, group{name: outstanding("far: simulated network", n), rows: []row{
			{name: "captp floor over netlayer/mem", open: callers(n, floorCalls(overMem))},
			{name: "echo over netlayer/mem", open: callers(n, echoes(overMem))},
		}})
	}
	return append(all,
		group{name: "far: chain of 8, 0 ms", rows: []row{
			{name: "captp floor over QUIC, one call", open: callers(1, floorCalls(wire.QUIC))},
			{name: "captp floor over QUIC, chain", open: callers(1, floorChains(wire.QUIC, 0))},
			{name: "captp floor over TCP, chain", open: callers(1, floorChains(wire.TCP, 0))},
		}},
		group{name: "far: chain of 8, 10 ms one way", rows: []row{
			{name: "captp floor over QUIC, chain", open: callers(1, floorChains(wire.QUIC, 10*time.Millisecond))},
			{name: "captp floor over TCP, chain", open: callers(1, floorChains(wire.TCP, 10*time.Millisecond))},
		}},
		group{name: "far: session set-up and first echo", rows: []row{
			{name: "plain QUIC, throw-away certificate", open: quicSetup},
		}},
		group{name: "far: bulk, 64 KiB one way", rows: []row{
			{name: "raw quic-go, one stream", open: bulk(wire.QUIC)},
			{name: "raw TCP", open: bulk(wire.TCP)},
		}},
	)
}
