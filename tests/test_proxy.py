"""Behind a proxy: whose mail it is says the PROXY header, to logs, trace fields and limits; nobody else may."""

import socket
import ssl
import struct

import pytest

import clients
from instance import DOMAIN
from test_supervisor import reload, wait_for

ANN = "ann@" + DOMAIN
V1 = b"PROXY TCP4 192.0.2.7 198.51.100.2 50000 25\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V2 = SIGNATURE + b"\x21\x21" + struct.pack(">H", 36) + socket.inet_pton(socket.AF_INET6, "2001:db8::7") + \
    socket.inet_pton(socket.AF_INET6, "2001:db8::2") + struct.pack(">HH", 50000, 25)
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


@pytest.fixture
def behind(make_instance):
    """An instance whose SMTP listener believes PROXY headers from loopback."""
    one = make_instance()
    address = f"127.0.0.1:{one.base + 25}"
    text = one.config.read_text()
    assert f'smtp = ["{address}"]' in text
    one.config.write_text(text.replace(f'smtp = ["{address}"]', f'smtp = [{{ address = "{address}", proxy = true }}]')
                          .replace("[network]\n", '[network]\nproxy_from = ["127.0.0.0/8"]\n'))
    one.account_add(ANN)
    return one.start()


class Proxied(clients.Smtp):
    """Sends `header` before it listens."""

    def __init__(self, one, header):
        self.header = header
        super().__init__(one.address("smtp"))

    def reply(self, want=None):
        if self.header:
            self.send(self.header)
            self.header = None
        return super().reply(want)


@pytest.mark.parametrize("header, ip, literal", [
    (V1, "192.0.2.7", b"[192.0.2.7]"), (V2, "2001:db8::7", b"[IPv6:2001:db8::7]"),
    (LOCAL, "127.0.0.1", b"[127.0.0.1]"), (b"PROXY UNKNOWN\r\n", "127.0.0.1", b"[127.0.0.1]")])
def test_real_peer(behind, header, ip, literal):
    with Proxied(behind, header) as smtp:
        smtp.deliver("bob@far.example", [ANN], b"Subject: x\r\n\r\nHello.\r\n")
        smtp.quit()
    with behind.pop3(ANN) as pop3:
        assert b"(" + literal + b")" in pop3.retr(1)
    opened = [e for e in behind.events("session.opened") if e["service"] == "smtp"]
    assert [e["remote_ip"] for e in opened] == [ip]
    assert header[:5] != b"PROXY" or ip == "127.0.0.1" or opened[0]["remote_port"] == 50000


@pytest.mark.parametrize("header", [b"EHLO there\r\n", b"PROXY TCP4 192.0.2.7\r\n", SIGNATURE + b"\x21\x11\x00\x01x",
                                    b"\x16\x03\x01\x02\x00"])
def test_wrong_header(behind, header):
    with socket.create_connection(behind.address("smtp"), 20) as s:
        s.sendall(header)
        assert s.recv(1000) == b""
    event = wait_for(lambda: behind.events("session.refused"))[0]
    assert event["why"] == "no PROXY header" and event["remote_ip"] == "127.0.0.1"


def test_from_elsewhere(behind):
    text = behind.config.read_text()
    behind.config.write_text(text.replace("127.0.0.0/8", "192.0.2.0/24"))
    reload(behind, "config.loaded")

    def is_refused():
        with socket.create_connection(behind.address("smtp"), 20) as s:
            s.sendall(V1)
            try:
                return s.recv(1000) == b""
            except ConnectionResetError:
                return True

    wait_for(is_refused)
    assert wait_for(lambda: behind.events("session.refused"))[-1]["why"] == "not in network.proxy_from"
    behind.config.write_text(text)
    reload(behind, "config.loaded")
    wait_for(lambda: not is_refused())


def test_limits_count_the_real_peer(behind):
    text = behind.config.read_text()
    behind.config.write_text(text.replace("[limits]\n", "[limits]\nconnections_per_address = 2\n"))
    reload(behind, "config.loaded")
    first, second = Proxied(behind, V1), Proxied(behind, V1)
    with pytest.raises(clients.Refused) as refused:
        Proxied(behind, V1)
    assert b"421" in refused.value.reply
    Proxied(behind, V2).quit()
    Proxied(behind, LOCAL).quit()
    first.quit()

    def is_taken():
        try:
            Proxied(behind, V1).quit()
            return True
        except clients.Refused:
            return False

    wait_for(is_taken)
    second.quit()


def test_header_before_tls(make_instance):
    """On a listener that begins with TLS the header still comes first, in the clear."""
    one = make_instance()
    address = f"127.0.0.1:{one.base + 995}"
    text = one.config.read_text()
    one.config.write_text(text.replace(f'pop3s = ["{address}"]', f'pop3s = [{{ address = "{address}", proxy = true }}]')
                          .replace("[network]\n", '[network]\nproxy_from = ["127.0.0.1"]\n'))
    one.start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for header, ip in ((V1, "192.0.2.7"), (V2, "2001:db8::7")):
        with socket.create_connection(one.address("pop3s"), 20) as s:
            s.sendall(header)
            with context.wrap_socket(s) as tls:
                assert tls.recv(1000).startswith(b"+OK")
                tls.sendall(b"QUIT\r\n")
                assert tls.recv(1000).startswith(b"+OK")
        wait_for(lambda ip=ip: ip in [e["remote_ip"] for e in one.events("session.opened")])
    with socket.create_connection(one.address("pop3s"), 20) as s:  # TLS at once: no header
        with pytest.raises(OSError):
            context.wrap_socket(s)
