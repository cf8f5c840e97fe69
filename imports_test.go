package hawser_test

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The rules of the house that a compiler does not check: who imports whom (architecture, section 2), how long a file
// may grow, what a package may not be called, and that each dependency is accounted for.

const (
	module       = "github.com/hawser-go/hawser"
	maxFileLines = 600
)

// mayImport says which packages of this module a package may import; test files are free. A package without a row is
// refused: whoever adds one decides here where it stands. A row ending in /... covers the folders below it.
var mayImport = map[string][]string{
	"passable":              {},
	"store":                 {},
	"store/bolt":            {"store"},
	"store/memory":          {"store"},
	"store/storetest":       {"store", "store/memory"}, // for tests only
	"internal/noisehs":      {},
	"internal/detcbor":      {},
	"internal/conceal":      {},
	"internal/modelcbor":    {"passable", "internal/detcbor"},
	"internal/meter":        {},
	"internal/sockets":      {},
	"internal/noiselink":    {"netlayer", "sturdyref", "internal/noisehs", "internal/sockets"},
	"internal/noisetest":    {"netlayer", "sturdyref", "internal/detcbor"}, // for tests only
	"promise":               {"passable"},
	"syrup":                 {"passable"},
	"sturdyref":             {"passable", "internal/conceal", "internal/detcbor"},
	"seal":                  {"sturdyref", "internal/conceal", "internal/noisehs", "internal/detcbor", "store"},
	"mailroom":              {"passable", "promise", "vat", "netlayer/mailbox"},
	"sturdyref/grant":       {"passable", "sturdyref", "internal/conceal", "internal/detcbor", "internal/modelcbor"},
	"warden":                {"passable", "promise", "store", "vat", "sturdyref", "sturdyref/grant", "internal/modelcbor", "internal/meter"},
	"vat":                   {"passable", "promise", "store", "internal/detcbor", "internal/modelcbor", "internal/meter"},
	"vat/caps":              {"passable", "promise", "store", "internal/detcbor", "vat"},
	"vat/vattest":           {"passable", "promise", "store", "internal/detcbor", "vat", "store/memory"},
	"netlayer":              {"sturdyref", "store"},
	"netlayer/link":         {"netlayer", "sturdyref", "store", "internal/detcbor"},
	"captp/msg":             {"passable", "sturdyref"},
	"captp/wire":            {"passable", "sturdyref", "captp/msg", "syrup"},
	"captp":                 {"passable", "sturdyref", "captp/msg", "captp/wire", "vat", "promise", "store", "netlayer", "internal/meter", "internal/detcbor"},
	"home":                  {lower, "netlayer/mailbox", "mailroom"},
	".":                     {lower, transports, "home"},
	"conformance/...":       {public, "conformance/..."},
	"cmd/hawser/...":        {public, "cmd/hawser/...", "conformance/..."},
	"cmd/ocapgen/...":       {public, "cmd/ocapgen/..."},
	"examples/play/...":     {},
	"examples/chat/...":     {public, "examples/chat/...", "examples/play/..."},
	"examples/festival/...": {public, "examples/festival/...", "examples/play/..."},

	"netlayer/netlayertest": {"netlayer", "sturdyref"},
	"netlayer/mem":          {"netlayer", "sturdyref"},
	"netlayer/tcptest":      {"netlayer", "sturdyref", "internal/sockets"},
	"netlayer/noisequic":    {"netlayer", "sturdyref", "internal/noisehs", "internal/noiselink", "internal/sockets"},
	"netlayer/noisetcp":     {"netlayer", "sturdyref", "internal/noisehs", "internal/noiselink", "internal/sockets"},
	"netlayer/websocket":    {"netlayer", "sturdyref", "syrup", "passable", "internal/sockets"},
	"netlayer/mailbox": {
		"netlayer", "sturdyref", "netlayer/link", "store", "internal/noisehs", "internal/detcbor",
	},
}

// Groups that stand for many packages in a row of mayImport.
const (
	lower      = "(every package below home but the transports)"
	transports = "(the transports)"
	public     = "(every package outside internal)"
)

// reserved maps packages of others to the only folders of ours that may import them.
var reserved = map[string][]string{
	"github.com/flynn/noise":       {"internal/noisehs"},
	"github.com/fxamacker/cbor/v2": {"internal/detcbor"},
	"github.com/quic-go/quic-go":   {"netlayer/noisequic"},
	"github.com/coder/websocket":   {"netlayer/websocket"},
	"go.etcd.io/bbolt":             {"store/bolt"},
	"github.com/veraison/go-cose":  {"sturdyref/grant"},
	"github.com/spf13/cobra":       {"cmd/hawser/..."},
	"github.com/charmbracelet/":    {"examples/...", "cmd/..."},
	"golang.org/x/term":            {"examples/...", "cmd/..."},
}

var drawers = []string{"util", "utils", "common", "helper", "helpers", "misc", "lib", "shared", "base"}

