package charts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNotEmpty says that the directory to export to holds files already.
var ErrNotEmpty = errors.New("directory is not empty")

// Export writes charts, all of them when none is named, as directories below dir,
// each with its dependencies vendored in charts/. Dir appears complete or not at
// all; one that exists and is not empty is refused with ErrNotEmpty.
func Export(dir string, names ...string) error { return export(dir, false, names) }

// ExportOver is Export that replaces directories of the same charts in dir. What
// else dir holds stays.
func ExportOver(dir string, names ...string) error { return export(dir, true, names) }

func export(dir string, force bool, names []string) error {
	if len(names) == 0 {
		names = Names()
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("export charts: %w", err)
	}
	exists := err == nil
	if len(entries) > 0 && !force {
		return fmt.Errorf("export charts to %s: %w; name a new one, or ask to overwrite", dir, ErrNotEmpty)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("export charts: %w", err)
	}
	tmp, err := os.MkdirTemp(parent, ".charts-")
	if err != nil {
		return fmt.Errorf("export charts: %w", err)
	}
	defer os.RemoveAll(tmp)
	for _, name := range names {
		s, err := find(name)
		if err != nil {
			return fmt.Errorf("export charts: %w", err)
		}
		v, err := s.at("")
		if err != nil {
			return err
		}
		if err := s.write(filepath.Join(tmp, name), v); err != nil {
			return fmt.Errorf("export chart %s: %w", name, err)
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fmt.Errorf("export charts: %w", err)
	}
	if !exists {
		if err := os.Rename(tmp, dir); err != nil {
			return fmt.Errorf("export charts: %w", err)
		}
		return nil
	}
	for _, name := range names {
		if err := replace(filepath.Join(tmp, name), filepath.Join(dir, name), tmp); err != nil {
			return fmt.Errorf("export chart %s: %w", name, err)
		}
	}
	return nil
}

// replace puts the directory from in the place of to, which may exist; the old
// one goes to the trash directory, so that a reader never sees half of each.
func replace(from, to, trash string) error {
	err := os.Rename(to, filepath.Join(trash, "old-"+filepath.Base(to)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(from, to)
}

// write puts the chart at a version, with what it depends on, into dir.
func (s *source) write(dir string, v version) error {
	files, err := s.filesAt(v)
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			return err
		}
	}
	deps, err := s.dependencies()
	if err != nil {
		return err
	}
	versions := map[string]int{}
	for _, d := range deps {
		versions[d.source.name]++
	}
	for _, d := range deps {
		name := d.source.name
		if versions[name] > 1 {
			name += "-" + d.version.Version
		}
		if err := d.source.write(filepath.Join(dir, "charts", name), d.version); err != nil {
			return err
		}
	}
	return nil
}
