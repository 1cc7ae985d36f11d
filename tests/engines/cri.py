#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A small client of the container runtime interface, as crictl is one: Debian has none.

cri.py SOCKET runp NAME HANDLER CGROUP | create POD NAME IMAGE [tty] WORD... | start ID | exec ID WORD...
       | status ID | update ID MEMORY | stats ID | stop ID SECONDS | rm ID | stopp POD | rmp POD

Messages are built from field numbers: bytes and text as they are, numbers as varints, lists repeated.
"""
import sys

import grpc

NODE = 2  # of NamespaceMode: the network of the host, so nobody needs a CNI plugin


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    if isinstance(value, list):
        return b"".join(field(number, one) for one in value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def message(fields):
    return b"".join(field(number, value) for number, value in fields.items())


def read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at


def fields_of(data):
    """Number to value; of a repeated field the last one."""
    found, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == 0:
            found[key >> 3], at = read_varint(data, at)
        elif key & 7 == 2:
            size, at = read_varint(data, at)
            found[key >> 3] = data[at:at + size]
            at += size
        else:
            raise ValueError("unexpected wire type %d" % (key & 7))
    return found


def pod_config(name, cgroup):
    namespaces = message({1: NODE})
    return message({
        1: message({1: name, 2: "uid-of-" + name, 3: "default"}),
        3: "/tmp/logs",  # no host name: that is the node's
        8: message({1: cgroup, 2: message({1: namespaces})}),
    })


def container_config(name, image, words):
    tty = words[:1] == ["tty"]
    return message({
        1: message({1: name}),
        2: message({1: image}),
        3: words[1:] if tty else words,
        6: message({1: "WORD", 2: "told"}),
        11: name + ".log",
        14: int(tty),
        15: message({
            1: message({3: 300, 4: 67108864}),
            2: message({3: message({1: NODE})}),
        }),
    })


class Client:
    def __init__(self, socket):
        self.channel = grpc.insecure_channel("unix://" + socket)

    def call(self, name, fields):
        method = self.channel.unary_unary("/runtime.v1.RuntimeService/" + name)
        return fields_of(method(message(fields), timeout=30))

    def runp(self, name, handler, cgroup):
        answer = self.call("RunPodSandbox", {1: pod_config(name, cgroup), 2: handler})
        print(answer[1].decode())

    def create(self, pod, name, image, *words):
        config = container_config(name, image, list(words))
        answer = self.call("CreateContainer", {1: pod, 2: config, 3: pod_config("pod", "")})
        print(answer[1].decode())

    def start(self, container):
        self.call("StartContainer", {1: container})

    def exec(self, container, *words):
        answer = self.call("ExecSync", {1: container, 2: list(words), 3: 10})
        sys.stdout.write(answer.get(1, b"").decode())
        sys.stdout.flush()
        sys.stderr.write(answer.get(2, b"").decode())
        return answer.get(3, 0)

    def status(self, container):
        status = fields_of(self.call("ContainerStatus", {1: container})[1])
        state = ["created", "running", "exited", "unknown"][status.get(3, 0)]
        print(state, status.get(7, 0), status.get(10, b"").decode())

    def update(self, container, memory):
        self.call("UpdateContainerResources", {1: container, 2: message({4: int(memory)})})

    def stats(self, container):
        stats = fields_of(self.call("ContainerStats", {1: container})[1])
        memory = fields_of(fields_of(stats[3])[2])
        print("memory", memory.get(1, 0))

    def stop(self, container, seconds):
        self.call("StopContainer", {1: container, 2: int(seconds)})

    def rm(self, container):
        self.call("RemoveContainer", {1: container})

    def stopp(self, pod):
        self.call("StopPodSandbox", {1: pod})

    def rmp(self, pod):
        self.call("RemovePodSandbox", {1: pod})


def main(words):
    client = Client(words[0])
    try:
        return getattr(client, words[1])(*words[2:]) or 0
    except grpc.RpcError as error:
        print("%s: %s" % (words[1], error.details()), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
