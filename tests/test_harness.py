"""The test harness tested against the toy server: what it starts, speaks and stops, and that it judges."""

import os
import pathlib

import pytest

from clients import dot_stuffed
from instance import preload

TOY = pathlib.Path(__file__).resolve().parent / "toy_server.py"
ANN = "ann@shop.example"


@pytest.fixture
def toy(make_instance):
    def start(**env):
        one = make_instance(env=env, binary=TOY)
        one.account_add(ANN)
        return one.start()
    return start


@pytest.mark.parametrize("message", [b"\r\n", b"a\r\n", b".\r\n", b"..\r\n.\r\n", b"a: b\r\n\r\n.x\r\n\r\n.\r\n"])
def test_a_message_comes_back(toy, message):
    one = toy()
    with one.smtp() as c:
        assert c.deliver("bob@far.example", [ANN], message).startswith(b"250")
        c.quit()
    with one.pop3(ANN) as c:
        assert list(c.uidl()) == [1]
        assert c.retr(1) == b"Received: from toy\r\n" + message
        c.dele(1)
        c.quit()
    with one.pop3(ANN) as c:
        assert c.uidl() == {}


def test_dot_stuffing():
    assert dot_stuffed(b".\r\n..a\r\nb.\r\n") == b"..\r\n...a\r\nb.\r\n.\r\n"


def test_server_child_is_found_and_restarted(toy):
    one = toy()
    child = one.server_pid()
    assert child not in (None, one.process.pid)
    here = len(one.log_octets())
    os.kill(child, 9)
    one.wait_ready(after=here)
    assert one.server_pid() not in (None, child)


def test_a_sanitizer_report_fails_the_stop(toy):
    one = toy()
    with open(one.log_path, "ab") as log:
        log.write(b"==1==ERROR: AddressSanitizer: heap-use-after-free\n")
    with pytest.raises(AssertionError, match="heap-use-after-free"):
        one.stop()
    one.expect_reports = True


def test_preload_of_a_plain_program_names_no_sanitizer():
    assert preload("/bin/true", "/x.so") == "/x.so"
