// Reads a pipeline from standard input with Buildkite's own parser, as `buildkite-agent pipeline upload` does, and prints as JSON what
// becomes of it once variables are filled in, of which there are none. What the parser warns of is refused. The agent itself would ask
// its server, and brings modules that not every proxy has.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	pipeline "github.com/buildkite/go-pipeline"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	read, err := pipeline.Parse(os.Stdin)
	if err != nil {
		return err
	}
	if err := read.Interpolate(nil, false); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(read)
}
