// Package release installs Helm charts on a cluster given by its REST
// configuration, and keeps them as they should be: install, upgrade, roll
// back, uninstall, repair, compare. It says at each step what it does and what
// it waits for.
//
// Rendering, hooks, revisions and their storage are the Helm SDK's, in the
// same Secrets the helm command uses, so both see each other's releases. Ours
// is what stands between Helm and the API: discovery, the reading of
// manifests, creating and patching objects, and the wait until they are ready.
// One installation of a small chart costs some milliseconds, so that hundreds
// of clusters can be filled from one process.
package release
