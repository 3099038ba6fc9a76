package collector

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The journal's file: a header of journalHeader bytes (magic, checkpoint), then
// records of recordHeader bytes and a body. Integers are little-endian.
//
//	magic 8 | checkpoint 8
//	kind 1 | id 8 | count 4 | length 4 | crc32c of all that and the body 4 | body
const (
	journalMagic  = "kofq\x00\x00\x00\x01" // the last byte is the version
	journalHeader = 16
	recordHeader  = 21

	// maxJournalBody bounds one body, maxJournalLive all that wait, and
	// journalSlack what may be dead before the file is rewritten, in bytes.
	maxJournalBody = 64 << 20
	maxJournalLive = 512 << 20
	journalSlack   = 4 << 20
)

// Kinds of records.
const (
	recordPut  = 1 // a batch was queued
	recordTry  = 2 // it is being sent: it may be delivered from here on
	recordFail = 3 // that was answered with a refusal
	recordDone = 4 // it left the queue
)

var (
	errJournalFull = errors.New("the queue's file has reached its bound")
	castagnoli     = crc32.MakeTable(crc32.Castagnoli)
)

// journal keeps a sending queue on disk, as file_storage does: it survives the
// process, and like file_storage by default it is not synced, so not the
// machine. Not safe for concurrent use.
type journal struct {
	path    string
	file    *os.File
	end     int64 // where the next record goes
	live    int64 // bytes of the batches that wait
	entries map[uint64]*entry
	buf     []byte
	mark    time.Time
}

// entry is where a batch's body lies.
type entry struct {
	offset int64
	length int
	count  int
	tried  bool // may have been delivered
}

// openJournal opens or makes a journal and returns the batches in it, in order.
// Whatever follows the first damaged record is cut off: a record is whole or it
// was never acknowledged to anyone.
func openJournal(path string) (*journal, []*batch, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, nil, fmt.Errorf("queue storage: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, nil, fmt.Errorf("queue storage: %w", err)
	}
	j := &journal{path: path, file: f, entries: map[uint64]*entry{}}
	if err := j.load(); err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("queue storage %s: %w", path, err)
	}
	var kept []*batch
	for id, e := range j.entries {
		kept = append(kept, &batch{id: id, count: e.count, unknown: e.tried})
	}
	slices.SortFunc(kept, func(a, b *batch) int { return int(a.id) - int(b.id) })
	return j, kept, nil
}

// load replays the file.
func (j *journal) load() error {
	head := make([]byte, journalHeader)
	n, err := j.file.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return err
	}
	if !strings.HasPrefix(journalMagic, string(head[:min(n, len(journalMagic))])) {
		return errors.New("not a queue's file of this version; move it away")
	}
	if n < journalHeader {
		return j.reset()
	}
	if ns := int64(binary.LittleEndian.Uint64(head[8:])); ns != 0 {
		j.mark = time.Unix(0, ns).UTC()
	}
	size, err := j.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	for j.end = journalHeader; ; {
		r, ok, err := j.readRecord(j.end, size)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		j.replay(r)
		j.end += recordHeader + int64(r.length)
	}
	return j.file.Truncate(j.end)
}

type record struct {
	kind   byte
	id     uint64
	count  int
	length int
	offset int64 // of the body
}

// readRecord reads and verifies the record at offset; ok is false if there is no
// whole one.
func (j *journal) readRecord(offset, size int64) (r record, ok bool, err error) {
	var h [recordHeader]byte
	if offset+recordHeader > size {
		return r, false, nil
	}
	if _, err := j.file.ReadAt(h[:], offset); err != nil {
		return r, false, err
	}
	r = record{
		kind: h[0], id: binary.LittleEndian.Uint64(h[1:]),
		count:  int(binary.LittleEndian.Uint32(h[9:])),
		length: int(binary.LittleEndian.Uint32(h[13:])),
		offset: offset + recordHeader,
	}
	if r.length > maxJournalBody || r.offset+int64(r.length) > size {
		return r, false, nil
	}
	body := slices.Grow(j.buf[:0], r.length)[:r.length]
	j.buf = body
	if _, err := j.file.ReadAt(body, r.offset); err != nil {
		return r, false, err
	}
	return r, checksum(h[:], body) == binary.LittleEndian.Uint32(h[17:]), nil
}

func checksum(header, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(header[:17], castagnoli), castagnoli, body)
}

