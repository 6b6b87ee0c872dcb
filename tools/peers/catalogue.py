"""The peers by name."""
from collections.abc import Callable

from . import cyrus, dovecot, exim, opensmtpd, postfix
from .plan import Options, Plan


def postfix_dovecot(options: Options) -> Plan:
    return postfix.plan(options, dovecot.LMTP_SOCKET, dovecot.LOGIN_SOCKET) + dovecot.plan(options)


PEERS: dict[str, Callable[[Options], Plan]] = {
    "postfix": postfix.plan,
    "postfix+dovecot": postfix_dovecot,
    "dovecot": dovecot.plan,
    "exim": exim.plan,
    "opensmtpd": opensmtpd.plan,
    "cyrus": cyrus.plan,
}
