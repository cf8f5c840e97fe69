package conformance

import "slices"

// Draft is the commit of https://github.com/ocapn/ocapn that the clauses were
// taken from.
const Draft = "9279671cb10ef06b4bd2c9dabd9bd020b89aaf7d"

// Level says how much the draft demands.
type Level string

const (
	// Must is what the draft demands, or defines as the meaning of a message.
	Must Level = "must"
	// Should is what the draft recommends.
	Should Level = "should"
	// Robust is what the draft takes for granted: a peer survives what others send.
	Robust Level = "robust"
)

// Clause is one demand on a peer.
type Clause struct {
	ID      string // stable, such as "deliver-3"
	Section string // of the draft, "document, heading"
	Level   Level
	Text    string // in our words
	// Unseen, if not empty, says why nobody can tell from outside; such a clause
	// has no checks.
	Unseen string
}

// Clauses returns all clauses, in the order of the draft.
func Clauses() []Clause { return slices.Clone(clauses) }

const (
	establishing = "CapTP, Establishing a connection"
	starting     = "CapTP, op:start-session"
	promises     = "CapTP, Promises"
	bootstrapDoc = "CapTP, The bootstrap Object"
	delivering   = "CapTP, op:deliver"
	listening    = "CapTP, op:listen"
	getting      = "CapTP, op:get"
	indexing     = "CapTP, op:index"
	untagging    = "CapTP, op:untag"
	exportsGC    = "CapTP, op:gc-exports"
	answersGC    = "CapTP, op:gc-answers"
	descriptors  = "CapTP, Descriptors"
	handoffs     = "CapTP, Third Party Handoffs"
	receiving    = "CapTP, desc:handoff-receive"
	givingDoc    = "CapTP, desc:handoff-give"
	locators     = "Locators, peer Locator"
	outsideDraft = "(robustness)"
)

