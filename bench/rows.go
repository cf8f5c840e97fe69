package main

import (
	"slices"
	"time"

	"github.com/hawser-go/hawser/bench/floor/wire"
)

// groups lists everything that is timed. The first row of a group is the floor that the others are compared with. What a
// row owes is a target of the project's, as a ratio to the floor and as allocations beyond the floor's.
func groups() []group {
	return slices.Concat(localGroups(), farGroups(), chainGroups(), sessionGroups(), growthGroups(), durableGroups(), lastingGroups(), mailGroups(), grantGroups(), codecGroups())
}

func localGroups() []group {
	return []group{
		{name: "local: same vat, one way", rows: []row{
			{name: "minimal vat", open: sameVat},
			{name: "hawser, written out", open: hawserSameVat(hopWritten), owes: 3, allocs: 1},
			{name: "hawser, reflected", open: hawserSameVat(hopFacet)},
		}},
		{name: "local: other vat, one way", rows: []row{
			{name: "minimal vat", open: otherVat},
			{name: "channel of 1024", open: channelOneWay},
			{name: "hawser, from outside, written out", open: hawserOtherVat(tallyWritten), owes: 2.5, allocs: 1},
			{name: "hawser, from outside, reflected", open: hawserOtherVat(tallyFacet)},
			{name: "hawser, from turns of another vat, written out", open: hawserFromVat, owes: 2.5, allocs: 1},
		}},
		{name: "local: call and answer, from outside", rows: []row{
			{name: "minimal vat", open: hostCall},
			{name: "two channels of 1", open: channelCall},
			{name: "hawser, written out", open: hawserHostCall(spawnWrittenSum), owes: 1.8, allocs: 2},
			{name: "hawser, reflected", open: hawserHostCall(spawnSum)},
			{name: "hawser, function", open: hawserHostCall(spawnPlus)},
		}},
		{name: "local: call and answer, vat to vat", rows: []row{
			{name: "minimal vat", open: vatCalls(1)},
			{name: "hawser, Then", open: byThen(1), owes: 1.8, allocs: 1},
			{name: "hawser, Await", open: byAwait(1)},
		}},
		{name: "local: call and answer, vat to vat, 64 outstanding", rows: []row{
			{name: "minimal vat", open: vatCalls(64)},
			{name: "hawser, Then", open: byThen(64), owes: 1.8, allocs: 3},
			{name: "hawser, Await", open: byAwait(64)},
		}},
	}
}

func farGroups() []group {
	all := []group{{name: "far: QUIC, one caller", by: byP50, rows: []row{
		{name: "raw quic-go echo, one stream", open: direct(wire.QUIC)},
		{name: "raw quic-go echo, gathering writer", open: callers(1, echoes(wire.QUIC))},
		{name: "captp floor", open: callers(1, floorCalls(wire.QUIC))},
		{name: "noisequic echo, no session", open: direct(overFrames)},
		{name: "captp floor over noisequic", open: callers(1, floorCalls(overFrames))},
		{name: "hawser over noisequic, typed", open: callers(1, typed(overNoise)), owes: 1.25, allocs: 6},
		{name: "hawser over noisequic, reflected", open: callers(1, reflected(overNoise)), allocs: 10},
		{name: "hawser over noisequic, dynamic", open: callers(1, dynamic(overNoise)), allocs: 10},
	}}}
	for _, n := range []int{16, 256} {
		g := group{name: outstanding("far: QUIC", n), rows: []row{
			{name: "captp floor", open: callers(n, floorCalls(wire.QUIC))},
			{name: "raw quic-go echo, gathering writer", open: callers(n, echoes(wire.QUIC))},
			{name: "captp floor over noisequic", open: callers(n, floorCalls(overFrames))},
			{name: "hawser over noisequic, typed", open: callers(n, typed(overNoise)), allocs: 6},
			{name: "hawser over noisequic, reflected", open: callers(n, reflected(overNoise)), allocs: 10},
			{name: "hawser over noisequic, dynamic", open: callers(n, dynamic(overNoise)), allocs: 10},
		}}
		if n == 256 {
			g.rows[3].owes = 2
		}
		all = append(all, g)
	}
	all = append(all, group{name: "far: QUIC, one way", rows: []row{
		{name: "captp floor", open: floorTells(wire.QUIC)},
		{name: "hawser over noisequic", open: hawserTells(overNoise, spawnWrittenBird)},
	}})
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
	for _, n := range []int{1, 16, 256} {
		all = append(all, group{name: outstanding("far: simulated network", n), rows: []row{
			{name: "captp floor over netlayer/mem", open: callers(n, floorCalls(overMem))},
			{name: "echo over netlayer/mem", open: callers(n, echoes(overMem))},
			{name: "hawser over netlayer/mem, typed", open: callers(n, typed(overSimulation)), allocs: 6},
			{name: "hawser over netlayer/mem, typed, live", open: callers(n, typedLive(overSimulation))},
			{name: "hawser over netlayer/mem, reflected", open: callers(n, reflected(overSimulation)), allocs: 10},
			{name: "hawser over netlayer/mem, dynamic", open: callers(n, dynamic(overSimulation)), allocs: 10},
		}})
	}
	return append(all, group{name: "far: simulated network, one way", rows: []row{
		{name: "captp floor over netlayer/mem", open: floorTells(overMem)},
		{name: "hawser over netlayer/mem", open: hawserTells(overSimulation, spawnWrittenBird)},
	}})
}

