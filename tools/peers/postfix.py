"""Postfix: receives for one domain, delivers to maildirs, by LMTP, or nowhere (sink), and relays the rest.

Tuned as someone who knows Postfix would for one machine under load from few addresses: no chroot and no DNS on the
way in, as many processes as there are connections, no delivery concurrency kept low for the sake of strangers, no
throttling of the input in favour of the queue, a short wait after a 4xx. Durability is left as it is: cleanup(8) syncs
each queue file.
"""
from .plan import ACCOUNTS, Options, Plan

PROCESS_LIMIT = 300  # smtpd and LMTP clients: above the 256 connections of the widest benchmark

MASTER = """\
{smtp} inet n - n - {limit} smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - {limit} smtp
relay unix - - n - {limit} smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - {limit} virtual
lmtp unix - - n - {limit} lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""

MAIN = """\
compatibility_level = 3.6
myhostname = mx.{domain}
mydomain = {domain}
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
maillog_file = /var/log/postfix.log
default_process_limit = {limit}
smtpd_peername_lookup = no
smtp_dns_support_level = {dns}
smtp_host_lookup = {lookup}
smtp_tcp_port = {mx_port}
smtpd_tls_security_level = {offer_tls}
smtp_tls_security_level = {relay_tls}
lmtp_tls_security_level = {relay_tls}
smtp_tls_CApath =
smtputf8_enable = {smtputf8}
biff = no
in_flow_delay = 0
local_header_rewrite_clients =
message_size_limit = 1100000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
default_destination_concurrency_limit = 64
initial_destination_concurrency = 64
queue_run_delay = 5s
minimal_backoff_time = 5s
relayhost = {relayhost}
default_transport = {relay_transport}
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:/etc/postfix/mailboxes
virtual_mailbox_base = /var/mail
virtual_uid_maps = static:{vmail}
virtual_gid_maps = static:{vmail}
virtual_transport = {transport}
"""
TLS = """\
smtpd_tls_chain_files = /etc/postfix/chain.pem
"""
LOGIN = """\
mynetworks =
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {socket}
smtpd_tls_auth_only = yes
smtpd_relay_restrictions = permit_sasl_authenticated reject_unauth_destination
"""


def plan(options: Options, lmtp_socket: str | None = None, login_socket: str = "") -> Plan:
    transport = "discard:" if options.sink else f"lmtp:unix:{lmtp_socket}" if lmtp_socket else "virtual:"
    relayhost = "[%s]:%d" % options.relay if options.relay else ""
    by_lmtp = options.relay and options.relay_protocol == "lmtp"
    main = MAIN.format(
        domain=options.domain,
        limit=PROCESS_LIMIT,
        relayhost="" if by_lmtp else relayhost,
        relay_tls="encrypt" if options.relay_tls else "none",
        relay_transport=f"lmtp:inet:{relayhost}" if by_lmtp else "smtp",
        vmail=ACCOUNTS["vmail"],
        transport=transport,
        dns="enabled" if options.relay_by_mx else "disabled",
        lookup="dns" if options.relay_by_mx else "native",
        mx_port=options.relay_by_mx[1] if options.relay_by_mx else "smtp",
        offer_tls="may" if options.tls else "none",
        smtputf8="yes" if options.smtputf8 else "no",
    )
    main += TLS if options.tls else ""
    main += LOGIN.format(socket=login_socket) if options.login else ""
    resolver = {"resolv.conf": f"nameserver {options.relay_by_mx[0]}\n"} if options.relay_by_mx else {}
    mailboxes = "".join(f"{user}@{options.domain} {user}/Maildir/\n" for user in options.users)
    return Plan(
        fetched=["postfix"],
        etc={
            "postfix/main.cf": main,
            "postfix/master.cf": MASTER.format(smtp=f"127.0.0.1:{options.port('smtp')}", limit=PROCESS_LIMIT),
            "postfix/mailboxes": mailboxes,
            "postfix/dynamicmaps.cf": "",
            **({"postfix/chain.pem": options.tls} if options.tls else {}),
            **resolver,
        },
        folders=[("/var/spool/postfix", "root", 0o755), ("/var/lib/postfix", "postfix", 0o755)],
        programs={"postfix": ["postfix", "start-fg"]},
        listeners={"smtp": options.port("smtp")},
    )
