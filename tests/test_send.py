"""`postrider send` as programs of a shop's server call sendmail, by several logins, and the submit socket behind it."""

import contextlib
import json
import os
import pathlib
import pwd
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import time

import pytest

from instance import DOMAIN, HOSTNAME, Instance

ANN = "ann@" + DOMAIN
BOB = "bob@" + DOMAIN
STRANGER = "nobody"  # a login of every machine, and not the server's
AS_ROOT = os.geteuid() == 0

others = pytest.mark.skipif(not AS_ROOT, reason="only root can run programs as other logins")


@pytest.fixture
def shop(postrider_bin):
    """A running instance that every login can reach, with ann, bob, and root's mail for ann."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-send-"))
    folder.chmod(0o755)
    binary = folder / "postrider"
    shutil.copy(postrider_bin, binary)
    (folder / "sendmail").symlink_to("postrider")
    one = Instance(folder / "server", binary).init()
    one.cli("domain", "add", HOSTNAME)
    one.account_add(ANN)
    one.account_add(BOB)
    one.cli("alias", "add", "root@" + HOSTNAME, ANN)
    try:
        one.start()
        yield one
        one.stop()
    finally:
        one.kill()
        shutil.rmtree(folder)


def sendmail(shop, *words, stdin=b"", login=None, code=0, name="sendmail", env=None, cwd="/"):
    """Runs it as programs do: by the name of sendmail, found without -c."""
    argv = [str(shop.binary.parent / "sendmail")] if name == "sendmail" else [str(shop.binary), *name.split()[1:]]
    env = dict(os.environ, POSTRIDER_CONFIG=str(shop.config)) if env is None else env
    env.pop("LD_PRELOAD", None)
    done = subprocess.run([*argv, *words], input=stdin, capture_output=True, env=env, timeout=60, check=False, user=login,
                          group=pwd.getpwnam(login).pw_gid if login else None, extra_groups=[] if login else None, cwd=cwd)
    assert code is None or done.returncode == code, done
    return done


def mailbox(shop, address=ANN):
    """The messages of an account."""
    with contextlib.closing(shop.pop3(address)) as c:
        return [c.retr(n + 1) for n in range(c.stat()[0])]


def fields(message, name):
    """Bodies of the fields of that name, unfolded."""
    head = message.split(b"\r\n\r\n", 1)[0]
    unfolded = re.sub(rb"\r\n[ \t]+", b" ", head)
    return [line.split(b":", 1)[1].strip() for line in unfolded.split(b"\r\n") if line.lower().startswith(name.lower() + b":")]


def body(message):
    return message.split(b"\r\n\r\n", 1)[1]


# -- as programs call it ---------------------------------------------------------------------------------------

def test_cron(shop):
    sendmail(shop, "-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root",
             stdin=b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@mail> backup\n"
                   b"Content-Type: text/plain; charset=UTF-8\nX-Cron-Env: <SHELL=/bin/sh>\n\n10%\r20%\r100%\ndone\n.\nend\n")
    (one,) = mailbox(shop)
    assert body(one) == b"10%\r\n20%\r\n100%\r\ndone\r\n.\r\nend\r\n"
    assert fields(one, b"From") == [b'"Cron Daemon" <root@' + HOSTNAME.encode() + b">"]
    assert fields(one, b"Return-Path") == [b"<root@" + HOSTNAME.encode() + b">"]
    assert fields(one, b"Delivered-To") == [ANN.encode()]
    assert len(fields(one, b"Date")) == 1 and len(fields(one, b"Message-ID")) == 1
    assert b"login root" in fields(one, b"Received")[0]


def test_php_mail(shop):
    """sendmail -t -i, CR LF in the header and LF in the body, Bcc that nobody gets to see."""
    sendmail(shop, "-t", "-i", "-f" + BOB,
             stdin=f"To: Ann <{ANN}>\r\nSubject: Order 17\r\nBcc: {BOB}\r\nFrom: Shop <{BOB}>\r\n\r\n".encode()
             + "Grüße\n.\nNext\n".encode())
    for who in (ANN, BOB):
        (one,) = mailbox(shop, who)
        assert body(one) == "Grüße\r\n.\r\nNext\r\n".encode()
        assert not fields(one, b"Bcc") and BOB.encode() not in fields(one, b"To")[0]
        assert fields(one, b"Return-Path") == [f"<{BOB}>".encode()]
    assert not fields(mailbox(shop)[0], b"X-Bcc")


def test_without_a_header(shop):
    """What a script echoes: all body, with the fields that a message needs (RFC 5322 §3.6)."""
    sendmail(shop, "root", stdin=b"disk full\n.\nnever read\n")
    (one,) = mailbox(shop)
    assert body(one) == b"disk full\r\n"
    assert len(fields(one, b"From")) == 1 and fields(one, b"From")[0].endswith(b"root@" + HOSTNAME.encode() + b">")
    assert len(fields(one, b"Date")) == 1


def test_symfony_and_laravel_speak_smtp(shop):
    dialogue = (f"EHLO [127.0.0.1]\r\nMAIL FROM:<{BOB}>\r\nRCPT TO:<{ANN}>\r\nDATA\r\nFrom: {BOB}\r\nSubject: x\r\n\r\n"
                "body\r\n.\r\nQUIT\r\n").encode()
    done = sendmail(shop, "-bs", "-i", stdin=dialogue)
    codes = re.findall(rb"^(\d{3}) ", done.stdout, re.M)
    assert codes == [b"220", b"250", b"250", b"250", b"354", b"250", b"221"], done
    (one,) = mailbox(shop)
    assert body(one) == b"body\r\n"


@pytest.mark.parametrize("argv", [
    ["mailx", "-s", "hello", ANN],
    ["swaks", "--pipe", "{sendmail} -bs", "--from", "root@" + HOSTNAME, "--to", ANN, "--silent", "2", "--body", "body"],
    ["php", "-n", "-d", "sendmail_path={sendmail} -t -i", "-r",
     f"exit(mail('{ANN}', 'hello', \"body\\n\", ['From' => 'root@{HOSTNAME}']) ? 0 : 1);"],
])
def test_real_programs(shop, tmp_path, argv):
    if not shutil.which(argv[0]):
        pytest.skip(f"{argv[0]} is not installed: make deps")
    (tmp_path / ".mailrc").write_text(f"set sendmail={shop.binary.parent / 'sendmail'}\n")
    argv = [word.format(sendmail=shop.binary.parent / "sendmail") for word in argv]
    done = subprocess.run(argv, input=b"body\n", capture_output=True, timeout=60, check=False, cwd=tmp_path,
                          env=dict(os.environ, POSTRIDER_CONFIG=str(shop.config), HOME=str(tmp_path)))
    assert done.returncode == 0, done
    (one,) = mailbox(shop)
    assert body(one).startswith(b"body\r\n") and len(fields(one, b"Date")) == 1


# -- octets ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("lines", [3, 5000, 60000])
def test_octets_arrive_as_they_were(shop, lines):
    text = b"".join(b".%d\tna\xefve caf\xc3\xa9  \n" % n if n % 3 else b"..\n" for n in range(lines))
    sendmail(shop, "-i", ANN, stdin=b"Subject: long\n\n" + text)
    (one,) = mailbox(shop)
    assert body(one) == text.replace(b"\n", b"\r\n")


def test_too_large(shop):
    shop.config.write_text(shop.config.read_text().replace("[limits]", '[limits]\nmessage_size = "64K"'))
    done = sendmail(shop, ANN, stdin=b"Subject: x\n\n" + b"x" * 70000, code=65)
    assert b"limits.message_size" in done.stderr
    done = sendmail(shop, "-t", stdin=b"X: y\n" * 60000, code=65)
    assert mailbox(shop) == []


# -- recipients ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("words, stdin, code, word", [
    (["carl@" + DOMAIN], b"\nx\n", 67, b"5.1.1"),
    (["not an address"], b"\nx\n", 65, b"no address"),
    ([ANN, "carl@" + DOMAIN], b"\nx\n", 67, b"nothing was sent"),
    ([], b"\nx\n", 64, b"recipient"),
    (["-t"], b"Subject: x\n\nx\n", 65, b"recipient"),
    (["-t"], b"To: ann bob\n\nx\n", 65, b"no address"),
    (["-x", ANN], b"\nx\n", 64, b"no option"),
    (["-bp"], b"", 64, b"queue"),
    (["-q"], b"", 64, b"queue"),
    (["-f", "no address", ANN], b"\nx\n", 65, b"no address"),
    ([ANN], b"\nx\0y\n", 65, b"NUL"),
])
def test_refusals(shop, words, stdin, code, word):
    done = sendmail(shop, *words, stdin=stdin, code=code)
    assert word in done.stderr and not done.stdout
    assert mailbox(shop) == [] and mailbox(shop, BOB) == []


def test_json(shop):
    done = sendmail(shop, "--json", ANN, name="postrider send", stdin=b"\nx\n")
    answer = json.loads(done.stdout)
    assert answer["queue_id"] and answer["reply"].startswith("250 2.0.0 ")
    traced = shop.json_lines("trace", answer["queue_id"])
    assert [e["event"] for e in traced] == ["message.accepted"]
    assert traced[0]["login"] == "root" if AS_ROOT else traced[0]["login"]
    done = sendmail(shop, "--json", "carl@" + DOMAIN, name="postrider send", stdin=b"\nx\n", code=67)
    assert json.loads(done.stderr)["exit"] == 67


def test_verbose_says_what_the_server_said(shop):
    assert sendmail(shop, "-v", ANN, stdin=b"\nx\n").stdout.startswith(b"250 2.0.0 ")
    assert sendmail(shop, ANN, stdin=b"\nx\n").stdout == b""


# -- no server -------------------------------------------------------------------------------------------------

def test_no_server(shop):
    shop.stop()
    assert b"no server runs" in sendmail(shop, ANN, stdin=b"\nx\n", code=75).stderr
    done = sendmail(shop, "-bs", stdin=b"EHLO x\r\n", code=75)
    assert done.stdout.startswith(b"421 ")
    shop.start()
    server = shop.server_pid()
    shop.kill()
    assert server and sendmail(shop, ANN, stdin=b"\nx\n", code=75)  # a socket that nobody listens on is left


def test_no_configuration(shop, tmp_path):
    """A folder that strangers write to has no say in where sendmail's mail goes."""
    (tmp_path / "postrider.toml").write_text(shop.config.read_text())
    env = {"PATH": os.environ["PATH"]}
    if pathlib.Path("/etc/postrider/postrider.toml").exists():
        pytest.skip("this machine has a postrider of its own")
    assert b"no configuration" in sendmail(shop, ANN, stdin=b"\nx\n", code=78, env=env, cwd=tmp_path).stderr
    sendmail(shop, ANN, name="postrider send", stdin=b"\nx\n", env=env, cwd=tmp_path)


