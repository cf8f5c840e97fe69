package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPhotosDemo runs what the README has of photos.
func TestPhotosDemo(t *testing.T) {
	t.Parallel()
	demonstrates(t, []string{"photos", "demo"},
		"kit   sees   ! vat: no such method",
		"ada   is killed\n",
		"vera  sees   fetched 1.1 to ",
		"from kit\n",
		"vera  has    choir.png, byte by byte\n",
		"vera  sees   ! kit has something else in its place",
		"vera  has    nothing of it\n",
		"fred  has    choir.png, byte by byte\n",
		"ada   sees   revoked 1: album 1, vera\n",
		"fred  sees   ! you are not a reader of this album any more",
		`vera  sees   = 2: "Ferries", 2 photos`,
		"\nAll as it should be: ",
	)
}

// What is wrong is said in one line.
func TestPhotosUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"photos"}, 2, "every owner shares their own"},
		{[]string{"photos", "dance"}, 2, `no command "dance"`},
		{[]string{"photos", "open"}, 2, "--dir is missing"},
		{[]string{"photos", "open", "--dri", dir}, 2, "-dri"},
		{[]string{"photos", "open", "--dir", dir, "more"}, 2, `"more" is one argument too many`},
		{[]string{"photos", "open", "--dir", file}, 1, "cannot make the directory"},
		{[]string{"photos", "demo", "--dir", dir}, 2, "-dir"},
	} {
		misused(t, c.args, c.code, c.want, len(c.args) > 1)
	}
	for _, args := range [][]string{{"photos", "--help"}, {"photos", "open", "--help"}, {"photos", "demo", "--help"}} {
		if out, err := runs(t, args...).Output(); err != nil || !strings.Contains(string(out), "festival photos") {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
}

// Owners are asked from time to time what is new, and whoever types need not wait for one who is away.
func TestPhotosInTheBackground(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opens := func(who string) (*actor, string) {
		a := begin(t, who, "photos", "open", "--dir", filepath.Join(dir, who), "--listen", loopback, "--sync", "1s")
		return a, strings.TrimPrefix(a.sees("key "), "key ")
	}
	ada, _ := opens("ada")
	kit, key := opens("kit")
	photo := filepath.Join(dir, "photo.png")
	if err := os.WriteFile(photo, []byte("a photo"), 0o600); err != nil {
		t.Fatal(err)
	}
	ada.says("album Harbour")
	ada.says("share 1 keeper " + key + " kit")
	kit.says("accept " + ada.sees("invitation hawser-grant:"))
	kit.sees("accepted album 1")
	kit.says("keep 1 1")
	kit.sees("kept 1: 0 photos")
	ada.says("add 1 " + photo)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for began, line := time.Now(), ""; !strings.Contains(line, "1 photo,"); {
		if time.Since(began) > 30*time.Second {
			t.Fatal(line)
		}
		<-tick.C
		kit.says("albums")
		line = kit.sees("album 1:")
	}
	if err := ada.Kill(); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < 4*time.Second; {
		<-tick.C
		asked := time.Now()
		kit.says("key")
		kit.sees("key " + key)
		if wait := time.Since(asked); wait > 3*time.Second {
			t.Fatalf("answered after %v", wait)
		}
	}
	kit.says("quit")
	kit.ends(0)
}

// What is typed wrongly is answered in a line, and changes nothing.
func TestPhotosCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	photo := filepath.Join(dir, "a photo with blanks.png")
	if err := os.WriteFile(photo, []byte("a photo"), 0o600); err != nil {
		t.Fatal(err)
	}
	opens := func(who string) (*actor, string) {
		a := begin(t, who, "photos", "open", "--dir", filepath.Join(dir, who), "--listen", loopback)
		return a, strings.TrimPrefix(a.sees("key "), "key ")
	}
	ada, _ := opens("ada")
	vera, key := opens("vera")
	ada.says("albums")
	ada.sees("album none")
	ada.says("album Harbour at night")
	ada.sees(`made album 1: "Harbour at night"`)
	ada.says("add 1 " + photo + " | The last encore")
	ada.sees(`added 1.1 "a photo with blanks.png", 7 bytes`)
	for line, want := range map[string]string{
		"sing":                            `there is no "sing"`,
		"album":                           "title is missing",
		"album \x1b":                      "U+001B",
		"add":                             "go by their numbers",
		"add 1":                           "which file?",
		"add one " + photo:                "go by their numbers",
		"add 7 " + photo:                  "no such album",
		"add 1 " + dir:                    "is a directory",
		"add 1 " + dir + "/none":          "there is no file",
		"remove 1":                        "go by their numbers",
		"remove 1 9":                      "no such photo",
		"remove 1 1 1":                    `"1" is too much`,
		"share 1 king " + key + " vera":   "there is no role",
		"share 1 reader x vera":           "key",
		"share 1 reader " + key:           "name is missing",
		"share 9 reader " + key + " v":    "no such album",
		"accept x":                        "that is no invitation",
		"read x":                          "go by their numbers",
		"read 9":                          "no such album",
		"fetch 1 1":                       "to which file?",
		"fetch 1 9 " + dir + "/x":         "no such photo",
		"fetch 1 1 " + photo:              "exists",
		"fetch 1 1 " + dir + "/none/x":    "there is no file",
		"keep 1 100":                      "no such album",
		"keep 1 99999999999":              "at most",
		"drop 1":                          "no such album",
		"pass 1 " + key:                   "that album is yours",
		"revoke 1":                        "there is no such grant",
		"revoke x":                        "go by their numbers",
		"try 1 photos":                    "that album is yours",
		"read 99999999999999999999999 ":   "go by their numbers",
		"share 1 reader " + key + " a\tb": "one line",
	} {
		ada.says(line)
		if got := ada.sees("! "); !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	ada.says("share 1 reader " + key + " vera")
	invitation := ada.sees("invitation hawser-grant:")
	ada.says("accept " + invitation)
	ada.sees("! ", "for somebody else")
	vera.says("accept " + invitation)
	vera.sees(`accepted album 1: "Harbour at night", 1 photo, as reader`)
	vera.says("add 1 " + photo)
	vera.sees("! ", "photos.may-not")
	vera.says("remove 1 1")
	vera.sees("! ", "photos.may-not")
	vera.says("share 1 reader " + key + " x")
	vera.sees("! ", "somebody else's")
	vera.says("fetch 1 1 " + filepath.Join(dir, "fetched"))
	vera.sees("fetched 1.1", "7 bytes, from its owner")
	if b, err := os.ReadFile(filepath.Join(dir, "fetched")); err != nil || string(b) != "a photo" {
		t.Errorf("%q, %v", b, err)
	}
	vera.says("help")
	vera.sees("revoke", "take back")
	ada.says("given")
	ada.sees("given 1: album 1, reader, to vera")
	ada.says("remove 1 1")
	ada.sees("removed 1.1")
	vera.says("read 1")
	vera.sees(`= 1: "Harbour at night", 0 photos`)
	vera.says("drop 1")
	vera.sees("dropped 1")
	for _, a := range []*actor{vera, ada} {
		a.says("quit")
		a.ends(0)
	}
	again, _ := opens("ada")
	again.says("albums")
	again.sees(`album 1: "Harbour at night", 0 photos, yours`)
	again.says("end 1")
	again.sees("ended 1")
	again.says("albums")
	again.sees("album none")
	again.says("quit")
	again.ends(0)
}
