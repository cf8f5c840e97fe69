package hawser

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/sturdyref"
)

// ErrDirInUse says that another node, in another process or in this one, has the directory open. Two nodes with one
// identity would take each other's messages.
var ErrDirInUse = errors.New("hawser: the directory is in use by another node, perhaps of another process: close that one first, or give each its own")

// dir is a node's directory, open and locked.
//
//	lock           held while a process has it open
//	identity       the secret keys, 0600
//	publications   names and their swiss numbers, 0600
//	key-NAME       the key of a network that wants one of its own, 0600
//	port           the UDP port in use last
//	store.db       the durable vats, 0600
type dir struct {
	path string
	lock *os.File
}

// openDir makes the directory if need be and locks it.
func openDir(path string) (*dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("hawser: cannot make the directory %s: %w", path, plain(err))
	}
	f, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("hawser: cannot write in the directory %s: %w", path, plain(err))
	}
	if err := lockFile(f); err != nil {
		_ = f.Close()
		if errors.Is(err, errLocked) {
			return nil, fmt.Errorf("%w: %s", ErrDirInUse, path)
		}
		return nil, fmt.Errorf("hawser: cannot lock the directory %s: %w", path, plain(err))
	}
	d := &dir{path, f}
	if err := d.tidy(); err != nil {
		_ = d.close()
		return nil, err
	}
	return d, nil
}

// tidy removes what a process that died while it replaced a file has left behind — it may hold secrets — and takes from
// others the right to read those there are: a copy made by other means may have given it to them.
func (d *dir) tidy() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("hawser: cannot read the directory %s: %w", d.path, plain(err))
	}
	for _, e := range entries {
		path := filepath.Join(d.path, e.Name())
		name, _, unfinished := strings.Cut(e.Name(), newSuffix)
		known := slices.Contains([]string{"identity", "publications", "port", storeFile}, name) || strings.HasPrefix(name, "key-")
		if !known || !e.Type().IsRegular() {
			continue
		}
		if unfinished {
			err = os.Remove(path)
		} else {
			err = ownersAlone(path)
		}
		if err != nil {
			return fmt.Errorf("hawser: cannot make %s safe: %w", path, plain(err))
		}
	}
	return nil
}

// newSuffix marks a file that is being written and will take the place of another.
const newSuffix = ".new-"

func (d *dir) close() error { return d.lock.Close() }

// plain takes the path out of an error that the sentence around it names already.
func plain(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// read returns a file's content, nil if there is none.
func (d *dir) read(name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(d.path, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("hawser: cannot read %s: %w", filepath.Join(d.path, name), plain(err))
	}
	return b, nil
}

// write replaces a file, whole or not at all.
func (d *dir) write(name string, b []byte) error {
	path := filepath.Join(d.path, name)
	err := func() error {
		f, err := os.CreateTemp(d.path, name+newSuffix+"*") // 0600
		if err != nil {
			return err
		}
		defer func() { _ = os.Remove(f.Name()) }()
		if _, err = f.Write(b); err == nil {
			err = f.Sync()
		}
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
		if err := os.Rename(f.Name(), path); err != nil {
			return err
		}
		return syncDir(d.path)
	}()
	if err != nil {
		return fmt.Errorf("hawser: cannot write %s: %w", path, plain(err))
	}
	return nil
}

// identity returns the identity kept in the directory, made now if there is none.
func (d *dir) identity() (sturdyref.Identity, error) {
	b, err := d.read("identity")
	if err != nil {
		return nil, err
	}
	if b != nil {
		id, err := sturdyref.KeyPairOf(b)
		if err != nil {
			return nil, fmt.Errorf("hawser: %s is damaged or is no identity; nothing was changed: %w", filepath.Join(d.path, "identity"), err)
		}
		return id, nil
	}
	id, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		return nil, err
	}
	b, err = id.Reveal()
	if err != nil {
		return nil, err
	}
	return id, d.write("identity", b)
}

// listen returns the address to listen at: the one that is configured, with the port used last, if there is one, where it
// leaves the port open.
func (d *dir) listen(configured string) (string, error) {
	host := ""
	if configured != "" {
		h, port, err := net.SplitHostPort(configured)
		if n, e := strconv.Atoi(port); err != nil || port != "" && (e != nil || n != 0) {
			return configured, nil // a port, or nonsense that the netlayer has words for
		}
		host = h
	}
	b, err := d.read("port")
	if err != nil || b == nil {
		return configured, err
	}
	port, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 16)
	if err != nil || port == 0 {
		return "", fmt.Errorf("hawser: %s does not hold a port: remove it to have a new one chosen", filepath.Join(d.path, "port"))
	}
	return net.JoinHostPort(host, strconv.FormatUint(port, 10)), nil
}

// keepPort remembers the port that is listened at.
func (d *dir) keepPort(port int) error {
	b, err := d.read("port")
	if err != nil || strings.TrimSpace(string(b)) == strconv.Itoa(port) {
		return err
	}
	return d.write("port", []byte(strconv.Itoa(port)+"\n"))
}

// publicationsFile is how publications are stored: deterministic CBOR.
type publicationsFile struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Entries []publicationEntry
}

type publicationEntry struct {
	_     struct{} `cbor:",toarray"`
	Name  string
	Swiss []byte
}

// Load implements home.Keeper.
func (d *dir) Load() ([]home.Publication, error) {
	b, err := d.read("publications")
	if err != nil || b == nil {
		return nil, err
	}
	var f publicationsFile
	if err := detcbor.Unmarshal(b, &f); err != nil || f.Version != 1 {
		return nil, fmt.Errorf("hawser: %s is damaged, or was written by a later version; nothing was changed", filepath.Join(d.path, "publications"))
	}
	all := make([]home.Publication, len(f.Entries))
	for i, e := range f.Entries {
		all[i] = home.Publication{Name: e.Name, Swiss: sturdyref.SwissNumOf(e.Swiss)}
	}
	return all, nil
}

// Save implements home.Keeper.
func (d *dir) Save(all []home.Publication) error {
	f := publicationsFile{Version: 1}
	for _, p := range all {
		f.Entries = append(f.Entries, publicationEntry{Name: p.Name, Swiss: p.Swiss.Reveal()})
	}
	slices.SortFunc(f.Entries, func(a, b publicationEntry) int { return strings.Compare(a.Name, b.Name) })
	b, err := detcbor.Marshal(f)
	if err != nil {
		return fmt.Errorf("hawser: publications: %w", err)
	}
	return d.write("publications", b)
}
