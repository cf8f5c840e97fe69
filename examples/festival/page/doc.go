// Package page shows a festival's programme to one person, in a browser on the same machine: the schedule by day and stage, what
// the person may do and why, and what has not been delivered yet. It changes by itself when the programme does.
//
// [Open] serves it on a loopback address, to whoever has the URL that [Server.URL] returns: that is a capability. Its secret is
// in the fragment, which browsers send to nobody, so that it is in no log, no request line and no Referer; the script of the page
// takes it out of the address bar and shows it with each request, in a header. There are no cookies, so that no other
// page in the browser can make a request in the person's name, and the page answers by its own name alone, so that no other
// name can be made to lead here (DNS rebinding). Whatever else is shown was said by others, and is put there as text, never as
// markup; the page's policy (CSP) allows nothing from elsewhere, and no script but its own.
package page
