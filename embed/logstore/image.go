package logstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	vmfs "github.com/VictoriaMetrics/VictoriaMetrics/lib/fs"
)

// errMoved says that a merge changed the storage while its image was taken.
var errMoved = errors.New("the storage changed while its image was taken")

// takeImage hard-links the files under data into image as they are on disk at
// one moment, while the storage is open. Merges go on meanwhile, so it retries
// until nothing moved.
func takeImage(data, image string) error {
	var err error
	for range 50 {
		if err = os.RemoveAll(image); err != nil {
			return err
		}
		if err = linkTree(data, image); err == nil {
			err = sameParts(data, image)
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errMoved) {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("crash image: %w", err)
	}
	return repairPartitions(image)
}

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
		case e.IsDir():
			return os.Mkdir(filepath.Join(dst, rel), 0o755)
		case e.Name() == vmfs.FlockFilename:
			return nil
		}
		return os.Link(path, filepath.Join(dst, rel))
	})
}

// sameParts fails with errMoved unless every list of parts in image still is
// the one in data. A list is replaced, never changed, and the parts it names
// are complete, so an image with current lists is complete too.
func sameParts(data, image string) error {
	lists, err := filepath.Glob(filepath.Join(data, partitionsDir, "*", "*", partsFile))
	if err != nil {
		return err
	}
	for _, list := range lists {
		rel, err := filepath.Rel(data, list)
		if err != nil {
			return err
		}
		live, err := os.Stat(list)
		if err != nil {
			return err
		}
		linked, err := os.Stat(filepath.Join(image, rel))
		if err != nil {
			return err
		}
		if !os.SameFile(live, linked) {
			return errMoved
		}
	}
	return nil
}

// settleImage puts the image that a crash left in the place of the data.
func settleImage(dir string) error {
	data, image := filepath.Join(dir, dataDir), filepath.Join(dir, imageDir)
	if _, err := os.Stat(image); err != nil {
		if os.IsNotExist(err) {
			return nil
		}
		return err
	}
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	return os.Rename(image, data)
}
