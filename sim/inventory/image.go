package inventory

import "strings"

// Image is a reference to a container image, taken apart.
type Image struct {
	// Repository is registry and path, such as docker.io/library/nginx.
	Repository string
	// Tag is empty for an image that is named by its digest alone.
	Tag, Digest string
}

// ParseImage takes a reference apart the way the container runtime completes it:
// without a registry it is Docker Hub's, there without an owner the library's, and
// without tag and digest the latest. It accepts anything; what is no reference
// becomes a repository of that name.
func ParseImage(ref string) Image {
	var i Image
	ref, i.Digest, _ = strings.Cut(ref, "@")
	if at := strings.LastIndexByte(ref, ':'); at > strings.LastIndexByte(ref, '/') {
		ref, i.Tag = ref[:at], ref[at+1:]
	}
	if i.Tag == "" && i.Digest == "" {
		i.Tag = "latest"
	}
	host, rest, ok := strings.Cut(ref, "/")
	switch {
	case !ok:
		ref = dockerHub + "/library/" + ref
	case host == "index.docker.io":
		ref = dockerHub + "/" + rest
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		ref = dockerHub + "/" + ref
	}
	i.Repository = ref
	return i
}

const dockerHub = "docker.io"

// String returns the complete reference.
func (i Image) String() string {
	s := i.Repository
	if i.Tag != "" {
		s += ":" + i.Tag
	}
	if i.Digest != "" {
		s += "@" + i.Digest
	}
	return s
}

// Base is the last part of the repository's path: what the image is of.
func (i Image) Base() string {
	return i.Repository[strings.LastIndexByte(i.Repository, '/')+1:]
}
