"""What `make install` puts where, and that manuals, completions and the service say what the program does."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from instance import ROOT, default_binary

COMMANDS = re.findall(r"^  (\w+) +\S", (ROOT / "tests" / "golden" / "help.txt").read_text().split("Begin with")[0], re.M)
HELP = (ROOT / "tests" / "golden" / "help.txt").read_text().split("==== account\n")[1].split("\n\n")[0]
ACTIONS = {word for line in HELP.splitlines() for word in re.findall(r"(?:account|\|) ([a-z]+)", line)}
PLACES = {
    "bin/postrider", "lib/postrider/certbot-deploy", "lib/systemd/system/postrider.service",
    "lib/sysusers.d/postrider.conf", "lib/tmpfiles.d/postrider.conf", "share/man/man1/postrider.1",
    "share/man/man5/postrider.toml.5", "share/bash-completion/completions/postrider",
    "share/zsh/site-functions/_postrider", "share/fish/vendor_completions.d/postrider.fish",
    "share/doc/postrider/README.md", "share/doc/postrider/LICENSE", "share/doc/postrider/config.md",
    "share/doc/postrider/events.md", "share/doc/postrider/replies.md",
}


def build():
    """The build directory of the program under test."""
    return default_binary().parent


def install(*arguments, root, code=0):
    done = subprocess.run([ROOT / "tools" / "install", build(), *arguments], cwd=ROOT, capture_output=True, text=True,
                          env=dict(os.environ, DESTDIR=str(root)), timeout=120, check=False)
    assert done.returncode == code, done
    return done


def files(root):
    return {str(p.relative_to(root)) for p in root.rglob("*") if not p.is_dir() or p.is_symlink()}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    install(root=root)
    return root


@pytest.fixture(scope="module")
def prefix(installed):
    """Where it was installed: /usr/local, or what the build directory was told."""
    found = next(installed.rglob("bin/postrider"))
    return found.parent.parent


def tool(name):
    found = shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed: make deps")
    return found


# -- make install ----------------------------------------------------------------------------------------------

def test_install_puts_everything_in_its_place(prefix):
    assert files(prefix) == PLACES
    said = subprocess.run([prefix / "bin" / "postrider", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("postrider ")
    assert os.access(prefix / "lib/postrider/certbot-deploy", os.X_OK)


def test_uninstall_leaves_nothing(tmp_path):
    kept = tmp_path / "usr" / "sbin" / "other"
    kept.parent.mkdir(parents=True)
    kept.write_text("somebody else's")
    install("--sendmail", "/usr/sbin/sendmail", root=tmp_path)
    link = tmp_path / "usr" / "sbin" / "sendmail"
    assert link.is_symlink() and os.readlink(link).endswith("/bin/postrider")
    install("--sendmail", "/usr/sbin/sendmail", root=tmp_path)  # again is as once
    install("--sendmail", "/usr/sbin/sendmail", "--remove", root=tmp_path)
    assert files(tmp_path) == {"usr/sbin/other"}
    assert not list(tmp_path.rglob("postrider"))


def test_another_mail_server_stays(tmp_path):
    theirs = tmp_path / "usr" / "sbin" / "sendmail"
    theirs.parent.mkdir(parents=True)
    theirs.symlink_to("exim4")
    done = install("--sendmail", "/usr/sbin/sendmail", root=tmp_path, code=1)
    assert "Nothing was installed" in done.stderr
    assert files(tmp_path) == {"usr/sbin/sendmail"}
    install("--sendmail", "/usr/sbin/sendmail", "--remove", root=tmp_path)
    assert os.readlink(theirs) == "exim4"


# -- manual pages ----------------------------------------------------------------------------------------------

PAGES = ["share/man/man1/postrider.1", "share/man/man5/postrider.toml.5"]


@pytest.mark.parametrize("page", PAGES)
def test_manual_is_clean_for_mandoc(prefix, page):
    done = subprocess.run([tool("mandoc"), "-T", "lint", "-W", "warning", prefix / page], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0 and not done.stdout, done


@pytest.mark.parametrize("page", PAGES)
def test_manual_is_clean_for_groff(prefix, page):
    done = subprocess.run([tool("groff"), "-man", "-K", "utf8", "-ww", "-T", "utf8", "-z", prefix / page],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done


def test_manual_shows_every_command_as_its_help_does(prefix, postrider_bin):
    shown = subprocess.run([tool("mandoc"), "-T", "utf8", "-O", "width=200", prefix / PAGES[0]], capture_output=True, text=True,
                           check=True).stdout
    words = re.sub(r".\x08", "", shown)
    assert len(COMMANDS) > 10
    for command in COMMANDS:
        text = subprocess.run([postrider_bin, command, "--help"], capture_output=True, text=True, check=True).stdout
        wanted = text.removeprefix("Usage: ").split()
        found = " ".join(words.split())
        for sentence in re.split(r"\n\n|\n(?=  )", text.removeprefix("Usage: ")):
            plain = " ".join(sentence.split())
            assert plain in found, (command, plain)
        assert wanted


def test_manual_of_the_configuration_names_every_key(prefix):
    page = (prefix / PAGES[1]).read_text().replace("\\-", "-")
    table = None
    for line in (ROOT / "doc" / "config.md").read_text().splitlines():
        heading = re.match(r"## (.*)", line)
        key = re.match(r"\| `(\w+)` \|(.*)", line)
        if heading:
            table = heading.group(1)
        elif key and "Not served" not in line:
            assert f"\\fB{key.group(1)}\\fR" in page, line
            assert table == "At the top" or f".SH {table}" in page, table


# -- completions -----------------------------------------------------------------------------------------------

def complete_bash(prefix, *words):
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _postrider; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", prefix / "share/bash-completion/completions/postrider",
                           "postrider", *words], capture_output=True, text=True, check=True)
    assert not done.stderr, done
    return done.stdout.split()


def complete_fish(prefix, *words):
    file = prefix / "share/fish/vendor_completions.d/postrider.fish"
    line = " ".join(["postrider", *words])
    done = subprocess.run([tool("fish"), "--no-config", "-c", f"source {file}; complete -C '{line}'"],
                          capture_output=True, text=True, check=True, env=dict(os.environ, HOME="/nonexistent"))
    assert not done.stderr, done
    return [one.split("\t")[0] for one in done.stdout.splitlines()]


SHELLS = {"bash": complete_bash, "fish": complete_fish}
LINES = [
    (("",), set(COMMANDS)),
    (("account", ""), ACTIONS),
    (("account", "re"), {action for action in ACTIONS if action.startswith("re")}),
    (("account", "add", "--"), {"--name", "--quota", "--password-stdin", "--json", "--help"}),
    (("verify", "--r"), {"--repair"}),
    (("ver",), {"verify"}),
]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("words, wanted", LINES)
def test_completion(prefix, shell, words, wanted):
    assert set(SHELLS[shell](prefix, *words)) == wanted


def test_zsh_completion_is_sound(prefix):
    """The file parses, and each command has its case."""
    file = prefix / "share/zsh/site-functions/_postrider"
    done = subprocess.run([tool("zsh"), "-n", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done
    text = file.read_text()
    for command in COMMANDS:
        assert re.search(rf"^\t{command}\)$", text, re.M), command


# -- the service -----------------------------------------------------------------------------------------------

def test_service_is_well_formed(prefix, installed, tmp_path):
    unit = tmp_path / "postrider.service"
    text = (prefix / "lib/systemd/system/postrider.service").read_text()
    program = re.search(r"^ExecStart=(\S+)", text, re.M).group(1)
    assert (installed / program.lstrip("/")).exists()
    unit.write_text(text.replace(program, str(default_binary())))  # verify wants it to be there
    done = subprocess.run([tool("systemd-analyze"), "verify", "--man=no", unit], capture_output=True, text=True,
                          check=False)
    told = [line for line in done.stderr.splitlines() if "postrider" in line]
    assert done.returncode == 0 and not told, done


def test_service_is_hardened(prefix):
    unit = prefix / "lib/systemd/system/postrider.service"
    done = subprocess.run([tool("systemd-analyze"), "security", "--offline=yes", "--no-pager", "--threshold=25", unit],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr


# -- certbot's hook --------------------------------------------------------------------------------------------

@pytest.fixture
def lineage(tmp_path):
    folder = tmp_path / "live"
    folder.mkdir()
    (folder / "fullchain.pem").write_text("a chain\n")
    (folder / "privkey.pem").write_text("a key\n")
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "postrider.toml").write_text('hostname = "mail.shop.example"\ndata_dir = "/x"\n')
    (etc / "certificate.pem").write_text("former\n")
    (etc / "key.pem").write_text("former\n")
    return folder, etc


def hook(prefix, folder, etc, domains):
    env = {"PATH": "/usr/bin:/bin", "RENEWED_LINEAGE": str(folder), "RENEWED_DOMAINS": domains, "POSTRIDER_DIR": str(etc)}
    return subprocess.run([prefix / "lib/postrider/certbot-deploy"], env=env, capture_output=True, text=True, check=False)


def test_hook_installs_a_renewed_certificate(prefix, lineage):
    folder, etc = lineage
    done = hook(prefix, folder, etc, "www.shop.example mail.shop.example")
    assert done.returncode == 0, done
    assert (etc / "certificate.pem").read_text() == "a chain\n"
    assert (etc / "key.pem").read_text() == "a key\n"
    assert (etc / "key.pem").stat().st_mode & 0o777 == 0o600
    assert {p.name for p in etc.iterdir()} == {"postrider.toml", "certificate.pem", "key.pem"}


def test_hook_leaves_others_certificates_alone(prefix, lineage):
    folder, etc = lineage
    done = hook(prefix, folder, etc, "www.shop.example notmail.shop.example")
    assert done.returncode == 0 and "left alone" in done.stderr
    assert (etc / "key.pem").read_text() == "former\n"


def test_hook_keeps_the_former_where_a_file_is_missing(prefix, lineage):
    folder, etc = lineage
    (folder / "fullchain.pem").unlink()
    assert hook(prefix, folder, etc, "mail.shop.example").returncode != 0
    assert (etc / "key.pem").read_text() == "former\n"
    assert (etc / "certificate.pem").read_text() == "former\n"


