package bolt

// Inspect is what is done about a file before it is opened.
var Inspect = inspect
