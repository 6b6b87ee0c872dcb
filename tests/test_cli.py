"""Every subcommand as shops and scripts use it, with and without a running server: JSON, exit codes, words."""

import contextlib
import json
import os
import pathlib
import pty
import re
import stat
import subprocess

import pytest

from instance import DOMAIN, HOSTNAME, PASSWORD

ANN = "ann@" + DOMAIN
BOB = "bob@" + DOMAIN
MESSAGE = b"Message-ID: <one@far.example>\r\nSubject: hello\r\n\r\nHello.\r\n"
HELP = pathlib.Path(__file__).resolve().parent / "golden" / "help.txt"


@pytest.fixture(params=["server", "no-server"])
def shop(request, make_instance):
    """An instance that was made by init; commands meet a server, or open the store themselves."""
    one = make_instance()
    return one.start() if request.param == "server" else one


def failed(done, code, word=None):
    """The one object that an error is with --json: named, with its exit code, and nothing on standard output."""
    assert done.returncode == code, done
    assert done.stdout == b""
    error = json.loads(done.stderr.splitlines()[-1])
    assert error["exit"] == code and error["what"]
    assert word is None or word in error["what"], error
    return error


# -- init ------------------------------------------------------------------------------------------------------

def test_init_makes_what_it_says(make_instance):
    one = make_instance()
    text = one.config.read_text()
    assert f'hostname = "{HOSTNAME}"' in text
    assert f'data_dir = "{one.dir}/data"' in text
    assert f'smtp = ["127.0.0.1:{one.base + 25}"]' in text
    assert 'plaintext = "loopback"' in text and "allow_private = true" in text
    assert stat.S_IMODE(os.stat(one.dir / "key.pem").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(one.dir / "data").st_mode) == 0o711
    for inside in (one.dir / "data").iterdir():
        assert not stat.S_IMODE(inside.stat().st_mode) & 0o077, inside
    shown = subprocess.run(["openssl", "x509", "-in", one.dir / "certificate.pem", "-noout", "-text"],
                           capture_output=True, text=True, check=True).stdout
    assert HOSTNAME in shown and "prime256v1" in shown
    assert one.json_lines("domain", "list") == [{"domain": DOMAIN, "accounts": 0, "aliases": 0}]
    assert one.json_lines("account", "list") == []


def test_init_refuses_what_is_there(make_instance):
    one = make_instance()
    before = one.config.read_bytes()
    done = one.cli("init", one.dir, "--hostname", "other.example", "--json", code=73, config=False)
    failed(done, 73, "there already")
    assert one.config.read_bytes() == before


@pytest.mark.parametrize("arguments, code", [
    (["--hostname", HOSTNAME], 64),                                      # no DIR
    (["DIR"], 64),                                                       # no hostname
    (["DIR", "--hostname", HOSTNAME, "--ports", "65000"], 64),
    (["DIR", "--hostname", HOSTNAME, "--ports", "x"], 64),
    (["DIR", "--hostname", "not a name"], 65),
    (["DIR", "--hostname", HOSTNAME, "--domain", "no..domain"], 65),
    (["DIR", "--hostname", HOSTNAME, "--surprise"], 64),
    (["DIR", "--hostname"], 64),
])
def test_init_refuses_nonsense(make_instance, tmp_path, arguments, code):
    one = make_instance(init=False)
    words = [str(tmp_path / "new") if a == "DIR" else a for a in arguments]
    one.cli("init", *words, code=code, config=False)
    assert not (tmp_path / "new" / "postrider.toml").exists()


def test_init_again_after_a_failure(make_instance, tmp_path):
    one = make_instance(init=False)
    one.cli("init", one.dir, "--hostname", HOSTNAME, "--domain", "no..domain", code=65, config=False)
    one.init()
    assert one.json_lines("domain", "list")[0]["domain"] == DOMAIN


def test_init_names_the_next_command(make_instance, tmp_path):
    one = make_instance(init=False)
    said = one.cli("init", one.dir, "--hostname", HOSTNAME, "--domain", DOMAIN, config=False).stdout.decode()
    assert f"postrider -c {one.dir}/postrider.toml account add" in said
    assert f"postrider -c {one.dir}/postrider.toml serve" in said


