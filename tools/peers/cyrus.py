"""Cyrus IMAP: mailboxes filled by LMTP or IMAP, read by IMAP or POP3. Any password is right; they are not compared.

Logging in is not what Cyrus is here for, and its password file would need one more package and tool. A mailbox
appears with its first message or log-in; LMTP takes mail for any name in the domain.
"""
from .plan import Options, Plan

IMAPD = """\
configdirectory: /var/lib/cyrus
partition-default: /var/mail/cyrus
defaultpartition: default
proc_path: /run/cyrus/proc
mboxname_lockpath: /run/cyrus/lock
lmtpsocket: /run/cyrus/lmtp
idlesocket: /run/cyrus/idle
notifysocket: /run/cyrus/notify
virtdomains: userid
defaultdomain: {domain}
servername: mx.{domain}
admins: cyrus
hashimapspool: true
unixhierarchysep: yes
altnamespace: yes
autocreate_quota: 0
autocreate_post: yes
popminpoll: 0
allowplaintext: yes
sasl_pwcheck_method: alwaystrue
sasl_mech_list: PLAIN LOGIN
tls_session_timeout: 0
"""

MASTER = """\
START {{
  recover cmd="ctl_cyrusdb -r"
}}
SERVICES {{
  imap cmd="imapd" listen="127.0.0.1:{imap}" prefork=2 maxchild=20000
  pop3 cmd="pop3d" listen="127.0.0.1:{pop3}" prefork=1 maxchild=2000
  lmtp cmd="lmtpd -a" listen="127.0.0.1:{lmtp}" prefork=2 maxchild=300
}}
EVENTS {{
  checkpoint cmd="ctl_cyrusdb -c" period=30
}}
DAEMON {{
  idled cmd="idled"
}}
"""
FOLDERS = [
    "/var/mail/cyrus",
    "/var/lib/cyrus",
    *(f"/var/lib/cyrus/{name}" for name in ("db", "socket", "log", "msg", "user", "quota", "sieve")),
    *(f"/run/cyrus{name}" for name in ("", "/proc", "/lock")),
]


def plan(options: Options) -> Plan:
    ports = {service: options.port(service) for service in ("lmtp", "pop3", "imap")}
    return Plan(
        fetched=["cyrus"],
        etc={"imapd.conf": IMAPD.format(domain=options.domain), "cyrus.conf": MASTER.format(**ports)},
        folders=[(folder, "cyrus", 0o755) for folder in FOLDERS],
        programs={"cyrus": ["/usr/lib/cyrus/bin/master", "-p", "/run/cyrus/master.pid"]},
        listeners=ports,
    )
