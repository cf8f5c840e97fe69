// Package album holds the objects of photo albums that people share without a server, and without anybody who stands above them.
//
// An album is at home with its owner. Its photos are sealed blobs (package seal): a name, by which anybody may keep and serve one without being
// able to read it, and a key, which the album's list has. So there are two things to be had of an album, by different ways:
//
//   - the list, with the keys, at the album's home alone, by what a grant opens there; and
//   - the sealed bytes, by name, from whoever has them: the owner, or a keeper, while the owner is away.
//
// A grant of an album opens it in a role. Each is a facet, made for its holder ([Peer.Makers]):
//
//	Reader       sees the list, with the keys
//	Keeper       sees the names and sizes of the sealed photos, and none of their keys, titles and captions
//	Contributor  is a reader who may add photos, and take out their own
//
// Every photo is sealed to a key of its own, made when it is added. Whoever is not a reader any more has the keys of what there was, and never
// gets those of what comes.
//
// # What a program does
//
// It has [Blobs] on its disk, which it serves by [Serve] to anybody, and a [Peer], which has the albums of its person and knows those of others. It
// offers the albums for grants, by what Makers returns, and gets at those of others by a [Reach]. Package photos does so with a hawser.Node.
//
// # What others can cost
//
// See the constants: [MaxPhoto], [MaxPhotos] and so on. Whoever says more is refused, by a code. What comes from an album's home, or from a
// shelf, is believed as little: a list is taken whole if it could be one, and pieces of a photo are compared with its name before they
// are used. A keeper keeps as much of an album as its person has said.
package album