# -- domains ---------------------------------------------------------------------------------------------------

def test_domains(shop):
    assert shop.json("domain", "add", "Other.EXAMPLE.") == {"domain": "other.example", "accounts": 0, "aliases": 0}
    failed(shop.cli("domain", "add", "other.example", "--json", code=73), 73)
    assert [d["domain"] for d in shop.json_lines("domain", "list")] == ["other.example", DOMAIN]
    assert shop.json("domain", "show", "other.example")["domain"] == "other.example"
    failed(shop.cli("domain", "show", "third.example", "--json", code=67), 67, "third.example")
    shop.account_add("a@other.example")
    assert shop.json("domain", "show", "other.example")["accounts"] == 1
    failed(shop.cli("domain", "remove", "other.example", "--json", code=77), 77, "still has 1 account")
    shop.cli("account", "remove", "a@other.example")
    assert shop.json("domain", "remove", "other.example") == {"removed": "other.example"}
    failed(shop.cli("domain", "remove", "other.example", "--json", code=67), 67)
    failed(shop.cli("domain", "add", "not a domain", "--json", code=65), 65)


# -- accounts --------------------------------------------------------------------------------------------------

def test_account_shape(shop):
    added = shop.json("account", "add", "Ann@Shop.Example", "--name", "Ann Öther", "--quota", "5G", "--password-stdin",
                      stdin=PASSWORD.encode())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", added.pop("created"))
    assert added == {"address": ANN, "name": "Ann Öther", "state": "active", "quota_octets": 5 << 30,
                     "used_octets": 0, "messages": 0}
    shop.account_add(BOB)
    listed = shop.json_lines("account", "list")
    assert [a["address"] for a in listed] == [ANN, BOB]
    assert listed[1]["quota_octets"] is None and listed[1]["name"] is None
    assert shop.json("account", "show", ANN) == listed[0]
    assert shop.json_lines("account", "list", "--domain", DOMAIN) == listed
    failed(shop.cli("account", "list", "--domain", "far.example", "--json", code=67), 67)


def test_account_refusals(shop):
    shop.account_add(ANN)
    add = ["account", "add", "--password-stdin", "--json"]
    failed(shop.cli(*add, ANN, stdin=b"x" * 20, code=73), 73)
    failed(shop.cli(*add, "ann@far.example", stdin=b"x" * 20, code=67), 67, "postrider domain add far.example")
    failed(shop.cli(*add, "no-at-sign", stdin=b"x" * 20, code=65), 65)
    failed(shop.cli(*add, "ann+detail@" + DOMAIN, stdin=b"x" * 20, code=65), 65)
    failed(shop.cli(*add, BOB, stdin=b"", code=65), 65, "empty")
    failed(shop.cli(*add, BOB, stdin=b"\n", code=65), 65, "empty")
    failed(shop.cli(*add, BOB, stdin=b"x" * 1025, code=65), 65)
    failed(shop.cli(*add, BOB, "--quota", "lots", stdin=b"x", code=64), 64)
    failed(shop.cli(*add, stdin=b"x", code=64), 64)
    shop.cli(*add, BOB, stdin=b"x" * 1024)
    for action in ("show", "remove", "suspend", "resume"):
        failed(shop.cli("account", action, "nobody@" + DOMAIN, "--json", code=67), 67)


def test_weak_password_warns(shop):
    done = shop.cli("account", "add", ANN, "--password-stdin", stdin=b"secret\n")
    assert b"warning: this password is easy to guess" in done.stderr
    done = shop.cli("account", "password", ANN, "--password-stdin", "--json", stdin=b"secret\n")
    assert "easy to guess" in json.loads(done.stderr)["warning"]
    done = shop.cli("account", "password", ANN, "--password-stdin", stdin=PASSWORD.encode())
    assert done.stderr == b""


