package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// checkParts finds the damage on which lib/storage would panic, in goroutines
// of its own: lists of parts that cannot be read, and parts that are missing.
//
//	data/small/2026_01/parts.json    {"Small": [...], "Big": [...]}
//	data/indexdb/2026_01/parts.json  [...]
func checkParts(storage string) error {
	return filepath.WalkDir(storage, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() != partsFile {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		dir := filepath.Dir(path)
		var lists struct{ Small, Big []string }
		if strings.Contains(dir, string(filepath.Separator)+"small"+string(filepath.Separator)) {
			err = json.Unmarshal(data, &lists)
		} else {
			err = json.Unmarshal(data, &lists.Small)
		}
		if err != nil {
			return fmt.Errorf("%s is damaged: %w", path, err)
		}
		big := filepath.Join(filepath.Dir(filepath.Dir(dir)), "big", filepath.Base(dir))
		return errors.Join(partsIn(dir, lists.Small), partsIn(big, lists.Big))
	})
}

const partsFile = "parts.json"

// partsIn checks that the named parts exist and are complete: their metadata
// is the last file written.
func partsIn(dir string, names []string) error {
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name, "metadata.json"))
		if err != nil {
			return fmt.Errorf("a part is missing: %w", err)
		}
		if !json.Valid(data) {
			return fmt.Errorf("part %s is damaged: its metadata.json is not JSON", filepath.Join(dir, name))
		}
	}
	return nil
}
