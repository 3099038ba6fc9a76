package kube

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// watched reads the events of a watch.
type watched struct {
	t    testing.TB
	resp *http.Response
	scan *bufio.Scanner
}

func watchPath(t testing.TB, s *Server, path string, headers ...string) *watched {
	t.Helper()
	resp := call(t, s, "GET", path, "", headers...)
	require.Equal(t, 200, resp.StatusCode)
	w := &watched{t, resp, bufio.NewScanner(resp.Body)}
	w.scan.Buffer(nil, 1<<20)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return w
}

// next returns an event as "TYPE name".
func (w *watched) next() string {
	w.t.Helper()
	e := w.raw()
	var m metav1.PartialObjectMetadata
	require.NoError(w.t, json.Unmarshal(e.Object, &m))
	if m.Annotations[metav1.InitialEventsAnnotationKey] == "true" {
		return e.Type + " initial"
	}
	return e.Type + " " + m.Name
}

type rawEvent struct {
	Type   string
	Object json.RawMessage
}

func (w *watched) raw() (e rawEvent) {
	w.t.Helper()
	require.True(w.t, w.scan.Scan(), "the watch has ended")
	require.NoError(w.t, json.Unmarshal(w.scan.Bytes(), &e))
	return e
}

func putMap(t testing.TB, s *Server, name string, labels map[string]string) uint64 {
	t.Helper()
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Labels: labels}}
	o, err := s.Update(configMaps, cm, "")
	if err != nil {
		o, err = s.Create(configMaps, cm)
	}
	require.NoError(t, err)
	return o.RV
}

func TestWatchFromVersions(t *testing.T) {
	s := newServer(t)
	rv := putMap(t, s, "a", nil)
	putMap(t, s, "b", nil)

	require.Equal(t, "ADDED b", watchPath(t, s, cms+"?watch=1&resourceVersion="+fmt.Sprint(rv)).next())
	w := watchPath(t, s, cms+"?watch=1")
	require.Equal(t, "ADDED a", w.next())
	require.Equal(t, "ADDED b", w.next())

	w = watchPath(t, s, cms+"?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan")
	require.Equal(t, []string{"ADDED a", "ADDED b", "BOOKMARK initial"}, []string{w.next(), w.next(), w.next()})
	putMap(t, s, "c", nil)
	require.Equal(t, "ADDED c", w.next())
	require.NoError(t, s.Delete(configMaps, "default", "c", metav1.DeleteOptions{}))
	require.Equal(t, "DELETED c", w.next())

	resp := call(t, s, "GET", cms+"?watch=1&resourceVersion=999999", "")
	require.Equal(t, 504, resp.StatusCode)
}

func TestWatchExpires(t *testing.T) {
	s := New(Options{Name: "test", History: 4})
	rv := putMap(t, s, "a", nil)
	for i := range 10 {
		putMap(t, s, "a", map[string]string{"i": strconv.Itoa(i)})
	}
	resp := call(t, s, "GET", cms+"?watch=1&resourceVersion="+fmt.Sprint(rv), "")
	require.Equal(t, 410, resp.StatusCode)
	require.Contains(t, message(t, resp), "too old resource version")
}

func TestWatchWithSelectors(t *testing.T) {
	s := newServer(t)
	w := watchPath(t, s, cms+"?watch=1&labelSelector=on%3Dyes")
	putMap(t, s, "a", map[string]string{"on": "no"})
	putMap(t, s, "a", map[string]string{"on": "yes"})
	putMap(t, s, "a", map[string]string{"on": "yes", "x": "y"})
	putMap(t, s, "a", map[string]string{"on": "no"})
	require.Equal(t, []string{"ADDED a", "MODIFIED a", "DELETED a"}, []string{w.next(), w.next(), w.next()})
}

func TestWatchOfTables(t *testing.T) {
	s := newServer(t)
	w := watchPath(t, s, cms+"?watch=1", "Accept: application/json;as=Table;v=v1;g=meta.k8s.io")
	putMap(t, s, "a", nil)
	putMap(t, s, "b", nil)
	var first, second metav1.Table
	require.NoError(t, json.Unmarshal(w.raw().Object, &first))
	require.NoError(t, json.Unmarshal(w.raw().Object, &second))
	require.NotEmpty(t, first.ColumnDefinitions)
	require.Empty(t, second.ColumnDefinitions)
	require.Equal(t, "b", second.Rows[0].Cells[0])
}

func TestWatchEnds(t *testing.T) {
	s := newServer(t)
	w := watchPath(t, s, cms+"?watch=1&timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion="+fmt.Sprint(s.ResourceVersion()))
	require.Equal(t, "BOOKMARK", w.raw().Type, "how far the client has got")
	require.False(t, w.scan.Scan())

	w = watchPath(t, s, cms+"?watch=1")
	require.NoError(t, s.Close(context.Background()))
	require.False(t, w.scan.Scan())
	resp := call(t, s, "GET", cms+"?watch=1", "")
	require.Equal(t, 503, resp.StatusCode)
}

func TestSlowWatchersAreLeftBehind(t *testing.T) {
	s := newServer(t)
	w, err := s.watch(configMaps, "", &selection{}, 0)
	require.NoError(t, err)
	defer s.unwatch(w)
	o, err := s.Create(configMaps, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "x", Namespace: "default"}})
	require.NoError(t, err)
	_ = o
	changes, over := w.take()
	require.Len(t, changes, 1)
	require.False(t, over)
	for range maxPending + 1 {
		w.offer(changes[0])
	}
	changes, over = w.take()
	require.Empty(t, changes)
	require.True(t, over)
}

func TestPaging(t *testing.T) {
	s := newServer(t)
	for i := range 7 {
		putMap(t, s, fmt.Sprint("m", i), map[string]string{"odd": fmt.Sprint(i % 2)})
	}
	var names []string
	token := ""
	for range 4 {
		var list metav1.PartialObjectMetadataList
		require.NoError(t, json.Unmarshal([]byte(read(t, call(t, s, "GET", cms+"?limit=2&continue="+token, ""))), &list))
		for _, o := range list.Items {
			names = append(names, o.Name)
		}
		if token = list.Continue; token != "" {
			require.EqualValues(t, 7-len(names), *list.RemainingItemCount)
		}
	}
	require.Equal(t, []string{"m0", "m1", "m2", "m3", "m4", "m5", "m6"}, names)
	require.Empty(t, token)
	var list metav1.PartialObjectMetadataList
	require.NoError(t, json.Unmarshal([]byte(read(t, call(t, s, "GET", cms+"?limit=2&labelSelector=odd%3D1", ""))), &list))
	require.Len(t, list.Items, 2)
	require.Nil(t, list.RemainingItemCount)
	require.NotEmpty(t, list.Continue)
}
