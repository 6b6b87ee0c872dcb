/* admin/config_internal.h: the table of keys and what reads and writes their values; for config*.c alone. */
#ifndef ADMIN_CONFIG_INTERNAL_H
#define ADMIN_CONFIG_INTERNAL_H

#include "admin/config.h"
#include "base/toml.h"

/* A file being read; sentences name it and the key at hand. */
struct config_reader {
	struct arena *arena;
	str file, text;
	const struct config_key *key;
};

enum config_when { RELOADED, RESTARTED };

/* How one type of value is named, read into its field and written as TOML. */
struct config_type {
	const char *name; /* in doc/config.md */
	err (*read)(struct config_reader *r, const struct toml_node *node, void *field);
	void (*write)(struct buf *out, const struct config_key *key, const void *field);
};

struct config_key {
	const char *path; /* "auth.plaintext" */
	const struct config_type *type;
	size_t offset; /* of its field in struct config */
	enum config_when when;
	uint64_t least, most;      /* of numbers */
	const char *choices[3];    /* of a choice, in the order of its enum, NULL at the end */
	const char *(*wrong)(str); /* of text: why it is refused, or NULL; may be NULL */
	const char *says;          /* what it does, one or two sentences */
};

/* All keys in the order of the document; config_key_count of them. */
extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* Protocols: the port that `init` and the document name, and whether this version serves it. */
struct config_protocol_row {
	const char *name;
	uint16_t port;
	bool served;
	bool local; /* for other servers of one's own: `init` opens it on loopback only, with --ports */
};
extern const struct config_protocol_row config_protocols[CONFIG_PROTOCOLS];

/* The types. */
extern const struct config_type config_boolean, config_text, config_choice, config_port, config_count,
	config_size, config_listeners_type, config_certificates_type, config_networks_type,
	config_resolvers_type, config_sources_type, config_allowances_type;

/* The sentence "FILE:LINE:COLUMN: key: …" about octet `at`. */
err config_refuse(const struct config_reader *r, size_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A string without NUL, copied into the reader's arena. */
err config_read_string(struct config_reader *r, const struct toml_node *node, str *out) MUST_USE;

/* Zeroed room for the elements of the array `node`. */
err config_list_make(struct config_reader *r, const struct toml_node *node, size_t size,
                     void **items) MUST_USE;

/* The value of `name` in the table `node`, NULL where it is not given; a key that is none of `names` (NULL at
 * the end) is refused. */
err config_member(struct config_reader *r, const struct toml_node *node, const char *const *names,
                  const char *name, const struct toml_node **out) MUST_USE;

/* Why `name` is no host name (letters, digits, hyphens and a dot at least), or NULL. */
const char *config_wrong_hostname(str name);

/* What a file begins with: everything that is not given. */
struct config config_default(void);

#endif
