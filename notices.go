package hawser

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

// noticesFile is what hawser grant revoke has written into a node's Dir, perhaps while the node did not run: notices as text, one a
// line. Lines that are empty or begin with # do not matter.
const noticesFile = "notices"

// learnNotices has the node know what the notices in its directory revoke of its grants. It is called before anybody can reach the node.
func (s *shared) learnNotices() error {
	if s.dir == nil {
		return nil
	}
	b, err := s.dir.read(noticesFile)
	if err != nil {
		return err
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		notice, err := grant.ParseNoticeText(line)
		var r *grant.Revocation
		if err == nil {
			r, err = grant.ParseRevocation(notice)
		}
		if err != nil {
			return fmt.Errorf("hawser: line %d of %s is no notice, and what it revoked is not known: get it again, or remove the line: %w", n, filepath.Join(s.dir.path, noticesFile), err)
		}
		if r.Subject == s.office.Host() { // else it was said as a holder of somebody else's grant
			s.office.Hear(notice)
		}
	}
	return nil
}
