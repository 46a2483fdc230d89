# SPDX-License-Identifier: Apache-2.0
"""
A program on a terminal of its own, as a user sits before it:

    t = Term(["agentsh", "exec", "--pty", "--", "sh"], rows=30, cols=90)
    t.expect(b"text"); t.type(b"keys"); t.resize(40, 100); t.wait()

t.outer() is the mode of that terminal, t.first the one before the program.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time


class Term:
    def __init__(self, argv, rows=24, cols=80, env=None):
        self.out = b""
        self.master, self.slave = pty.openpty()
        self.resize(rows, cols)
        self.first = self.outer()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(self.slave, fd)
            os.closerange(3, 64)
            os.environ.update(env or {})
            try:
                os.execvp(argv[0], argv)
            finally:
                os._exit(99)

    def resize(self, rows, cols):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def outer(self):
        return termios.tcgetattr(self.slave)

    def raw(self):
        return not self.outer()[3] & termios.ICANON

    def until_raw(self):
        """Keys typed earlier are echoed here, too."""
        end = time.time() + 30
        while not self.raw():
            assert time.time() < end, "not in raw mode"
            time.sleep(0.01)

    def type(self, keys):
        os.write(self.master, keys)

    def read(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        self.out += os.read(self.master, 65536)
        return True

    def expect(self, text, seconds=30):
        """Takes the output up to and with text."""
        end = time.time() + seconds
        while text not in self.out:
            assert time.time() < end, ("missing", text, self.out)
            self.read(0.5)
        head, self.out = self.out.split(text, 1)
        return head + text

    def poll(self):
        """None while it runs."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return None
        while self.read(0.05):
            pass
        return os.waitstatus_to_exitcode(status)

    def wait(self, seconds=30):
        end = time.time() + seconds
        while True:
            code = self.poll()
            if code is not None:
                return code
            assert time.time() < end, ("does not end", self.out)
            self.read(0.05)

    def signal(self, signo):
        os.kill(self.pid, signo)
