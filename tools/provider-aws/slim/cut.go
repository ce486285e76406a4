package main

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	module      = "github.com/hashicorp/terraform-provider-aws"
	providerDir = "internal/provider"
	connsDir    = "internal/conns"
	clientsFile = "awsclient_gen.go"
	listFile    = "service_packages_gen.go"
	serviceFile = "service_package_gen.go"
	entryDir    = "xpprovider"
)

// cut is the part of the provider that is kept.
type cut struct {
	root     string
	packages map[string]*pkg            // parsed, by folder
	kept     map[string]map[string]bool // folder → file
	services map[string]service         // registered with the provider, by folder
	catalog  catalog
	clients  map[string]bool // methods of AWSClient that kept code calls
	pending  []func() error
}

func newCut(root string, services []service) (*cut, error) {
	known, err := readCatalog(root)
	if err != nil {
		return nil, err
	}
	c := &cut{
		root: root, packages: map[string]*pkg{}, kept: map[string]map[string]bool{},
		services: map[string]service{}, catalog: known, clients: map[string]bool{},
	}
	for _, s := range services {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(serviceDir(s.folder)), serviceFile)); err != nil {
			return nil, fmt.Errorf("the provider has no service %q", s.folder)
		}
		c.services[s.folder] = s
	}
	return c, nil
}

// reach keeps everything that the entry package and the registered services need.
func (c *cut) reach() error {
	if err := c.needPackage(entryDir); err != nil {
		return err
	}
	for _, folder := range slices.Sorted(maps.Keys(c.services)) {
		c.needLater(serviceDir(folder), "ServicePackage")
	}
	for len(c.pending) > 0 {
		next := c.pending[0]
		c.pending = c.pending[1:]
		if err := next(); err != nil {
			return err
		}
	}
	return nil
}

// needPackage keeps all files of a package.
func (c *cut) needPackage(dir string) error {
	p, err := c.load(dir)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		c.needFile(p, name)
	}
	return nil
}

// need keeps the files that a use of the package-level name takes.
func (c *cut) need(dir, name string) error {
	p, err := c.load(dir)
	if err != nil {
		return err
	}
	for _, file := range p.declares[name] {
		c.needFile(p, file)
	}
	return nil
}

func (c *cut) needLater(dir, name string) {
	c.pending = append(c.pending, func() error { return c.need(dir, name) })
}

// load parses a package at its first use. Files with an init function run without being named, so they stay.
func (c *cut) load(dir string) (*pkg, error) {
	if p, ok := c.packages[dir]; ok {
		return p, nil
	}
	p, err := parsePackage(c.root, dir)
	if err != nil {
		return nil, err
	}
	c.packages[dir] = p
	c.kept[dir] = map[string]bool{}
	if folder, ok := strings.CutPrefix(dir, servicesDir); ok {
		if err := c.trim(p, folder); err != nil {
			return nil, err
		}
	}
	for _, file := range p.declares["init"] {
		c.needFile(p, file)
	}
	return p, nil
}

// trim takes the omitted resources out of a service's list of resources.
func (c *cut) trim(p *pkg, folder string) error {
	list, ok := p.files[serviceFile]
	if !ok {
		return nil
	}
	s, ok := c.services[folder]
	if !ok {
		s = clientOnly(folder) // only a part of it is used, by another service
	}
	text := omitResources(list, func(factory string) bool {
		return slices.ContainsFunc(p.declares[factory], s.omits)
	})
	for name, files := range p.declares {
		p.declares[name] = slices.DeleteFunc(files, func(f string) bool { return f == serviceFile })
	}
	return p.add(serviceFile, text)
}

// needFile keeps a file and, later, all that it names.
func (c *cut) needFile(p *pkg, name string) {
	if c.kept[p.dir][name] {
		return
	}
	c.kept[p.dir][name] = true
	switch {
	case p.dir == providerDir && name == listFile:
		// Written anew from the services that are kept.
		c.needLater(connsDir, "ServicePackage")
	case p.dir == connsDir && name == clientsFile:
		// Written anew from the clients that are called.
		c.needLater("internal/errs", "Must")
	default:
		c.pending = append(c.pending, func() error { return c.follow(p, p.files[name].file) })
	}
}

// follow keeps what a kept file names, in its own package and in the provider's others.
func (c *cut) follow(p *pkg, file *ast.File) error {
	imports, err := c.imports(file)
	if err != nil {
		return err
	}
	var failed error
	ast.Inspect(file, func(node ast.Node) bool {
		if failed != nil {
			return false
		}
		switch n := node.(type) {
		case *ast.SelectorExpr:
			if owner, ok := n.X.(*ast.Ident); ok {
				if dir, ok := imports[owner.Name]; ok {
					failed = c.need(dir, n.Sel.Name)
				}
			}
			if failed == nil {
				failed = c.needClient(n.Sel.Name)
			}
		case *ast.Ident:
			if n.Name != "_" && n.Name != "init" {
				failed = c.need(p.dir, n.Name)
			}
		}
		return true
	})
	return failed
}

// imports gives the provider's own packages that a file imports, by the name they have in it.
func (c *cut) imports(file *ast.File) (map[string]string, error) {
	found := map[string]string{}
	for _, spec := range file.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		dir, ours := strings.CutPrefix(target, module+"/")
		if !ours {
			continue
		}
		p, err := c.load(dir)
		if err != nil {
			return nil, err
		}
		switch {
		case spec.Name == nil:
			found[p.name] = dir
		case spec.Name.Name == "_" || spec.Name.Name == ".":
			if err := c.needPackage(dir); err != nil {
				return nil, err
			}
		default:
			found[spec.Name.Name] = dir
		}
	}
	return found, nil
}

// needClient registers the service behind a client that kept code asks for: the provider panics when it does not
// find it. A method of another type with a client's name costs nothing but that client.
func (c *cut) needClient(method string) error {
	client, ok := c.catalog.clients[method]
	if !ok || c.clients[method] {
		return nil
	}
	c.clients[method] = true
	folder, ok := c.catalog.folders[client.constant]
	if !ok {
		return fmt.Errorf("client %s belongs to names.%s, which no service declares", method, client.constant)
	}
	if _, ok := c.services[folder]; !ok {
		c.services[folder] = clientOnly(folder)
	}
	c.needLater(serviceDir(folder), "ServicePackage")
	return nil
}

const servicesDir = "internal/service/"

func serviceDir(folder string) string { return servicesDir + folder }
