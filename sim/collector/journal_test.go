package collector

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func openTestJournal(t testing.TB, path string) (*journal, []*batch) {
	j, kept, err := openJournal(path)
	require.NoError(t, err)
	return j, kept
}

func TestJournalSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "logs.queue")
	j, kept := openTestJournal(t, path)
	require.Empty(t, kept)
	for id := uint64(1); id <= 4; id++ {
		require.NoError(t, j.put(id, int(id)*10, []byte{byte(id)}))
	}
	require.NoError(t, j.tried(1, true))
	require.NoError(t, j.remove(1))
	require.NoError(t, j.tried(2, true))
	require.NoError(t, j.tried(3, true))
	require.NoError(t, j.tried(3, false))
	require.NoError(t, j.checkpoint(epoch))
	j.close() // as a kill: nothing is written

	j, kept = openTestJournal(t, path)
	require.Equal(t, []*batch{{id: 2, count: 20, unknown: true}, {id: 3, count: 30}, {id: 4, count: 40}}, kept)
	require.True(t, epoch.Equal(j.mark))
	body, err := j.read(3)
	require.NoError(t, err)
	require.Equal(t, []byte{3}, body)
	_, err = j.read(1)
	require.ErrorContains(t, err, "batch 1 is not in the queue's file")
	for id := uint64(2); id <= 4; id++ {
		require.NoError(t, j.remove(id))
	}
	info, err := j.file.Stat()
	require.NoError(t, err)
	require.EqualValues(t, journalHeader, info.Size(), "an empty queue takes no space")
	j.close()
	j, kept = openTestJournal(t, path)
	require.Empty(t, kept)
	require.True(t, epoch.Equal(j.mark))
	j.close()
}

func TestJournalDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "q")
	j, _ := openTestJournal(t, path)
	require.NoError(t, j.put(1, 1, []byte("first")))
	whole := j.end
	require.NoError(t, j.put(2, 1, []byte("second")))
	j.close()
	intact, err := os.ReadFile(path)
	require.NoError(t, err)
	f := func(content []byte, kept int, want string) {
		t.Helper()
		require.NoError(t, os.WriteFile(path, content, 0o640))
		j, batches, err := openJournal(path)
		if want != "" {
			require.ErrorContains(t, err, want)
			return
		}
		require.NoError(t, err)
		require.Len(t, batches, kept)
		require.NoError(t, j.put(9, 1, []byte("after")))
		j.close()
		j, batches = openTestJournal(t, path)
		require.Len(t, batches, kept+1)
		j.close()
	}
	f(intact, 2, "")
	for n := int(whole); n < len(intact); n++ {
		f(intact[:n], 1, "") // torn
	}
	for n := range journalHeader {
		f(intact[:n], 0, "") // torn when it was made
	}
	flipped := bytes.Clone(intact)
	flipped[len(flipped)-1] ^= 1
	f(flipped, 1, "")
	f([]byte("something else altogether"), 0, "not a queue's file of this version")
	other := bytes.Clone(intact)
	other[7]++
	f(other, 0, "not a queue's file of this version")
}

func TestJournalCompacts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "q")
	j, _ := openTestJournal(t, path)
	defer func() { j.close() }()
	require.NoError(t, j.checkpoint(epoch))
	body := make([]byte, 1<<20)
	require.NoError(t, j.put(1, 1, []byte("stays")))
	require.NoError(t, j.tried(1, true))
	for id := uint64(2); id < 50; id++ {
		require.NoError(t, j.put(id, 1, body))
		require.NoError(t, j.remove(id))
		require.LessOrEqual(t, j.end, int64(2*journalSlack))
	}
	again, kept := openTestJournal(t, path)
	defer again.close()
	require.Equal(t, []*batch{{id: 1, count: 1, unknown: true}}, kept)
	require.True(t, epoch.Equal(again.mark))
	require.NoFileExists(t, path+".tmp")
}

func TestJournalBound(t *testing.T) {
	j, _ := openTestJournal(t, filepath.Join(t.TempDir(), "q"))
	defer j.close()
	j.live = maxJournalLive
	require.ErrorIs(t, j.put(1, 1, []byte("x")), errJournalFull)
	require.ErrorIs(t, j.append(recordPut, 1, 1, make([]byte, maxJournalBody+1)), errJournalFull)
}

func TestJournalOpenErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o640))
	_, _, err := openJournal(filepath.Join(file, "q"))
	require.ErrorContains(t, err, "queue storage")
	_, _, err = openJournal(dir)
	require.ErrorContains(t, err, "is a directory")
}

// The journal is a queue that survives being reopened at any moment.
func TestJournalModel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "q")
	rapid.Check(t, func(t *rapid.T) {
		require.NoError(t, os.RemoveAll(path))
		j, _, err := openJournal(path)
		require.NoError(t, err)
		defer func() { j.close() }()
		model := map[uint64]batch{}
		var mark time.Time
		next := uint64(1)
		some := func() uint64 { return rapid.Uint64Range(1, next).Draw(t, "id") }
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				b := batch{id: next, count: rapid.IntRange(1, 1500).Draw(t, "count"), body: rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "body")}
				require.NoError(t, j.put(b.id, b.count, b.body))
				model[next] = b
				next++
			},
			"tried": func(t *rapid.T) {
				id, tried := some(), rapid.Bool().Draw(t, "tried")
				require.NoError(t, j.tried(id, tried))
				if b, ok := model[id]; ok {
					b.unknown = tried
					model[id] = b
				}
			},
			"remove": func(t *rapid.T) {
				id := some()
				require.NoError(t, j.remove(id))
				delete(model, id)
			},
			"compact": func(t *rapid.T) { require.NoError(t, j.compact()) },
			"checkpoint": func(t *rapid.T) {
				mark = mark.Add(time.Second)
				mark = later(mark)
				require.NoError(t, j.checkpoint(mark))
			},
			"reopen": func(t *rapid.T) {
				j.close()
				var kept []*batch
				j, kept, err = openJournal(path)
				require.NoError(t, err)
				require.Len(t, kept, len(model))
				require.True(t, slices.IsSortedFunc(kept, func(a, b *batch) int { return int(a.id) - int(b.id) }))
				for _, b := range kept {
					want := model[b.id]
					require.Equal(t, [2]any{want.count, want.unknown}, [2]any{b.count, b.unknown})
				}
			},
			"": func(t *rapid.T) {
				require.True(t, mark.Equal(j.mark))
				for id, b := range model {
					body, err := j.read(id)
					require.NoError(t, err)
					require.True(t, bytes.Equal(b.body, body))
				}
			},
		})
	})
}

func later(t time.Time) time.Time {
	if t.Before(epoch) {
		return epoch
	}
	return t
}

func FuzzJournal(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed")
	j, _ := openTestJournal(f, path)
	for id := uint64(1); id < 4; id++ {
		require.NoError(f, j.put(id, 1, []byte("body")))
	}
	require.NoError(f, j.remove(2))
	j.close()
	seed, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Add(seed)
	f.Add(seed[:20])
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "q")
		require.NoError(t, os.WriteFile(path, content, 0o640))
		j, kept, err := openJournal(path)
		if err != nil {
			return
		}
		for _, b := range kept {
			_, err := j.read(b.id)
			require.NoError(t, err)
		}
		require.NoError(t, j.put(1<<60, 1, []byte("new")))
		j.close()
		j, again := openTestJournal(t, path)
		require.Len(t, again, len(kept)+1)
		j.close()
	})
}
