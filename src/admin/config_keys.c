#include "admin/config_internal.h"

#include <stddef.h>
#include <sys/un.h>

const struct config_protocol_row config_protocols[CONFIG_PROTOCOLS] = {
	[CONFIG_SMTP] = { "smtp", 25, true, false },
	[CONFIG_SUBMISSION] = { "submission", 587, true, false },
	[CONFIG_SUBMISSIONS] = { "submissions", 465, true, false },
	[CONFIG_LMTP] = { "lmtp", 24, true, true },
	[CONFIG_IMAP] = { "imap", 143, false, false },
	[CONFIG_IMAPS] = { "imaps", 993, false, false },
	[CONFIG_POP3] = { "pop3", 110, true, false },
	[CONFIG_POP3S] = { "pop3s", 995, true, false },
	[CONFIG_MANAGESIEVE] = { "managesieve", 190, false, false },
	[CONFIG_HTTP] = { "http", 80, false, false },
	[CONFIG_HTTPS] = { "https", 443, false, false },
};

static const char *wrong_data_dir(str path)
{
	return path.len && path.ptr[0] == '/' ? NULL : "is not an absolute path; begin it with /";
}

static const char *wrong_file(str path)
{
	return path.len == 0 || path.ptr[0] == '/' ? NULL : "is not an absolute path; begin it with /";
}

#define AT(field) offsetof(struct config, field)
#define COUNT(name, low, high, sentence) \
	{ \
		"limits." #name, &config_count, AT(limits.name), RELOADED, (low), (high), { 0 }, NULL, \
			(sentence) \
	}

/* RESTARTED is what is bound, opened or decided before the service begins; a reload that changes it is taken
 * for the rest, and names it. */