# -- who may send as whom --------------------------------------------------------------------------------------

@others
def test_a_login_sends_as_itself(shop):
    sendmail(shop, "-t", stdin=f"To: {ANN}\nSubject: x\n\nbody\n".encode(), login=STRANGER)
    (one,) = mailbox(shop)
    own = f"{STRANGER}@{HOSTNAME}".encode()
    assert fields(one, b"Return-Path") == [b"<" + own + b">"]
    assert own in fields(one, b"From")[0]
    assert f"login {STRANGER}".encode() in fields(one, b"Received")[0]


@others
@pytest.mark.parametrize("words, header", [
    (["-f", ANN], b""),
    ([], b"From: " + ANN.encode() + b"\n"),
    (["-f", "root"], b""),
    ([], b"From: nobody@" + HOSTNAME.encode() + b", " + ANN.encode() + b"\n"),
    (["-f", "<>"], b"From: " + ANN.encode() + b"\n"),
])
def test_a_login_sends_as_nobody_else(shop, words, header):
    done = sendmail(shop, *words, BOB, stdin=header + b"Subject: x\n\nbody\n", login=STRANGER, code=77)
    assert b"5.7.1" in done.stderr and b"submit" in done.stderr
    assert mailbox(shop, BOB) == []


@others
def test_the_configuration_allows_more(shop):
    text = shop.config.read_text()
    allow = f'allow = [{{ user = "{STRANGER}", from = "@{DOMAIN}" }}, {{ user = "daemon", from = "info@far.example" }}]'
    shop.config.write_text(text.replace("[submit]", "[submit]\n" + allow))
    before = len(shop.log_octets())
    os.kill(shop.process.pid, 1)
    for _ in range(400):
        if shop.events("config.loaded", before):
            break
        time.sleep(0.01)
    message = b"From: Ann <" + ANN.encode() + b">\nSubject: x\n\nbody\n"
    sendmail(shop, "-f", ANN, BOB, stdin=message, login=STRANGER)
    sendmail(shop, BOB, stdin=message, login=STRANGER)
    sendmail(shop, BOB, stdin=message, login="daemon", code=77)
    sendmail(shop, "-f", "info@far.example", BOB, stdin=b"\nx\n", login="daemon")
    sendmail(shop, "-f", "other@far.example", BOB, stdin=b"\nx\n", login="daemon", code=77)
    assert len(mailbox(shop, BOB)) == 3


