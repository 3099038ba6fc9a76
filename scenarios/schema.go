package scenarios

import (
	"bytes"
	_ "embed"
)

// The schema is made from the types and their comments by TestSchema -update;
// the comments are not there at run time.
//
//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of scenario files, for editors. What relates
// several fields, such as the cluster a check names, only Parse checks.
func Schema() []byte { return bytes.Clone(schema) }