var clauses = []Clause{
	{ID: "session-1", Section: establishing, Level: Must, Text: "Each session has a key pair of its own."},
	{ID: "session-2", Section: establishing, Level: Must, Text: "A peer sends op:start-session when a channel has been opened, before anything else."},
	{ID: "session-3", Section: establishing, Level: Must, Text: "Nothing is delivered before the other side's op:start-session has been received and verified."},

	{ID: "start-1", Section: starting, Level: Must, Text: "The captp-version sent is 1.0."},
	{ID: "start-2", Section: starting, Level: Must, Text: "A connection whose captp-version differs is aborted."},
	{ID: "start-3", Section: starting, Level: Must, Text: "The location sent is signed with the session key sent beside it."},
	{ID: "start-4", Section: starting, Level: Must, Text: "A session whose location does not verify is aborted."},
	{ID: "start-5", Section: starting, Level: Must, Text: "A second op:start-session aborts the session."},
	{ID: "start-6", Section: starting, Level: Must, Text: "An active session with a peer is used instead of opening another, whoever opened it."},
	{ID: "start-7", Section: "CapTP, Crossed Hellos Resolution", Level: Must, Text: "Of two sessions opened at once, the one whose opener has the bytewise lower public identifier is aborted and the other stays."},
	{ID: "start-8", Section: starting, Level: Should, Text: "A session with a peer that has an active one is aborted, and the active one stays."},

	{ID: "abort-1", Section: "CapTP, op:abort", Level: Should, Text: "After op:abort the connection is severed: nothing that follows it is executed."},
	{ID: "abort-2", Section: "CapTP, op:abort", Level: Should, Text: "After op:abort everything kept for the session is removed.", Unseen: "what a peer keeps in memory cannot be asked for"},
	{ID: "abort-3", Section: "CapTP, Ending a session", Level: Should, Text: "Promises that were unresolved when a session ended are broken."},

	{ID: "bootstrap-1", Section: bootstrapDoc, Level: Must, Text: "The bootstrap object is exported at position 0 as soon as both sides have said op:start-session."},
	{ID: "bootstrap-2", Section: bootstrapDoc + ", fetch", Level: Must, Text: "fetch results in the object that the swiss number stands for."},
	{ID: "bootstrap-3", Section: bootstrapDoc + ", fetch", Level: Must, Text: "fetch results in an error if there is no such object or no swiss number is given."},

	{ID: "promise-1", Section: promises + ", fulfill", Level: Must, Text: "A resolver is sent fulfill with exactly one argument."},
	{ID: "promise-2", Section: promises + ", break", Level: Must, Text: "A resolver is sent break with a single argument, the error, which reaches listeners as it was given."},
	{ID: "promise-3", Section: promises, Level: Should, Text: "If a promise breaks, so do the promises for messages sent to it, however long the pipeline."},
	{ID: "promise-4", Section: "Model, Promise", Level: Must, Text: "Messages to a promise that is fulfilled with a value that is no reference are not forwarded; their promises break."},

	{ID: "deliver-1", Section: delivering, Level: Must, Text: "A message is delivered to the object its to-desc names, with its arguments, and the result to the resolver."},
	{ID: "deliver-2", Section: delivering, Level: Must, Text: "A promise is made at the answer position and resolves to the result of the message."},
	{ID: "deliver-3", Section: delivering, Level: Must, Text: "Messages to an answer promise are delivered to the object it resolves to."},
	{ID: "deliver-4", Section: delivering, Level: Should, Text: "An answer promise stays available until it is given up by op:gc-answers."},
	{ID: "deliver-5", Section: "Netlayers, Properties of a netlayer", Level: Should, Text: "Messages to one object, sent through a promise too, are delivered in the order in which they were sent."},
	{ID: "deliver-6", Section: delivering, Level: Must, Text: "A message to an object that was exported to the peer goes to desc:export with the position it was exported at."},
	{ID: "deliver-7", Section: delivering, Level: Must, Text: "An answer position that is in use is not used for another message."},
	{ID: "deliver-8", Section: delivering, Level: Must, Text: "Messages pipelined to an answer go to desc:answer with its position.", Unseen: "whether a peer pipelines at all is its own choice"},
	{ID: "deliver-9", Section: delivering, Level: Must, Text: "The answer position is false if no result is expected.", Unseen: "what a peer expects cannot be known"},

	{ID: "listen-1", Section: listening, Level: Must, Text: "A listener is told when the promise is fulfilled or broken."},
	{ID: "listen-2", Section: listening, Level: Must, Text: "A listener to a promise that was settled before is told too."},
	{ID: "listen-3", Section: listening, Level: Should, Text: "A listener is not told of another promise of the same peer but of what that settles to."},
	{ID: "listen-4", Section: listening, Level: Must, Text: "op:listen is sent only for promises of the receiver's, with a resolver of the sender's."},

	{ID: "get-1", Section: getting, Level: Must, Text: "The answer resolves to the field of the struct that the receiver settles to, sooner or later."},
	{ID: "get-2", Section: getting, Level: Must, Text: "The answer breaks if the field is absent or the receiver is no struct."},
	{ID: "get-3", Section: getting, Level: Must, Text: "The answer breaks with the receiver's reason if the receiver breaks."},
	{ID: "index-1", Section: indexing, Level: Must, Text: "The answer resolves to the element, counted from 0, of the list that the receiver settles to."},
	{ID: "index-2", Section: indexing, Level: Must, Text: "The answer breaks if the index is out of bounds or the receiver is no list."},
	{ID: "index-3", Section: indexing, Level: Must, Text: "The answer breaks with the receiver's reason if the receiver breaks."},
	{ID: "untag-1", Section: untagging, Level: Must, Text: "The answer resolves to the value inside the tagged value that the receiver settles to."},
	{ID: "untag-2", Section: untagging, Level: Must, Text: "The answer breaks if the tag differs or the receiver is not tagged."},
	{ID: "untag-3", Section: untagging, Level: Must, Text: "The answer breaks with the receiver's reason if the receiver breaks."},

	{ID: "select-1", Section: getting + ", op:index, op:untag", Level: Must, Text: "op:get, op:index and op:untag name a desc:answer or desc:export and a new answer position.", Unseen: "no object of the public suite makes a peer send them"},

	{ID: "gc-1", Section: exportsGC, Level: Must, Text: "References that are no longer needed are given up, with as many receipts as there were."},
	{ID: "gc-2", Section: exportsGC, Level: Must, Text: "Each time a reference is sent it counts: giving up fewer receipts than there were leaves it valid."},
	{ID: "gc-3", Section: answersGC, Level: Must, Text: "An answer that is no longer of interest is given up, by a position that was used."},
	{ID: "gc-4", Section: answersGC, Level: Must, Text: "A position that was given up can be used again."},

	{ID: "desc-1", Section: descriptors + ", desc:import-object", Level: Must, Text: "A position stands for one object only: different objects and promises have different ones."},
	{ID: "desc-2", Section: "Model, Target", Level: Must, Text: "An object that is sent again is the same object, and is described by the same position."},
	{ID: "desc-3", Section: descriptors + ", desc:export", Level: Must, Text: "An object that goes back to who exported it is described by desc:export and its position."},
	{ID: "desc-4", Section: "Model, Promise", Level: Must, Text: "A promise that is sent arrives as a promise, settled or not.", Unseen: "when a peer replaces a promise by what it has become is its own choice; desc:import-promise is seen in other checks"},

	{ID: "handoff-1", Section: handoffs + ", from the Gifter's perspective", Level: Must, Text: "A reference imported from another session is handed off: the gift is deposited with the exporter and a signed desc:handoff-give takes the reference's place."},
	{ID: "handoff-2", Section: givingDoc, Level: Must, Text: "The fields of a desc:handoff-give say who may have the gift, where it is, and in which session and by whom it was deposited."},
	{ID: "handoff-3", Section: givingDoc, Level: Must, Text: "A desc:handoff-give is always in a desc:sig-envelope, signed with the gifter's key of its session with the exporter."},
	{ID: "handoff-4", Section: handoffs + ", from the Receiver's perspective", Level: Must, Text: "The receiver opens a session with the exporter if it has none and sends the desc:handoff-receive to withdraw-gift of the bootstrap object."},
	{ID: "handoff-5", Section: receiving, Level: Must, Text: "A desc:handoff-receive is always in a desc:sig-envelope, signed with the receiver's key of its session with the gifter."},
	{ID: "handoff-6", Section: receiving, Level: Must, Text: "A desc:handoff-receive holds the session with the exporter, the receiver's public identifier there, and the signed desc:handoff-give as it came."},
	{ID: "handoff-7", Section: receiving, Level: Must, Text: "A handoff count is not used twice in a session."},
	{ID: "handoff-8", Section: handoffs + ", from the Receiver's perspective", Level: Should, Text: "A desc:handoff-give that names another receiver is not acted on."},
	{ID: "handoff-9", Section: handoffs + ", from the Receiver's perspective", Level: Must, Text: "Messages sent to a handed-off reference reach the gift."},
	{ID: "handoff-10", Section: handoffs + ", from the Exporter's perspective", Level: Must, Text: "Who withdraws a gift, an object or a promise, gets it, whether it has been deposited before or is deposited later."},
	{ID: "handoff-11", Section: receiving, Level: Must, Text: "A desc:handoff-receive whose signature does not verify with the key that the give names is refused with a broken promise."},
	{ID: "handoff-12", Section: receiving, Level: Must, Text: "A desc:handoff-give whose signature does not verify with the gifter's key is refused with a broken promise."},
	{ID: "handoff-13", Section: receiving, Level: Must, Text: "A handoff count that was used in the session is refused, whatever gift it is for, and after another deposit too."},
	{ID: "handoff-14", Section: receiving, Level: Must, Text: "A desc:handoff-receive for another session or from another side than the one it comes in is refused."},
	{ID: "handoff-15", Section: receiving, Level: Must, Text: "A desc:handoff-give for a session that does not exist, or from another side of it, is refused."},
	{ID: "handoff-16", Section: handoffs + ", from the Exporter's perspective", Level: Must, Text: "Nobody but the receiver that the gifter named can withdraw a gift."},
	{ID: "handoff-17", Section: receiving, Level: Should, Text: "A gift cannot be withdrawn after the session in which it was, or was to be, deposited has ended; who waits for it is told."},

	{ID: "model-1", Section: "Model, Atom", Level: Must, Text: "Undefined, Null and Booleans keep their type and value."},
	{ID: "model-2", Section: "Model, Integer and Float64", Level: Must, Text: "Integers of any size and floats, with -0, infinities and NaN, keep their type and value."},
	{ID: "model-3", Section: "Model, String, Symbol and ByteArray", Level: Must, Text: "Strings, symbols and byte arrays keep their type and content."},
	{ID: "model-4", Section: "Model, Container", Level: Must, Text: "Lists, structs and tagged values keep their type and content."},
	{ID: "model-5", Section: "Model, Error", Level: Must, Text: "An error arrives as an error."},
	{ID: "model-6", Section: "Model, Equality", Level: Must, Text: "The values of every language are equal exactly if OCapN's are.", Unseen: "equality inside a peer cannot be asked for"},
	{ID: "notation-1", Section: "Notation", Level: Must, Text: "Every message sent can be read by the grammar of the notation and has one of the shapes of the draft, or of a revision before it that is in use."},
	{ID: "locator-1", Section: locators, Level: Must, Text: "A locator has a transport without a dot and a designator; the one in op:start-session is where the peer was found."},
	{ID: "locator-2", Section: locators + "; Netlayers", Level: Must, Text: "Transport and designator alone tell peers apart; hints do not."},
	{ID: "locator-3", Section: "Netlayers, Tor Onion Netlayer", Level: Must, Text: "The designator of a peer on the onion netlayer is its service id.", Unseen: "the checker is given a netlayer, whose own tests show it"},

	{ID: "hostile-1", Section: outsideDraft, Level: Robust, Text: "Bytes that are no message end at most the session they came in."},
	{ID: "hostile-2", Section: outsideDraft, Level: Robust, Text: "Values beyond every limit (depth, announced length, digits) end at most the session they came in."},
	{ID: "hostile-3", Section: outsideDraft, Level: Robust, Text: "Messages that are well-formed and wrong (unknown operation, wrong kind of descriptor) end at most the session they came in."},
	{ID: "hostile-4", Section: outsideDraft, Level: Robust, Text: "Positions that do not exist end at most the session they came in."},
	{ID: "hostile-5", Section: outsideDraft, Level: Robust, Text: "Counts of op:gc-exports that are too high, and gc of what was never there, end at most the session they came in."},
	{ID: "hostile-6", Section: outsideDraft, Level: Robust, Text: "An answer position that is used twice ends at most the session it came in."},
	{ID: "hostile-7", Section: outsideDraft, Level: Robust, Text: "Promises that resolve to themselves do not keep the peer from its work."},
	{ID: "hostile-8", Section: outsideDraft, Level: Robust, Text: "Peers that connect and say nothing, and peers that send much, do not keep it from its work either."},
}
