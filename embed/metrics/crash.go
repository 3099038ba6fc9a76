package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Crash imitates kill -9: what lib/storage has not yet written to disk is
// lost, and the next Open sees an unclean start. The process itself lives on,
// so the files on disk are first hard-linked into an image; then the live
// storage is closed, which would write its memory, and is replaced by the image.
func (s *Store) Crash() error {
	if err := s.stop(); err != nil {
		return err
	}
	image := filepath.Join(s.dir.path, "crash-image")
	imageErr := takeImage(s.dir.storage(), image)
	s.vm.MustClose()
	if imageErr == nil {
		imageErr = errors.Join(os.RemoveAll(s.dir.storage()), os.Rename(image, s.dir.storage()))
	}
	if err := errors.Join(imageErr, s.dir.close()); err != nil {
		return fmt.Errorf("metrics store crash: %w", err)
	}
	return nil
}

// imageAttempts bounds the retries when the storage merges parts while the image is taken.
const imageAttempts = 20

// takeImage links the files of a live storage into dst. The parts of a table
// never change once written, and parts.json names those that count: an image
// is good when no parts.json changed while it was taken and no file vanished.
func takeImage(src, dst string) error {
	var err error
	for range imageAttempts {
		if err = os.RemoveAll(dst); err != nil {
			return err
		}
		var before, after map[string][]byte
		if before, err = partLists(src); err != nil {
			continue
		}
		if err = linkTree(src, dst); err != nil {
			continue
		}
		if after, err = partLists(src); err != nil {
			continue
		}
		if sameLists(before, after) {
			return nil
		}
		err = errors.New("the storage kept changing")
	}
	return fmt.Errorf("no consistent image of %s: %w", src, err)
}

// linkTree hard-links every file below src into dst, but neither the lock nor
// the caches: a killed process writes no caches either.
func linkTree(src, dst string) error {
	return filepath.WalkDir(src, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		switch {
		case rel == "cache":
			return fs.SkipDir
		case rel == "flock.lock":
			return nil
		case e.IsDir():
			return os.MkdirAll(filepath.Join(dst, rel), 0o755)
		}
		return os.Link(path, filepath.Join(dst, rel))
	})
}

// partLists reads every parts.json below dir.
func partLists(dir string) (map[string][]byte, error) {
	lists := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() != partsFile {
			return err
		}
		lists[path], err = os.ReadFile(path)
		return err
	})
	return lists, err
}

func sameLists(a, b map[string][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for path, list := range a {
		if !bytes.Equal(list, b[path]) {
			return false
		}
	}
	return true
}
