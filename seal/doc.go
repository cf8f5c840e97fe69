// Package seal makes bytes that only chosen readers can read, and that can lie anywhere: files and records for readers, and
// blobs that are named by their hash.
//
// # Files and records
//
// A [Sealer] seals to one or several static keys: of identities ([sturdyref.Identity]), or keys made for the purpose
// ([ReadKey]), which are the capability to read. An [Opener] opens. A record ([Sealer.Seal], [Opener.Open]) is a short file in memory;
// files are streams of any length ([Sealer.NewWriter], [Opener.NewReader]). The author says nothing (Noise N, a drop box), shows who it is
// (Noise X), or is known to the readers beforehand (Noise K).
//
// Reading is not forging: unless the author is anonymous every chunk is signed by it. Nobody who can read a file, and
// nobody who has stolen a reader's key, can make one that passes as the author's, to that reader or to others.
//
// # Blobs
//
// A [Blob] is the capability to read one sealed blob: its name, which is a hash of the ciphertext, and its key. Who has the name
// alone can keep and serve the blob, and check that it is whole, without being able to read it. A [Shelf] keeps blobs in a
// store; [Get] reads them from any [Source], piece by piece, each of which is verified before it is used.
//
// docs/seal.md defines the formats, and says what is promised and what is not.
package seal