def test_account_changes(shop):
    shop.account_add(ANN)
    assert shop.json("account", "suspend", ANN)["state"] == "suspended"
    assert shop.json("account", "suspend", ANN)["state"] == "suspended"
    assert shop.json("account", "resume", ANN)["state"] == "active"
    assert shop.json("account", "quota", ANN, "1.5G")["quota_octets"] == 3 << 29
    assert shop.json("account", "quota", ANN, "none")["quota_octets"] is None
    renamed = shop.json("account", "rename", ANN, BOB)
    assert renamed["address"] == BOB
    assert [a["address"] for a in shop.json_lines("account", "list")] == [BOB]
    failed(shop.cli("account", "rename", ANN, BOB, "--json", code=67), 67)
    failed(shop.cli("account", "rename", BOB, BOB, "--json", code=73), 73)
    assert shop.json("account", "remove", BOB) == {"removed": BOB}
    assert shop.json_lines("account", "list") == []


def test_password_is_asked_for_at_the_terminal(make_instance):
    one = make_instance()

    def add(first, again):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(one.binary, [str(one.binary), "-c", str(one.config), "account", "add", ANN])
        said = b""
        for prompts, typed in ((1, first), (2, again)):
            while said.count(ANN.encode() + b": ") < prompts:
                said += os.read(terminal, 1024)
            os.write(terminal, typed + b"\n")
        with contextlib.suppress(OSError):  # EIO: the other side is closed
            while more := os.read(terminal, 1024):
                said += more
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said

    code, said = add(b"a right good password", b"a right good passwort")
    assert code == 65 and b"differ" in said and b"a right" not in said
    assert one.json_lines("account", "list") == []
    code, said = add(b"a right good password", b"a right good password")
    assert code == 0 and b"a right" not in said
    assert one.json_lines("account", "list")[0]["address"] == ANN


def test_no_terminal_to_ask_at(make_instance):
    one = make_instance()
    done = subprocess.run([one.binary, "-c", one.config, "account", "add", ANN, "--json"], stdin=subprocess.DEVNULL,
                          capture_output=True, start_new_session=True, check=False)
    failed(done, 64, "--password-stdin")


# -- aliases ---------------------------------------------------------------------------------------------------

def test_aliases(shop):
    shop.account_add(ANN)
    shop.account_add(BOB)
    sales, team = "sales@" + DOMAIN, "team@" + DOMAIN
    assert shop.json("alias", "add", "Sales@" + DOMAIN, ANN) == {"address": sales, "targets": [ANN]}
    assert shop.json("alias", "add", sales, BOB, ANN) == {"address": sales, "targets": [ANN, BOB]}
    failed(shop.cli("alias", "add", sales, BOB, "--json", code=73), 73)
    assert shop.json("alias", "add", "@" + DOMAIN, sales)["address"] == "@" + DOMAIN
    assert shop.json("alias", "add", team, sales)["targets"] == [sales]
    assert [a["address"] for a in shop.json_lines("alias", "list")] == ["@" + DOMAIN, sales, team]
    failed(shop.cli("account", "remove", ANN, "--json", code=77), 77, sales)
    assert shop.json("alias", "remove", sales, ANN) == {"address": sales, "targets": [BOB]}
    failed(shop.cli("alias", "remove", sales, ANN, "--json", code=67), 67)
    assert shop.json("alias", "remove", team) == {"removed": team}
    failed(shop.cli("alias", "remove", team, "--json", code=67), 67)
    assert shop.json("domain", "show", DOMAIN) == {"domain": DOMAIN, "accounts": 2, "aliases": 2}


def test_alias_refusals(shop):
    shop.account_add(ANN)
    a, b, c = (x + "@" + DOMAIN for x in ("a", "b", "c"))
    add = ["alias", "add", "--json"]
    failed(shop.cli(*add, a, "nobody@" + DOMAIN, code=67), 67, "nobody")
    failed(shop.cli(*add, a, a, code=65), 65, "loop")
    failed(shop.cli(*add, ANN, a, code=73), 73)
    failed(shop.cli(*add, "a@far.example", ANN, code=67), 67)
    failed(shop.cli(*add, "nonsense", ANN, code=65), 65)
    failed(shop.cli(*add, a, code=64), 64)
    shop.cli(*add, a, ANN)
    shop.cli(*add, b, a)
    shop.cli(*add, c, b)
    failed(shop.cli(*add, a, c, code=65), 65, "loop")
    failed(shop.cli("account", "add", a, "--password-stdin", "--json", stdin=b"x" * 20, code=73), 73, "alias")
    assert shop.json_lines("alias", "list")[0] == {"address": a, "targets": [ANN]}


