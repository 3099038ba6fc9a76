package controllers

import (
	"fmt"
	"strings"
)

func pullError(image string) string {
	return fmt.Sprintf("rpc error: code = NotFound desc = failed to pull and unpack image %q: failed to resolve reference %q: %s: not found", image, image, image)
}

// imageID is what a runtime reports for an image: one digest for one name everywhere.
func imageID(image string) string {
	return repository(image) + "@sha256:" + stream(0).of("digest", image).hex(64)
}

// imageSize is between 10 and 200 MB.
func imageSize(image string) int64 {
	return 10e6 + int64(190e6*stream(0).of("size", image).unit())
}

// repository returns an image's name without tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[:i]
	}
	return image
}
