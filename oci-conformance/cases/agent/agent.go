// SPDX-License-Identifier: Apache-2.0

// Agent takes what a runtime sends over unix sockets and writes down what it got:
//
//	agent SOCKET REPORT
//
// For every connection it appends one JSON object to REPORT: the bytes, the kinds of the descriptors
// that came with the first message, how many came later, and whether the peer closed. A descriptor
// that is a pty master is then copied to REPORT.tty until its end; the others are closed.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

type record struct {
	Payload string   `json:"payload"`
	Fds     []string `json:"fds"`
	LateFds int      `json:"lateFds"`
	Closed  bool     `json:"closed"`
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

func fdsOf(control []byte) (fds []int) {
	messages, err := syscall.ParseSocketControlMessage(control)
	check(err)
	for i := range messages {
		got, err := syscall.ParseUnixRights(&messages[i])
		check(err)
		fds = append(fds, got...)
	}
	return fds
}

func kindOf(fd int) string {
	link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	check(err)
	return link
}

func receive(conn *net.UnixConn) (got record, ttys []*os.File) {
	defer conn.Close()
	check(conn.SetReadDeadline(time.Now().Add(5 * time.Second)))
	data, control := make([]byte, 65536), make([]byte, 1024)
	for first := true; ; first = false {
		n, controlled, _, _, err := conn.ReadMsgUnix(data, control)
		if err != nil || n == 0 {
			got.Closed = err == nil || errors.Is(err, io.EOF)
			return got, ttys
		}
		got.Payload += string(data[:n])
		for _, fd := range fdsOf(control[:controlled]) {
			if !first {
				got.LateFds++
			}
			kind := kindOf(fd)
			got.Fds = append(got.Fds, kind)
			if strings.HasSuffix(kind, "ptmx") {
				ttys = append(ttys, os.NewFile(uintptr(fd), kind))
			} else {
				syscall.Close(fd)
			}
		}
	}
}

func main() {
	if len(os.Args) != 3 {
		check(fmt.Errorf("usage: agent SOCKET REPORT"))
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: os.Args[1], Net: "unix"})
	check(err)
	report, err := os.OpenFile(os.Args[2], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	check(err)
	for {
		conn, err := listener.AcceptUnix()
		check(err)
		got, ttys := receive(conn)
		text, err := json.Marshal(got)
		check(err)
		_, err = fmt.Fprintln(report, string(text))
		check(err)
		for _, tty := range ttys {
			out, err := os.Create(os.Args[2] + ".tty")
			check(err)
			go io.Copy(out, tty)
		}
	}
}