# -- trace, config, doctor -------------------------------------------------------------------------------------

def test_trace(make_instance):
    one = make_instance().start()
    one.account_add(ANN)
    with one.smtp() as c:
        reply = c.deliver("bob@far.example", [ANN], MESSAGE)
        c.quit()
    queue_id = reply.split()[-1].decode()
    for running in (True, False):
        if not running:
            one.stop()
        for needle in (queue_id, "one@far.example", "<one@far.example>", "bob@far.example"):
            events = one.json_lines("trace", needle)
            assert "message.accepted" in [e["event"] for e in events], needle
            assert sorted(e["time"] for e in events) == [e["time"] for e in events]
        said = one.cli("trace", queue_id).stdout.decode()
        assert "message.accepted" in said and "bob@far.example" in said
        failed(one.cli("trace", "nobody@nowhere.example", "--json", code=67), 67)


def test_config_check(make_instance):
    one = make_instance()
    assert one.json("config", "check")["ok"] is True
    assert b"is fine" in one.cli("config", "check").stdout
    one.config.write_text(one.config.read_text() + "\nsurprise = 1\n")
    error = failed(one.cli("config", "check", "--json", code=78), 78, "surprise")
    assert re.search(r"postrider\.toml:\d+:\d+: ", error["what"])
    failed(one.cli("account", "list", "--json", code=78), 78)
    failed(one.cli("config", "check", "-c", one.dir / "absent.toml", "--json", code=66, config=False), 66)


def test_config_is_found(make_instance, tmp_path):
    one = make_instance()
    command = [one.binary, "config", "check"]
    env = {k: v for k, v in os.environ.items() if k != "POSTRIDER_CONFIG"}
    named = subprocess.run(command, capture_output=True, check=True, env=env | {"POSTRIDER_CONFIG": str(one.config)})
    here = subprocess.run(command, capture_output=True, check=True, env=env, cwd=one.dir)
    assert named.stdout == here.stdout
    if not os.path.exists("/etc/postrider/postrider.toml"):
        assert subprocess.run(command, capture_output=True, check=False, env=env, cwd=tmp_path).returncode == 78