@others
def test_root_sends_as_anybody(shop):
    sendmail(shop, "-f", "someone@far.example", ANN, stdin=b"From: other@elsewhere.example\n\nx\n")
    assert fields(mailbox(shop)[0], b"Return-Path") == [b"<someone@far.example>"]


# -- the socket ------------------------------------------------------------------------------------------------

def test_the_socket_and_its_folders(shop):
    data = shop.dir / "data"
    mode = {name: stat.S_IMODE((data / name).stat().st_mode) for name in ("", "run", "run/submit.sock", "control.sock")}
    assert mode == {"": 0o711, "run": 0o711, "run/submit.sock": 0o666, "control.sock": 0o600}
    shop.stop()
    assert not (data / "run" / "submit.sock").exists()


@others
def test_strangers_reach_nothing_else(shop):
    for path in ("control.sock", "postrider.db", "segments", "run"):
        done = subprocess.run(["cat" if path.endswith("db") else "ls", shop.dir / "data" / path], capture_output=True,
                              user=STRANGER, check=False)
        assert path.endswith("sock") or b"ermission denied" in done.stderr, path


def test_it_takes_nothing_but_messages(shop):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(shop.dir / "data" / "run" / "submit.sock"))
        stream = s.makefile("rwb")
        assert stream.readline().startswith(b"220 ")
        stream.write(b"POST /v1/account.list HTTP/1.1\r\n")
        stream.flush()
        assert stream.readline().startswith(b"500 ")
        stream.write(b"EHLO x\r\n")
        stream.flush()
        offered = [stream.readline()]
        while offered[-1][3:4] == b"-":
            offered.append(stream.readline())
        words = {line[4:].split()[0] for line in offered[1:]}
        assert b"AUTH" not in words and b"STARTTLS" not in words  # the system has said who it is
        assert {b"SIZE", b"8BITMIME", b"PIPELINING", b"ENHANCEDSTATUSCODES"} <= words


def test_the_doctor_tries_it(shop):
    checks = {c["name"]: c["state"] for c in shop.json("doctor", code=None)["checks"]}
    assert checks["submit"] == "ok"
    # It leaves as one does, and is named by the way it came.
    deadline = time.monotonic() + 20
    while len(local := [e for e in shop.events() if e.get("service") == "local"]) < 2:
        assert time.monotonic() < deadline, local
        time.sleep(0.01)
    opened, closed = local
    assert opened["session"] == closed["session"] and opened["remote_ip"] == closed["remote_ip"] == "unix"
    assert closed["why"] not in ("reset by the peer", "closed by the peer")