/* clang-format off */
const struct config_key config_keys[] = {
	{ "hostname", &config_text, AT(hostname), RESTARTED, .wrong = config_wrong_hostname,
	  .says = "The server's own name, with which it greets and which its Received fields carry. Must be given." },
	{ "data_dir", &config_text, AT(data_dir), RESTARTED, .wrong = wrong_data_dir,
	  .says = "The directory of everything that is kept: an absolute path. Must be given." },
	{ "user", &config_text, AT(user), RESTARTED,
	  .says = "Started as root, the server becomes this user once its sockets are bound. Empty: it stays who started it." },

	{ "listen.smtp", &config_listeners_type, AT(listen[CONFIG_SMTP]), RESTARTED,
	  .says = "Mail from other servers." },
	{ "listen.submission", &config_listeners_type, AT(listen[CONFIG_SUBMISSION]), RESTARTED,
	  .says = "Mail from one's own people and programs, with STARTTLS and AUTH." },
	{ "listen.submissions", &config_listeners_type, AT(listen[CONFIG_SUBMISSIONS]), RESTARTED,
	  .says = "The same under TLS from the first octet." },
	{ "listen.lmtp", &config_listeners_type, AT(listen[CONFIG_LMTP]), RESTARTED,
	  .says = "Delivery by another mail server of one's own, by LMTP: best a \"unix:/path\". Who reaches it may deliver, so it is not for the open network." },
	{ "listen.imap", &config_listeners_type, AT(listen[CONFIG_IMAP]), RESTARTED,
	  .says = "Mailboxes, with STARTTLS." },
	{ "listen.imaps", &config_listeners_type, AT(listen[CONFIG_IMAPS]), RESTARTED,
	  .says = "The same under TLS from the first octet." },
	{ "listen.pop3", &config_listeners_type, AT(listen[CONFIG_POP3]), RESTARTED,
	  .says = "Collecting mail." },
	{ "listen.pop3s", &config_listeners_type, AT(listen[CONFIG_POP3S]), RESTARTED,
	  .says = "The same under TLS from the first octet." },
	{ "listen.managesieve", &config_listeners_type, AT(listen[CONFIG_MANAGESIEVE]), RESTARTED,
	  .says = "Filters edited from a mail program." },
	{ "listen.http", &config_listeners_type, AT(listen[CONFIG_HTTP]), RESTARTED,
	  .says = "The console and the API in the clear: for a reverse proxy on the same machine." },
	{ "listen.https", &config_listeners_type, AT(listen[CONFIG_HTTPS]), RESTARTED,
	  .says = "The console and the API." },

	{ "tls.certificates", &config_certificates_type, AT(certificates), RELOADED,
	  .says = "PEM files of chains and their keys; the one that has the name the peer asks for is shown, else the first. One with an RSA key and one with ECDSA of the same names stand in for each other." },

	{ "network.relay_from", &config_networks_type, AT(network.relay_from), RELOADED,
	  .says = "Networks that may send to anyone without a password. None unless named here, not even loopback." },
	{ "network.proxy_from", &config_networks_type, AT(network.proxy_from), RELOADED,
	  .says = "Networks whose PROXY headers are believed." },

	{ "auth.plaintext", &config_choice, AT(auth.plaintext), RELOADED, .choices = { "never", "loopback" },
	  .says = "Whether passwords are taken without TLS: never, or from loopback addresses only." },
	{ "auth.scram", &config_boolean, AT(auth.scram), RESTARTED,
	  .says = "Offer SCRAM, and keep its verifiers for passwords that people choose, too; generated ones always have "
	          "them. Passwords set before have none: set them again, since clients that find SCRAM offered try "
	          "nothing else." },

	{ "store.engine", &config_choice, AT(store.engine), RESTARTED, .choices = { "sqlite", "postgres" },
	  .says = "What keeps the rows." },
	{ "store.url", &config_text, AT(store.url), RESTARTED,
	  .says = "postgresql://… of the database, with engine = \"postgres\"." },
	{ "store.url_file", &config_text, AT(store.url_file), RESTARTED, .wrong = wrong_file,
	  .says = "A file that holds the url, so that its password stands nowhere else." },

	{ "dns.servers", &config_resolvers_type, AT(dns.servers), RESTARTED,
	  .says = "Resolvers to ask, \"address\" or \"address@port\". Empty: recurse from the root with DNSSEC validation." },
	{ "dns.trust_anchor_file", &config_text, AT(dns.trust_anchor_file), RESTARTED, .wrong = wrong_file,
	  .says = "Trust anchors for DNSSEC. Empty with servers given: answers count as insecure, and DANE is off." },

	{ "outbound.port", &config_port, AT(outbound.port), RELOADED, 1, 65535, .says = "The port of other mail servers; tests point it elsewhere." },
	{ "outbound.allow_private", &config_boolean, AT(outbound.allow_private), RELOADED,
	  .says = "Let MX records lead to loopback and private addresses." },
	{ "outbound.source_addresses", &config_sources_type, AT(outbound.source_addresses), RELOADED,
	  .says = "Addresses to send from and the name each says in EHLO; its reverse DNS must agree." },

	{ "trust.check_loopback", &config_boolean, AT(trust.check_loopback), RELOADED,
	  .says = "Look up SPF, DKIM and DMARC for mail from loopback addresses too." },

	{ "limits.message_size", &config_size, AT(limits.message_size_octets), RELOADED, 64 * LIMIT_KB, 64ull << 30,
	  .says = "Octets of one message." },
	{ "limits.messages_memory", &config_size, AT(limits.messages_memory_octets), RELOADED, LIMIT_MB, 1ull << 40,
	  .says = "Octets in memory of all messages under way together; past it they go to disk from their first octet." },
	COUNT(recipients, 100, LIMIT_TARGETS, "Recipients of one message; RFC 5321 §4.5.3.1.8 asks for 100 at least."),
	COUNT(connections, 1, 1000000, "Connections in all; the process needs as many descriptors and some."),
	COUNT(connections_per_address, 1, 1000000, "Connections from one address. Loopback is free of it."),
	COUNT(connections_per_network, 1, 1000000, "Connections from one IPv4 /24 or IPv6 /64. Loopback is free of it."),
	COUNT(transactions, 1, 1000000, "Messages in one connection."),
	COUNT(smtp_idle_s, 1, 86400, "Seconds an SMTP client may be silent; RFC 5321 §4.5.3.2.7 asks for 300 at least."),
	COUNT(pop3_idle_s, 1, 86400, "Seconds a POP3 client may be silent; RFC 1939 §3 asks for 600 at least."),
	{ "limits.mailbox_views", &config_size, AT(limits.mailbox_views_octets), RELOADED, 64 * LIMIT_KB, 1ull << 40,
	  .says = "Octets in memory of all open mailbox views together." },
	COUNT(event_days, 1, 36500, "Days for which `trace` knows what happened."),
	COUNT(deleted_hours, 0, 87600, "Hours for which the content of deleted mail is kept for `verify --repair`."),
	{ "limits.segment_size", &config_size, AT(limits.segment_octets), RESTARTED, 64 * LIMIT_KB, 4ull << 30,
	  .says = "Octets of a file of messages before the next is begun; smaller ones suit snapshots of small disks." },

	{ "submit.allow", &config_allowances_type, AT(submit.allow), RELOADED,
	  .says = "Which addresses a local login may send from with `postrider send`, besides its own." },
};
/* clang-format on */

const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];

struct config config_default(void)
{
	return (struct config){ .outbound.port = 25, .limits = limits_default() };
}

const char *config_protocol_name(enum config_protocol protocol) { return config_protocols[protocol].name; }

/* RFC 1123 §2.1 and RFC 5321 §2.3.5: labels of letters, digits and inner hyphens; fully qualified. */
const char *config_wrong_hostname(str name)
{
	size_t labels = 0;

	if (name.len > LIMIT_DOMAIN)
		return "is longer than a host name may be (255 octets)";
	for (str rest = name; rest.len || labels == 0; labels++) {
		bool more = str_find_char(rest, '.') < rest.len;
		str label = str_cut(&rest, '.');
		if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' ||
		    label.ptr[label.len - 1] == '-')
			return "is no host name; write it like \"mail.shop.example\"";
		for (size_t i = 0; i < label.len; i++) {
			char c = ascii_lower(label.ptr[i]);
			if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
				return "is no host name; write it like \"mail.shop.example\"";
		}
		if (more && rest.len == 0)
			return "ends with a dot; leave it out";
	}
	return labels >= 2 ? NULL : "is not fully qualified; write it like \"mail.shop.example\"";
}