def test_check_mime(make_instance, tmp_path):
    one = make_instance(init=False)
    good = tmp_path / "good.eml"
    good.write_bytes(b"From: a@b.example\r\nDate: Mon, 23 Nov 2026 23:41:07 +0000\r\n"
                     b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nHello.\r\n--x--\r\n")
    bad = tmp_path / "bad.eml"
    bad.write_bytes(b"Subject: \xff\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nHello.\n")
    first, second = one.json_lines("check", "mime", good, bad, config=False)
    assert first == {"file": str(good), "size": good.stat().st_size, "header_fields": 3, "defects": [],
                     "structure": {"type": "multipart/mixed", "size": len(b"--x\r\n\r\nHello.\r\n--x--\r\n"),
                                   "parts": [{"type": "text/plain", "size": 6, "parts": []}]}}
    assert second["file"] == str(bad) and second["header_fields"] == 2
    assert {"no From", "no Date"} <= {d["what"][:7] for d in second["defects"]}
    done = one.cli("check", "mime", tmp_path / "absent", good, "--json", code=66, config=False)
    assert json.loads(done.stdout) == first and b"absent" in done.stderr
    assert b"nothing is wrong" in one.cli("check", "mime", good, config=False).stdout
    one.cli("check", "mime", code=64, config=False)


def test_doctor(make_instance):
    one = make_instance()
    report = json.loads(one.cli("doctor", "--json", code=69).stdout)
    assert report["ok"] is False
    assert [c["name"] for c in report["checks"] if c["state"] == "error"] == ["server"]
    assert all(set(c) == {"name", "state", "what", "do"} for c in report["checks"])
    one.start()
    states = {c["name"]: c["state"] for c in one.json("doctor")["checks"]}
    assert states["server"] == states["smtp"] == states["pop3"] == states["store"] == "ok"
    assert states["domain"] == "warning"  # no accounts yet
    one.account_add(ANN)
    states = {c["name"]: c["state"] for c in one.json("doctor")["checks"]}
    assert "domain" not in states and states["postmaster"] == "ok" and "flight" not in states


def test_doctor_names_what_keeps_a_felling_message_from_being_found(make_instance):
    one = make_instance()
    one.start()
    one.stop()
    flight = one.dir / "data" / "flight"
    flight.unlink(missing_ok=True)
    flight.mkdir()
    one.start()  # the service goes on without it
    check = next(c for c in one.json("doctor")["checks"] if c["name"] == "flight")
    assert check["state"] == "warning" and "flight" in check["what"] and "restart" in check["do"]


# -- the frame of all commands ---------------------------------------------------------------------------------

def test_common_options_stand_anywhere(make_instance):
    one = make_instance()
    for words in (["-c", one.config, "--json", "domain", "list"], ["domain", "-c", one.config, "list", "--json"],
                  ["domain", "list", "--json", "-c", one.config], ["--json", "domain", "list", "-c", one.config]):
        assert json.loads(one.cli(*words, config=False).stdout)["domain"] == DOMAIN


@pytest.mark.parametrize("words", [[], ["nonsense"], ["domain"], ["domain", "nonsense"], ["domain", "list", "extra"],
                                   ["domain", "list", "--nonsense"], ["account", "show"], ["-c"], ["trace"],
                                   ["trace", "a", "b"], ["account", "list", "--domain"], ["doctor", "x"]])
def test_usage(make_instance, words):
    one = make_instance()
    done = one.cli(*words, code=64)
    assert done.returncode == 64
    if words:
        failed(one.cli("--json", *words, code=64), 64)


def test_help_is_what_was_agreed(make_instance):
    """The golden text of every --help; POSTRIDER_GOLDEN=write makes it anew, to be looked at before a commit."""
    one = make_instance(init=False)
    overview = one.cli("--help", config=False).stdout.decode()
    names = re.findall(r"^  ([a-z]+) +[a-z]", overview.split("Begin with")[0], re.M)
    assert {"init", "serve", "domain", "account", "alias", "trace", "config", "doctor"} <= set(names)
    text = overview + "".join(f"\n==== {n}\n" + one.cli(n, "--help", config=False).stdout.decode() for n in names)
    if os.environ.get("POSTRIDER_GOLDEN") == "write":
        HELP.parent.mkdir(exist_ok=True)
        HELP.write_text(text)
    assert text == HELP.read_text()
    assert max(map(len, text.splitlines())) <= 100


def test_a_full_disk_behind_standard_output(make_instance):
    one = make_instance()
    with open("/dev/full", "wb") as full:
        done = subprocess.run([one.binary, "-c", one.config, "domain", "list"], stdout=full, stderr=subprocess.PIPE,
                              check=False)
    assert done.returncode == 74 and b"No space left" in done.stderr


def test_long_paths(make_instance, tmp_path):
    """sun_path holds 107 octets; the control socket works in deeper folders too."""
    one = make_instance(name="d" * 90 + "/" + "e" * 90, init=False)
    one.dir.parent.mkdir(parents=True)
    one.init().start()
    assert one.json_lines("domain", "list")[0]["domain"] == DOMAIN
    assert one.json("doctor")["checks"][0]["state"] == "ok"


def test_control_socket_is_ours_alone(make_instance):
    one = make_instance().start()
    path = one.dir / "data" / "control.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    one.stop()
    assert not path.exists()


def test_commands_race(make_instance):
    """Twenty at once: one wins the name, the others are told that it is there."""
    one = make_instance().start()
    command = [one.binary, "-c", one.config, "domain", "add", "race.example"]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(20)]
    codes = sorted(p.wait() for p in running)
    assert codes == [0] + [73] * 19
