/* admin/config.h: postrider.toml as a struct: what the process needs to start, nothing that lives in the
 * store.
 *
 * One static table (config_keys.c) knows each key's name, type, bounds, place in struct config, whether
 * SIGHUP can change it, and its sentence; reading, doc/config.md and the comparison of two configurations all
 * walk it. Whatever is wrong (an unknown key, a wrong type, a value out of range, something this version does
 * not serve) refuses the whole file with "FILE:LINE:COLUMN: key: reason; way out". Pure but for config_load.
 * Any thread; a struct config never changes once it was read.
 */
#ifndef ADMIN_CONFIG_H
#define ADMIN_CONFIG_H

#include "base/ip.h"
#include "base/limits.h"

enum config_protocol {
	CONFIG_SMTP,
	CONFIG_SUBMISSION,
	CONFIG_SUBMISSIONS,
	CONFIG_LMTP,
	CONFIG_IMAP,
	CONFIG_IMAPS,
	CONFIG_POP3,
	CONFIG_POP3S,
	CONFIG_MANAGESIEVE,
	CONFIG_HTTP,
	CONFIG_HTTPS,
	CONFIG_PROTOCOLS
};

/* Where to listen: `path` is set for a Unix socket, else address and port count. [::] means both families. */
struct config_listener {
	str path;
	ip address;
	uint16_t port;
	bool proxy; /* connections begin with a PROXY header */
};

struct config_listeners {
	struct config_listener *item;
	size_t count;
};

struct config_certificates {
	struct config_certificate {
		str certificate, key; /* paths of PEM files */
	} * item;
	size_t count;
};

struct config_networks {
	ip_network *item;
	size_t count;
};

struct config_resolvers {
	struct config_resolver {
		ip address;
		uint16_t port;
	} * item;
	size_t count;
};

struct config_sources {
	struct config_source {
		ip address;
		str hostname; /* said in EHLO from there; "": the server's own */
	} * item;
	size_t count;
};

/* What a local login may send as over run/submit.sock, besides login@hostname. */
struct config_allowances {
	struct config_allowance {
		str user;
		str from; /* an address, or "@domain" */
	} * item;
	size_t count;
};

enum config_plaintext { CONFIG_PLAINTEXT_NEVER, CONFIG_PLAINTEXT_LOOPBACK };
enum config_engine { CONFIG_SQLITE, CONFIG_POSTGRES };

struct config {
	str hostname; /* lower case */
	str data_dir; /* absolute, no slash at its end */
	str user;     /* "": whoever started it */
	struct config_listeners listen[CONFIG_PROTOCOLS];
	struct config_certificates certificates;
	struct {
		struct config_networks relay_from, proxy_from;
	} network;
	struct {
		enum config_plaintext plaintext;
		bool scram;
	} auth;
	struct {
		enum config_engine engine;
		str url, url_file;
	} store;
	struct {
		struct config_resolvers servers;
		str trust_anchor_file;
	} dns;
	struct {
		uint16_t port;
		bool allow_private;
		struct config_sources source_addresses;
	} outbound;
	struct {
		bool check_loopback;
	} trust;
	struct {
		struct config_allowances allow;
	} submit;
	struct limits limits;
};

/* Reads and checks the file at `path`; everything lives in `arena`. ERR_SYNTAX the sentence says where and
 * what ERR_MISSING, ERR_DENIED, ERR_IO the file can't be read   ERR_LIMIT   ERR_NOSPACE */
err config_load(struct arena *arena, str path, struct config **out) MUST_USE;

/* The same for `text`, which may go away afterwards; `file_name` is what sentences call it. */
err config_parse(struct arena *arena, str file_name, str text, struct config **out) MUST_USE;

/* Appends the names of keys whose values differ and take effect only by a restart, ", " between them; nothing
 * where a reload is enough. */
void config_restart_keys(struct buf *out, const struct config *old, const struct config *new);

/* "smtp", "pop3s": the key in [listen]. */
const char *config_protocol_name(enum config_protocol protocol);

/* As in the file and the ready line: "127.0.0.1:20025", "unix:/run/lmtp.sock". */
void config_listener_format(struct buf *out, const struct config_listener *listener);

/* What `postrider init` puts into the file. */
struct config_initial {
	str hostname;
	str data_dir;
	str certificate, key; /* "": no [[tls.certificates]] */
	str user;             /* ignored with ports */
	bool ports;           /* listen on 127.0.0.1 at base + the protocol's port, for trying it out */
	uint16_t base;
};

/* The text of a new configuration file: each table as [table], one key a line. ERR_SYNTAX for a hostname or
 * base that could not be read back. */
err config_initial_write(struct buf *out, const struct config_initial *initial) MUST_USE;

/* The text of doc/config.md. */
void config_document(struct buf *out);

/* The source of postrider.toml(5), in man(7); `date` as its foot shows it. */
void config_manual(struct buf *out, const char *date);

#endif