func TestHouseImports(t *testing.T) {
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		row, allowed, ok := rowOf(f.pkg)
		if !ok {
			t.Errorf("%s: package %s has no row in mayImport: decide what it may import and add one", f.path, f.pkg)
			continue
		}
		for _, imported := range f.imports {
			ours, isOurs := strings.CutPrefix(imported, module)
			switch {
			case isOurs:
				ours = strings.TrimPrefix(ours, "/")
				if ours == "" {
					ours = "."
				}
				if !slices.ContainsFunc(allowed, func(entry string) bool { return covers(entry, ours) }) {
					t.Errorf("%s imports %s, which the row of %s in mayImport does not allow", f.path, ours, row)
				}
			default:
				for prefix, folders := range reserved {
					if strings.HasPrefix(imported, prefix) &&
						!slices.ContainsFunc(folders, func(entry string) bool { return covers(entry, f.pkg) }) {
						t.Errorf("%s imports %s, which is reserved to %q", f.path, imported, folders)
					}
				}
			}
		}
	}
}

func TestHouseFileSize(t *testing.T) {
	for _, f := range sources(t) {
		if !f.test && !f.generated && f.lines > maxFileLines {
			t.Errorf("%s has %d lines, the cap is %d: split it by what it holds", f.path, f.lines, maxFileLines)
		}
	}
}

func TestHousePackageNames(t *testing.T) {
	for _, f := range sources(t) {
		for _, name := range append(strings.Split(f.pkg, "/"), f.name) {
			if slices.Contains(drawers, name) {
				t.Errorf("%s: %q says nothing about what is inside: name the package by what it holds", f.path, name)
			}
		}
	}
}

// TestHouseDependencies asks for one line in docs/dependencies.md for each direct requirement, and for no other.
func TestHouseDependencies(t *testing.T) {
	mod := read(t, "go.mod")
	doc := read(t, "docs/dependencies.md")
	required := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\s*([\w./~-]+\.[\w./~-]+) v\S+$`).FindAllStringSubmatch(mod, -1) {
		required[m[1]] = true
	}
	if len(required) == 0 {
		t.Fatal("go.mod: no requirement found")
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(doc, -1) {
		documented[m[1]] = true
	}
	for name := range required {
		if !documented[name] {
			t.Errorf("docs/dependencies.md has no line for %s, which go.mod requires", name)
		}
	}
	for name := range documented {
		if !required[name] {
			t.Errorf("docs/dependencies.md has a line for %s, which go.mod does not require", name)
		}
	}
}

// TestHouseRules shows that the checks above can fail.
func TestHouseRules(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"vat", "promise", true},
		{"vat", "captp", false},
		{"passable", "syrup", false},
		{"home", "captp", true},
		{"home", "internal/detcbor", true},
		{"home", "netlayer/noisequic", false},
		{"home", "netlayer/mailbox", true},
		{"home", ".", false},
		{".", "netlayer/noisequic", true},
		{".", "cmd/hawser", false},
		{"captp", "home", false},
		{"netlayer/mem", "netlayer/link", false},
		{"examples/chat", ".", true},
		{"examples/chat/room", "examples/chat", true},
		{"examples/chat", "examples/festival", false},
		{"examples/chat", "internal/noisehs", false},
		{"cmd/hawser", "captp", true},
		{"cmd/hawser", "conformance", true},
		{"cmd/hawser", "internal/detcbor", false},
	} {
		_, allowed, ok := rowOf(c.from)
		got := ok && slices.ContainsFunc(allowed, func(entry string) bool { return covers(entry, c.to) })
		if got != c.want {
			t.Errorf("%s importing %s: allowed %v, want %v", c.from, c.to, got, c.want)
		}
	}
	if _, _, ok := rowOf("vat/unheard-of"); ok {
		t.Error("a package without a row was found one")
	}
}

// rowOf finds the row of a package: its own, or the nearest one ending in /... above it.
func rowOf(pkg string) (row string, allowed []string, ok bool) {
	if allowed, ok = mayImport[pkg]; ok {
		return pkg, allowed, true
	}
	for dir := pkg; dir != "."; dir = path.Dir(dir) {
		if allowed, ok = mayImport[dir+"/..."]; ok {
			return dir + "/...", allowed, true
		}
	}
	return "", nil, false
}

// covers says whether an entry of a row stands for a package.
func covers(entry, pkg string) bool {
	isTransport := strings.HasPrefix(pkg, "netlayer/") && pkg != "netlayer/link"
	_, listed := mayImport[pkg]
	outer := pkg == "." || pkg == "home" || !listed
	switch entry {
	case lower:
		return !outer && !isTransport
	case transports:
		return isTransport
	case public:
		return !strings.HasPrefix(pkg, "internal/") && (listed || pkg == ".")
	}
	if below, wide := strings.CutSuffix(entry, "/..."); wide {
		return pkg == below || strings.HasPrefix(pkg, below+"/")
	}
	return entry == pkg
}

type source struct {
	path, pkg, name string // pkg is the folder, "." for the root; name is the package clause
	imports         []string
	lines           int
	test, generated bool
}

var generatedLine = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// sources parses every Go file of this module, whatever its build constraints; modules inside it are not part of it.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			base := entry.Name()
			if name != "." && (strings.HasPrefix(base, ".") || base == "testdata") {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); name != "." && err == nil {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		s := source{
			path:      filepath.ToSlash(name),
			pkg:       path.Dir(filepath.ToSlash(name)),
			name:      strings.TrimSuffix(file.Name.Name, "_test"),
			lines:     bytes.Count(text, []byte{'\n'}),
			test:      strings.HasSuffix(name, "_test.go"),
			generated: generatedLine.Match(text),
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, imported)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no Go files found: is the test running in the root of the repository?")
	}
	return all
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
