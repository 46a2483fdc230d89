// SPDX-License-Identifier: Apache-2.0
// Starts the commands of a file, one a line, as ways.sh wants it.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

func main() {
	text, err := os.ReadFile("/workspace/cases")
	if err != nil {
		os.Exit(2)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		w := strings.Fields(line)
		id := w[len(w)-1][1:]
		fmt.Println("CASE " + id)
		c := exec.Command(w[0], w[1:]...)
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		err := c.Run()
		var gone *exec.ExitError
		switch {
		case errors.Is(err, syscall.EACCES):
			fmt.Println("END " + id + " EACCES")
		case errors.As(err, &gone):
			fmt.Printf("END %s %d\n", id, gone.ExitCode())
		case err != nil:
			fmt.Println("END " + id + " " + err.Error())
		default:
			fmt.Println("END " + id + " 0")
		}
	}
}
