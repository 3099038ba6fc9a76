package logstore

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// lib/logstorage keeps a partition per UTC day, each with a data and an index
// table; a table's list names the parts it consists of.
const (
	partitionsDir    = "partitions"
	partsFile        = "parts.json"
	partitionPattern = "20060102"
)

// repairPartitions prepares the storage directory data for opening: the
// library panics on what it can't open, so damage is reported here instead. A
// table that was killed before its first list was written has only unfinished
// parts, which are removed.
func repairPartitions(data string) error {
	root := filepath.Join(data, partitionsDir)
	days, err := os.ReadDir(root)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, day := range days {
		path := filepath.Join(root, day.Name())
		if _, err := time.Parse(partitionPattern, day.Name()); err != nil || !day.IsDir() {
			return fmt.Errorf("%s is not a partition (a directory named YYYYMMDD); move it away", path)
		}
		_, indexErr := os.Stat(filepath.Join(path, "indexdb"))
		for _, table := range []string{"indexdb", "datadb"} {
			if err := repairTable(filepath.Join(path, table)); err != nil {
				return fmt.Errorf("partition %s is damaged: %w; remove %s to go on without that day", day.Name(), err, path)
			}
		}
		if _, err := os.Stat(filepath.Join(path, "datadb")); err == nil && indexErr != nil {
			return fmt.Errorf("partition %s has data but no index; remove %s to go on without that day", day.Name(), path)
		}
	}
	return nil
}

func repairTable(path string) error {
	entries, err := os.ReadDir(path)
	if os.IsNotExist(err) {
		return nil // the library makes a missing table
	}
	if err != nil {
		return err
	}
	list, err := os.ReadFile(filepath.Join(path, partsFile))
	if os.IsNotExist(err) {
		for _, e := range entries {
			if err := os.RemoveAll(filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	var parts []string
	if err := json.Unmarshal(list, &parts); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(path, partsFile), err)
	}
	for _, part := range parts {
		if _, err := os.Stat(filepath.Join(path, part, "metadata.json")); err != nil {
			return fmt.Errorf("part %s of %s: %w", part, path, err)
		}
	}
	return nil
}
