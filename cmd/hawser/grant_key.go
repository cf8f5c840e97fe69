package main

import (
	"crypto"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

const grantKeyUsage = `NEWFILE
       hawser grant key -dir DIR
       hawser grant key -key FILE

Makes an identity, puts it into a new file that its owner alone can read, and prints the public key, which others need to grant something to
its owner. With -dir or -key it prints that of an identity there is.

`

// makeKey is hawser grant key.
func (c *grantCommand) makeKey(args []string) error {
	c.signerFlags()
	if files, err := arguments(c.flags, args, 1); err == nil && len(files) == 0 && (c.dir != "" || c.key != "") {
		id, err := c.identity()
		if err != nil {
			return err
		}
		return c.print(grant.KeyOf(grant.SignerOf(id)).String() + "\n")
	}
	files, err := c.parse(args, grantKeyUsage, "NEWFILE")
	switch {
	case err != nil:
		return err
	case c.dir != "" || c.key != "":
		return c.misuse("it makes a key, or prints that of -dir or -key, not both")
	}
	id, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		return err
	}
	b, err := id.Reveal()
	if err != nil {
		return err
	}
	if err := keepSecret(files[0], b); err != nil {
		return err
	}
	return c.print(grant.KeyOf(grant.SignerOf(id)).String() + "\n")
}

// keepSecret writes a file that its owner alone can read, whole or not at all. One that is there stays as it is.
func keepSecret(path string, content []byte) error {
	err := func() error {
		if _, err := os.Lstat(path); err == nil {
			return fs.ErrExist
		}
		f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // 0600
		if err != nil {
			return err
		}
		defer func() { _ = os.Remove(f.Name()) }()
		if _, err = f.Write(content); err == nil {
			err = f.Sync()
		}
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
		// A link, unlike a rename, takes nobody's place; but not every file system has any.
		if err = os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
			err = os.Rename(f.Name(), path)
		}
		if d, e := os.Open(filepath.Dir(path)); e == nil {
			_ = d.Sync() // as far as the system can: a key whose public half is out had better outlive a power cut
			_ = d.Close()
		}
		return err
	}()
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%q is there already and stays as it is: name a file that does not exist, or remove it if nobody needs the secret in it", shortened(path))
	case err != nil:
		return fmt.Errorf("%q cannot be written: %w", shortened(path), unpathed(err))
	}
	return nil
}

// signerFlags are those that say whose key signs.
func (c *grantCommand) signerFlags() {
	c.flags.StringVar(&c.dir, "dir", "", "sign as the node whose Dir this is, `DIR`; it may be running")
	c.flags.StringVar(&c.key, "key", "", "sign with the identity in this `file`, as hawser grant key makes one")
}

// identity returns that which -dir or -key name.
func (c *grantCommand) identity() (sturdyref.Identity, error) {
	switch {
	case c.dir != "" && c.key != "":
		return nil, c.misuse("-dir and -key both say who signs: give one of them")
	case c.key != "":
		return readIdentity(c.key)
	case c.dir == "":
		return nil, c.misuse("it is not said whose key signs: give -dir DIR of a node, or -key FILE")
	}
	id, err := hawser.IdentityIn(c.dir)
	if err != nil {
		return nil, errors.New(plainly(err))
	}
	return id, nil
}

// signer is identity as a signer, or for what came with its own key, that.
func (c *grantCommand) signer(g given) (crypto.Signer, error) {
	if own := g.bearer.Signer(); own != nil && c.dir == "" && c.key == "" {
		return own, nil
	}
	id, err := c.identity()
	if err != nil {
		return nil, err
	}
	return grant.SignerOf(id), nil
}

// readIdentity reads an identity from a file that nobody else can read.
func readIdentity(path string) (sturdyref.Identity, error) {
	const enough = 4096
	name := shortened(path)
	info, err := os.Stat(path) // before it is opened, which would wait for the other end of a pipe
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %q: hawser grant key makes one", name)
	case err != nil:
		return nil, fmt.Errorf("the key file %q cannot be read: %w", name, unpathed(err))
	case info.IsDir():
		return nil, fmt.Errorf("%q is a directory: give it as -dir if it is that of a node", name)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q is no regular file: an identity is kept in one", name)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("others can read the key file %q (mode %04o): take that from them (chmod 600), and if they may have done so make a new key", name, info.Mode().Perm())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the key file %q cannot be read: %w", name, unpathed(err))
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, enough+1))
	if err != nil {
		return nil, fmt.Errorf("the key file %q cannot be read: %w", name, unpathed(err))
	}
	id, err := sturdyref.KeyPairOf(b)
	if len(b) > enough || err != nil {
		return nil, fmt.Errorf("%q holds no identity, or it is damaged: give a file that hawser grant key has made, or the file identity of a node's Dir", name)
	}
	return id, nil
}

// print writes to standard output, all at once.
func (c *grantCommand) print(text string) error {
	if _, err := io.WriteString(c.stdout, text); err != nil {
		return fmt.Errorf("standard output cannot be written: %w", unpathed(err))
	}
	return nil
}
