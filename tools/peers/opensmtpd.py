"""OpenSMTPD: receives for one domain into maildirs and relays the rest."""
from .plan import ACCOUNTS, Options, Plan

CONFIG = """\
smtp max-message-size 1100M
smtp limit max-mails 1000000
smtp limit max-rcpt 10000
table users file:/etc/opensmtpd/users
table mailboxes file:/etc/opensmtpd/mailboxes
listen on 127.0.0.1 port {smtp} hostname mx.{domain}
action "deliver" {deliver} userbase <users>
match from any for domain "{domain}" rcpt-to <mailboxes> action "deliver"
{relay}
"""

RELAY = """\
action "relay" relay host "{url}"{verify}
match from any ! for domain "{domain}" action "relay"
"""


def relay_rules(options: Options) -> str:
    if not options.relay:
        return ""
    manner = "+tls" if options.relay_tls else "+notls" if options.relay_protocol == "smtp" else ""
    return RELAY.format(
        url="%s%s://%s:%d" % (options.relay_protocol, manner, *options.relay),
        verify=" tls no-verify" if options.relay_tls else "",
        domain=options.domain,
    )


def plan(options: Options) -> Plan:
    config = CONFIG.format(
        domain=options.domain,
        smtp=options.port("smtp"),
        deliver='mda "/bin/cat >/dev/null"' if options.sink else 'maildir "/var/mail/%{user.username}/Maildir"',
        relay=relay_rules(options),
    )
    vmail = ACCOUNTS["vmail"]
    return Plan(
        fetched=["opensmtpd"],
        etc={
            "smtpd.conf": config,
            "opensmtpd/users": "".join(f"{u} {vmail}:{vmail}:/var/mail/{u}\n" for u in options.users),
            "opensmtpd/mailboxes": "".join(f"{address}\n" for address in options.addresses()),
        },
        # smtpd(8) changes its root to the first and insists on the owners and modes of its queue.
        folders=[("/var/lib/opensmtpd/empty", "root", 0o755), ("/var/spool/smtpd", "root", 0o711)],
        programs={"opensmtpd": ["smtpd", "-d", "-f", "/etc/smtpd.conf"]},
        listeners={"smtp": options.port("smtp")},
    )
