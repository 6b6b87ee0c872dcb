"""Dovecot: mailboxes of virtual users, filled by LMTP or IMAP and read by IMAP or POP3, passwords in the clear.

Login processes in Dovecot's high-performance mode, auth cache on, limits out of the way. What decides durability
stays at Dovecot's default (mail_fsync = optimized). Every INBOX is made before the peer says it is ready: two first
deliveries at once to one sdbox or mdbox end in a panic of the one and a 451 of the other (2.3.19).
"""
from .plan import Options, Plan

LMTP_SOCKET = "/run/dovecot/lmtp"
LOGIN_SOCKET = "/run/dovecot/login-for-smtp"  # Dovecot's SASL, for Postfix
LOGIN_MECHANISMS = "plain login cram-md5 scram-sha-256"
STORAGE = {"maildir": "maildir:~/Maildir", "sdbox": "sdbox:~/sdbox", "mdbox": "mdbox:~/mdbox"}

CONFIG = """\
protocols = imap pop3 lmtp
listen = 127.0.0.1
log_path = /var/log/dovecot.log
ssl = no
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_cache_size = 16 M
mail_location = {location}
mail_max_userip_connections = 0
default_client_limit = 20000
default_process_limit = 2000
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u /etc/dovecot/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u /etc/dovecot/users
  default_fields = uid=vmail gid=vmail home=/var/mail/%n
}}
service auth {{
  unix_listener {login} {{
    mode = 0666
  }}
}}
service lmtp {{
  process_limit = 1000
  unix_listener lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service pop3-login {{
  service_count = 0
  process_min_avail = 2
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service imap-login {{
  service_count = 0
  process_min_avail = 2
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service imap {{
  process_limit = 20000
}}
"""


def plan(options: Options) -> Plan:
    ports = {service: options.port(service) for service in ("lmtp", "pop3", "imap")}
    users = "".join(f"{address}:{options.password}::::::\n" for address in options.addresses())
    return Plan(
        fetched=["dovecot"],
        etc={
            "dovecot/dovecot.conf": CONFIG.format(
                location=STORAGE[options.storage],
                mechanisms=LOGIN_MECHANISMS if options.login else "plain",
                login=LOGIN_SOCKET,
                **ports,
            ),
            "dovecot/users": users,
        },
        folders=[("/var/lib/dovecot", "root", 0o755), ("/run/dovecot", "root", 0o755)],
        programs={"dovecot": ["dovecot", "-F", "-c", "/etc/dovecot/dovecot.conf"]},
        listeners=ports,
        sockets=[LMTP_SOCKET],
        settle=[["doveadm", "mailbox", "status", "-A", "messages", "INBOX"]],
    )
