// SPDX-License-Identifier: Apache-2.0

// Package tap prints the Test Anything Protocol, version 13.
//
// The validation programs import this path; Debian has no package for it. Only what they call is
// here: a plan before or after the points, points, skips, diagnostics and YAML blocks.
package tap

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
)

// T counts the points of one program.
type T struct {
	counter *counter
	todo    bool
}

type counter struct {
	mu     sync.Mutex
	points int
}

// New starts a report with no points.
func New() *T { return &T{counter: &counter{}} }

// Todo is the same report; what it fails is known not to work yet and not held against the tested.
func (t *T) Todo() *T { return &T{counter: t.counter, todo: true} }

// Header opens the report. A count of zero leaves the plan to AutoPlan.
func (t *T) Header(count int) {
	fmt.Fprintln(os.Stdout, "TAP version 13")
	if count > 0 {
		fmt.Fprintf(os.Stdout, "1..%d\n", count)
	}
}

// AutoPlan closes the report with the number of points that were printed.
func (t *T) AutoPlan() {
	t.counter.mu.Lock()
	defer t.counter.mu.Unlock()
	fmt.Fprintf(os.Stdout, "1..%d\n", t.counter.points)
}

// Ok prints one point.
func (t *T) Ok(good bool, description string) {
	verdict := "ok"
	if !good {
		verdict = "not ok"
	}
	t.point(verdict, " - "+oneLine(description))
}

// Pass and Fail are Ok with the verdict spelt out.
func (t *T) Pass(description string) { t.Ok(true, description) }
func (t *T) Fail(description string) { t.Ok(false, description) }

// Skip prints count points that were not judged.
func (t *T) Skip(count int, reason string) {
	for i := 0; i < count; i++ {
		t.point("ok", " # SKIP "+oneLine(reason))
	}
}

func (t *T) point(verdict, rest string) {
	if t.todo {
		rest += " # TODO"
	}
	t.counter.mu.Lock()
	defer t.counter.mu.Unlock()
	t.counter.points++
	fmt.Fprintf(os.Stdout, "%s %d%s\n", verdict, t.counter.points, rest)
}

// Diagnostic prints a comment, each line marked.
func (t *T) Diagnostic(message string) {
	for _, line := range strings.Split(strings.TrimRight(message, "\n"), "\n") {
		fmt.Fprintf(os.Stdout, "# %s\n", line)
	}
}

// Diagnosticf is Diagnostic with a format.
func (t *T) Diagnosticf(format string, args ...interface{}) {
	t.Diagnostic(fmt.Sprintf(format, args...))
}

// YAML attaches a value to the point before it. JSON is YAML too, and is in the standard library.
func (t *T) YAML(value interface{}) error {
	text, err := json.MarshalIndent(value, "  ", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "  ---\n  %s\n  ...\n", text)
	return nil
}

// A line break inside a description would start a line that no reader expects.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
