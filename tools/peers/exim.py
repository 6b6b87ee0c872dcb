"""Exim: receives for one domain into maildirs and relays the rest.

Debian's build is told exim_path, because it can't rely on its own name in a tree that was never installed, and finds
its user Debian-exim in the private passwd. Its defaults that are slow on purpose (reverse look-ups, ident, waiting
for the client to speak too early) are off.
"""
from .plan import Options, Plan

CONFIG = """\
exim_path = /usr/sbin/exim4
primary_hostname = mx.{domain}
daemon_smtp_ports = {smtp}
local_interfaces = 127.0.0.1
disable_ipv6 = true
log_file_path = /var/log/exim4/%slog
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
{tls_offer}
dsn_advertise_hosts = *
smtp_enforce_sync = false
smtp_accept_max = 300
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 512
smtp_accept_max_per_connection = 0
message_size_limit = 1100000000
acl_smtp_rcpt = check_rcpt

begin acl
check_rcpt:
  accept domains = {domain}
         local_parts = lsearch;/etc/exim4/users
  deny   domains = {domain}
         message = no such mailbox
{accept_relay}

begin routers
mailbox:
  driver = accept
  domains = {domain}
  local_parts = lsearch;/etc/exim4/users
  transport = {transport}
{relay_router}

begin transports
maildir:
  driver = appendfile
  directory = /var/mail/$local_part_data/Maildir
  maildir_format
  create_directory
  delivery_date_add
  envelope_to_add
  return_path_add
  user = vmail
  group = vmail
nowhere:
  driver = appendfile
  file = /dev/null
  user = vmail
{relay_transport}

begin retry
* * F,1h,1m
"""

TLS_OFFER = """\
tls_advertise_hosts = *
tls_certificate = /etc/exim4/chain.pem
tls_privatekey = /etc/exim4/chain.pem"""

RELAY_ROUTER = """\
relay:
  driver = manualroute
  domains = ! {domain}
  route_list = * {host} byname
  self = send
  transport = relay"""

RELAY_TRANSPORT = """\
relay:
  driver = smtp
  port = {port}
  protocol = {protocol}
  allow_localhost
  {tls} = *"""


def plan(options: Options) -> Plan:
    relay = dict(zip(("host", "port"), options.relay or ("", 0)))
    how = {
        "protocol": options.relay_protocol,
        "tls": "tls_verify_hosts = !*\n  hosts_require_tls" if options.relay_tls else "hosts_avoid_tls",
    }
    config = CONFIG.format(
        domain=options.domain,
        smtp=options.port("smtp"),
        tls_offer=TLS_OFFER if options.tls else "tls_advertise_hosts =",
        transport="nowhere" if options.sink else "maildir",
        accept_relay="  accept hosts = 127.0.0.1" if options.relay else "",
        relay_router=RELAY_ROUTER.format(domain=options.domain, **relay) if options.relay else "",
        relay_transport=RELAY_TRANSPORT.format(**how, **relay) if options.relay else "",
    )
    return Plan(
        fetched=["exim"],
        etc={
            "exim4/exim4.conf": config,
            "exim4/users": "".join(f"{user}: {user}\n" for user in options.users),
            **({"exim4/chain.pem": options.tls} if options.tls else {}),
        },
        folders=[("/var/spool/exim4", "Debian-exim", 0o750), ("/var/log/exim4", "Debian-exim", 0o750)],
        programs={"exim": ["exim4", "-bdf", "-q1m"]},
        listeners={"smtp": options.port("smtp")},
    )