func (j *journal) replay(r record) {
	switch e := j.entries[r.id]; {
	case r.kind == recordPut && e == nil:
		j.entries[r.id] = &entry{offset: r.offset, length: r.length, count: r.count}
		j.live += recordHeader + int64(r.length)
	case r.kind == recordTry && e != nil:
		e.tried = true
	case r.kind == recordFail && e != nil:
		e.tried = false
	case r.kind == recordDone && e != nil:
		j.forget(r.id, e)
	}
}

func (j *journal) forget(id uint64, e *entry) {
	delete(j.entries, id)
	j.live -= recordHeader + int64(e.length)
}

// reset empties the file.
func (j *journal) reset() error {
	if err := j.file.Truncate(0); err != nil {
		return err
	}
	j.end = journalHeader
	return j.writeHeader(j.file)
}

func (j *journal) writeHeader(f *os.File) error {
	h := append(make([]byte, 0, journalHeader), journalMagic...)
	var ns int64
	if !j.mark.IsZero() {
		ns = j.mark.UnixNano()
	}
	h = binary.LittleEndian.AppendUint64(h, uint64(ns))
	_, err := f.WriteAt(h, 0)
	return err
}

// append writes one record at the end.
func (j *journal) append(kind byte, id uint64, count int, body []byte) error {
	if len(body) > maxJournalBody {
		return errJournalFull
	}
	b := append(j.buf[:0], kind)
	b = binary.LittleEndian.AppendUint64(b, id)
	b = binary.LittleEndian.AppendUint32(b, uint32(count))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	b = binary.LittleEndian.AppendUint32(b, checksum(b, body))
	b = append(b, body...)
	j.buf = b
	if _, err := j.file.WriteAt(b, j.end); err != nil {
		return err
	}
	j.end += int64(len(b))
	if cap(j.buf) > journalSlack {
		j.buf = nil
	}
	return nil
}

// put queues a batch. The body is on file when it returns.
func (j *journal) put(id uint64, count int, body []byte) error {
	if j.live+int64(len(body)) > maxJournalLive {
		return errJournalFull
	}
	offset := j.end + recordHeader
	if err := j.append(recordPut, id, count, body); err != nil {
		return err
	}
	j.entries[id] = &entry{offset: offset, length: len(body), count: count}
	j.live += recordHeader + int64(len(body))
	return nil
}

// read returns a batch's body.
func (j *journal) read(id uint64) ([]byte, error) {
	e := j.entries[id]
	if e == nil {
		return nil, fmt.Errorf("batch %d is not in the queue's file", id)
	}
	body := make([]byte, e.length)
	_, err := j.file.ReadAt(body, e.offset)
	return body, err
}

// tried notes whether a batch may have been delivered.
func (j *journal) tried(id uint64, tried bool) error {
	e := j.entries[id]
	if e == nil || e.tried == tried {
		return nil
	}
	e.tried = tried
	kind := byte(recordFail)
	if tried {
		kind = recordTry
	}
	return j.append(kind, id, 0, nil)
}

// remove takes a batch off the queue for good.
func (j *journal) remove(id uint64) error {
	e := j.entries[id]
	if e == nil {
		return nil
	}
	j.forget(id, e)
	switch {
	case len(j.entries) == 0:
		j.end = journalHeader
		return j.file.Truncate(journalHeader)
	case j.end-journalHeader-j.live > journalSlack+j.live:
		return j.compact()
	}
	return j.append(recordDone, id, 0, nil)
}

// compact rewrites the file with what waits, beside the old one, and renames.
func (j *journal) compact() error {
	tmp, err := os.OpenFile(j.path+".tmp", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	next := &journal{path: j.path, file: tmp, end: journalHeader, entries: make(map[uint64]*entry, len(j.entries)), mark: j.mark}
	if err := j.copyTo(next); err != nil {
		tmp.Close()
		return errors.Join(err, os.Remove(j.path+".tmp"))
	}
	j.file.Close()
	*j = *next
	return nil
}

func (j *journal) copyTo(next *journal) error {
	if err := next.writeHeader(next.file); err != nil {
		return err
	}
	ids := make([]uint64, 0, len(j.entries))
	for id := range j.entries {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		body, err := j.read(id)
		if err != nil {
			return err
		}
		if err := next.put(id, j.entries[id].count, body); err != nil {
			return err
		}
		if err := next.tried(id, j.entries[id].tried); err != nil {
			return err
		}
	}
	return os.Rename(next.path+".tmp", next.path)
}

// checkpoint keeps how far the log files have been read, as filelog keeps its
// offsets.
func (j *journal) checkpoint(t time.Time) error {
	j.mark = t
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(t.UnixNano()))
	_, err := j.file.WriteAt(b[:], 8)
	return err
}

func (j *journal) close() { j.file.Close() }
