package mailbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Dir is a directory as Files, which is made with the first file. Files have mode 0600. Erase overwrites them in place before it
// removes them: on file systems that write elsewhere than where they have read from, and on flash memory, what was there may
// still be found by who takes the device apart.
type Dir string

// newSuffix marks a file that is being written.
const newSuffix = ".new-"

// List implements Files. It erases what a process that died while it made a file has left.
func (d Dir) List() (names []string, err error) {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("mailbox: cannot read the directory %s: %w", string(d), plain(err))
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), filePrefix) {
			continue
		}
		if strings.Contains(e.Name(), newSuffix) {
			if err := d.Erase(e.Name()); err != nil {
				return nil, err
			}
			continue
		}
		names = append(names, e.Name())
	}
	return names, nil
}

// Read implements Files. A file as long as no prekey is is not read.
func (d Dir) Read(name string) ([]byte, error) {
	path := filepath.Join(string(d), name)
	info, err := os.Stat(path)
	if err == nil && info.Size() > 1<<12 {
		return nil, fmt.Errorf("%w: %s has %d bytes, a prekey has fewer", ErrMalformed, path, info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("mailbox: cannot read %s: %w", path, plain(err))
	}
	return b, nil
}

// Create implements Files.
func (d Dir) Create(name string, content []byte) error {
	path := filepath.Join(string(d), name)
	err := func() error {
		if err := os.MkdirAll(string(d), 0o700); err != nil {
			return err
		}
		f, err := os.CreateTemp(string(d), name+newSuffix+"*") // 0600
		if err != nil {
			return err
		}
		if _, err = f.Write(content); err == nil {
			err = f.Sync()
		}
		if e := f.Close(); err == nil {
			err = e
		}
		if err == nil {
			err = os.Rename(f.Name(), path)
		}
		if err != nil {
			_ = d.Erase(filepath.Base(f.Name()))
			return err
		}
		return d.sync()
	}()
	if err != nil {
		return fmt.Errorf("mailbox: cannot write %s: %w", path, plain(err))
	}
	return nil
}

// Erase implements Files.
func (d Dir) Erase(name string) error {
	path := filepath.Join(string(d), name)
	err := func() error {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		// Zeros say at the next start, if this is as far as it goes, that there is nothing to be read here.
		if _, err := f.WriteAt(make([]byte, min(info.Size(), 1<<16)), 0); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		return d.sync()
	}()
	if err != nil {
		return fmt.Errorf("mailbox: cannot erase %s: %w", path, plain(err))
	}
	return nil
}

// sync has the directory itself written, where that can be asked for.
func (d Dir) sync() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return f.Sync()
}

// plain takes the path out of an error that the sentence around it names already.
func plain(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