func chainGroups() []group {
	return []group{
		{name: "far: chain of 8, 0 ms", rows: []row{
			{name: "captp floor over QUIC, one call", open: callers(1, floorCalls(wire.QUIC))},
			{name: "captp floor over QUIC, chain", open: callers(1, floorChains(wire.QUIC, 0))},
			{name: "captp floor over TCP, chain", open: callers(1, floorChains(wire.TCP, 0))},
		}},
		{name: "far: chain of 8, 0 ms, beside one call", rows: []row{
			{name: "hawser over noisequic, one call", open: callers(1, typed(overNoise))},
			{name: "hawser over noisequic, chain", open: callers(1, hawserChains(overNoise)), owes: 2},
		}},
		{name: "far: chain of 8, 10 ms one way", slow: true, rows: []row{
			{name: "captp floor over QUIC, chain", open: callers(1, floorChains(wire.QUIC, 10*time.Millisecond))},
			{name: "captp floor over TCP, chain", open: callers(1, floorChains(wire.TCP, 10*time.Millisecond))},
			{name: "hawser over noisequic, chain", open: callers(1, hawserChains(overDelayedNoise(10*time.Millisecond))), owes: 1.025},
		}},
	}
}

func sessionGroups() []group {
	return []group{
		{name: "far: session set-up and first echo", by: byCPU, rows: []row{
			{name: "plain QUIC, throw-away certificate", open: quicSetup},
			{name: "noisequic, no session", open: noiseSetup},
			{name: "captp session over noisequic", open: sessionSetup, owes: 1.6},
			{name: "hawser, anonymous node and sturdyref", open: nodeSetup},
		}},
		{name: "far: bulk, 64 KiB one way", rows: []row{
			{name: "raw quic-go, one stream", open: bulk(wire.QUIC)},
			{name: "raw TCP", open: bulk(wire.TCP)},
			{name: "hawser over noisequic, copied", open: hawserBulk(overNoise, birdRef.Keep), owes: 1.25},
			{name: "hawser over noisequic, borrowed", open: hawserBulk(overNoise, birdRef.See), owes: 1.25},
		}},
	}
}

func growthGroups() []group {
	return []group{
		{name: "growth: far calls, simulated network, 64 outstanding", by: byCPU, rows: []row{
			{name: "hawser, 10 exports", open: callers(64, manyExports(10))},
			{name: "hawser, 1 000 exports", open: callers(64, manyExports(1000)), owes: 1.2},
			{name: "hawser, 100 000 exports", open: callers(64, manyExports(100_000)), owes: 1.2},
		}},
		{name: "growth: local messages, one way", by: byCPU, rows: []row{
			{name: "hawser, 10 objects in the vat", open: manyObjects(10)},
			{name: "hawser, 1 000 objects", open: manyObjects(1000), owes: 1.2},
			{name: "hawser, 100 000 objects", open: manyObjects(100_000), owes: 1.2},
		}},
		{name: "growth: the same with the minimal vat", by: byCPU, rows: []row{
			{name: "minimal vat, 10 objects", open: manyMinimal(10)},
			{name: "minimal vat, 1 000 objects", open: manyMinimal(1000)},
			{name: "minimal vat, 100 000 objects", open: manyMinimal(100_000)},
		}},
	}
}

func codecGroups() []group {
	return []group{
		{name: "codec: encode a small message", rows: []row{
			{name: "CBOR, hand-written", open: encoded(appendCBOR, libraryText)},
			{name: "syrup, hand-written", open: encoded(appendSyrup, encodeTree), owes: 2},
			{name: "syrup, values", open: encodeSyrup},
			{name: "fxamacker/cbor, struct", open: libraryEncode(&small)},
			{name: "fxamacker/cbor, values", open: libraryEncode(tree)},
		}},
		{name: "codec: decode a small message", rows: []row{
			{name: "CBOR, hand-written", open: decodeCBOR},
			{name: "syrup, hand-written", open: pullSyrup, owes: 2},
			{name: "syrup, values", open: decodeSyrup},
			{name: "fxamacker/cbor, struct", open: libraryStruct},
			{name: "fxamacker/cbor, values", open: libraryValues},
		}},
	}
}
