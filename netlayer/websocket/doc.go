// Package websocket is the netlayer "websocket" that Spritely Goblins and Endo speak: CapTP over WebSockets, between
// servers behind ordinary web infrastructure and whoever can reach them.
//
// # On the wire
//
// A peer is <ocapn-peer 'websocket "designator" {"url": "wss://…"}>; the designator is an Ed25519 public key of 32 bytes in
// base32, lower case, without padding. Each binary message of the WebSocket is one message of CapTP, as it is. Before
// CapTP the dialler asks the server to prove its key (Goblins 0.18, @endo/ocapn 1.1):
//
//	dialler  <14'init:peer-auth32:RANDOM>
//	server   <17'desc:sig-envelope<14'init:peer-auth32:RANDOM>[7'sig-val[5'eddsa[1'r32:…][1's32:…]]]>
//
// The signature is over the bytes of the first message. A server of ours answers when it has decided to let the dialler
// in. To one it turns away it says so in a close frame: the code 4403, or 4409 if our own dial to the same peer is the one
// that stays, and as reason a signature, in base64url without padding, over <18'hawser:refuse-peer7'refused32:RANDOM>, or
// 'crossed, so that nobody but the server can refuse in its name. Others see a close frame.
//
// While somebody needs the connection it is pinged every 25 s. If the peer has ever answered, and nothing is heard of it
// after four pings, it is taken to be gone.
//
// # What it proves, and what not
//
//   - The dialler knows that the holder of the designator's key has answered this connection's question. It is not known
//     that nobody sits in between: whoever does can pass the question on and the answer back. Only TLS (wss) with a
//     certificate that names the right host excludes that, as far as one trusts those who issue certificates. So there is
//     no Info.Binding, and with ws:// somebody on the way can read and change everything.
//   - The server knows nothing about the dialler, not even where it is if there is a proxy in front: Info.Authenticated is
//     false and Remote has no designator.
//   - The server signs what strangers send it, if it is an init:peer-auth record of 32 bytes, exactly. Its key must
//     therefore be used for nothing else, and never be the key of an identity. The challenge of Goblins 0.17 and before is
//     64 bytes without any form, so that a server that answers it signs whatever it is given: it is refused unless
//     Config.AllowGoblins017 is set.
//
// # Browsers
//
// Nothing here trusts where a web page came from: there are no cookies, and a session can reach nothing without a swiss
// number. Still a page should not knock at ports that only its reader can reach, so requests with an Origin other than the
// host in our URL, by whatever name they have come here, are refused unless Config.Origins lists it. Programs that are no
// browsers send no Origin.
package websocket
