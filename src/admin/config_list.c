#include "admin/config_internal.h"

#include "base/log.h"

err config_list_make(struct config_reader *r, const struct toml_node *node, size_t size, void **items)
{
	if (node->kind != TOML_ARRAY)
		return config_refuse(r, node->at, "is %s; write a list, in [ ]", toml_kind_name(node->kind));
	if (node->count > LIMIT_CONFIG_LIST)
		return config_refuse(r, node->at, "has more than %u entries; join some", LIMIT_CONFIG_LIST);
	*items = arena_calloc(r->arena, node->count, size);
	return *items ? OK : ERR_NO_MEMORY;
}

err config_member(struct config_reader *r, const struct toml_node *table, const char *const *names,
                  const char *name, const struct toml_node **out)
{
	for (const struct toml_node *n = table->first; n; n = n->next) {
		bool known = false;
		for (size_t i = 0; names[i]; i++)
			known = known || str_eq(n->key, str_of(names[i]));
		if (!known)
			return config_refuse(r, n->key_at, "has no key \"" STR_FMT "\"; see doc/config.md",
			                     STR_ARG(n->key));
	}
	*out = toml_get(table, str_of(name));
	return OK;
}

/* A string member that must be there, and not be empty. */
static err text_member(struct config_reader *r, const struct toml_node *table, const char *const *names,
                       const char *name, str *out)
{
	const struct toml_node *n;

	if (table->kind != TOML_TABLE)
		return config_refuse(r, table->at, "is %s; write { %s = \"…\", … }",
		                     toml_kind_name(table->kind), names[0]);
	TRY(config_member(r, table, names, name, &n));
	if (!n)
		return config_refuse(r, table->at, "has no %s; add it", name);
	TRY(config_read_string(r, n, out));
	return out->len ? OK : config_refuse(r, n->at, "has an empty %s; fill it in", name);
}

static err read_certificates(struct config_reader *r, const struct toml_node *node, void *field)
{
	static const char *const names[] = { "certificate", "key", NULL };
	struct config_certificates list = { .count = node->count };
	void *items;

	TRY(config_list_make(r, node, sizeof *list.item, &items));
	list.item = items;
	size_t i = 0;
	for (const struct toml_node *n = node->first; n; n = n->next, i++) {
		TRY(text_member(r, n, names, "certificate", &list.item[i].certificate));
		TRY(text_member(r, n, names, "key", &list.item[i].key));
		if (list.item[i].certificate.ptr[0] != '/' || list.item[i].key.ptr[0] != '/')
			return config_refuse(r, n->at, "a path is not absolute; begin it with /");
	}
	*(struct config_certificates *)field = list;
	return OK;
}

static void write_certificates(struct buf *out, const struct config_key *key, const void *field)
{
	const struct config_certificates *list = field;

	(void)key;
	buf_add_char(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		buf_add(out, i ? STR(", { certificate = ") : STR("{ certificate = "));
		log_add_json_string(out, list->item[i].certificate);
		buf_add(out, STR(", key = "));
		log_add_json_string(out, list->item[i].key);
		buf_add(out, STR(" }"));
	}
	buf_add_char(out, ']');
}

static err read_networks(struct config_reader *r, const struct toml_node *node, void *field)
{
	struct config_networks list = { .count = node->count };
	void *items;

	TRY(config_list_make(r, node, sizeof *list.item, &items));
	list.item = items;
	size_t i = 0;
	for (const struct toml_node *n = node->first; n; n = n->next) {
		str text = { 0 };
		TRY(config_read_string(r, n, &text));
		err e = ip_network_parse(text, &list.item[i++]);
		if (e.code != ERR_OK)
			return config_refuse(r, n->at,
			                     "\"" STR_FMT "\" is no network (%s); write \"192.0.2.0/24\"",
			                     STR_ARG(text), e.what);
	}
	*(struct config_networks *)field = list;
	return OK;
}

static void write_networks(struct buf *out, const struct config_key *key, const void *field)
{
	const struct config_networks *list = field;

	(void)key;
	buf_add_char(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		bool v4 = ip_is_v4(list->item[i].address) && list->item[i].bits >= 96;
		buf_add(out, i ? STR(", \"") : STR("\""));
		ip_format(out, list->item[i].address);
		buf_add_char(out, '/');
		buf_add_u64(out, v4 ? list->item[i].bits - 96u : list->item[i].bits);
		buf_add_char(out, '"');
	}
	buf_add_char(out, ']');
}

static err read_resolvers(struct config_reader *r, const struct toml_node *node, void *field)
{
	struct config_resolvers list = { .count = node->count };
	void *items;

	TRY(config_list_make(r, node, sizeof *list.item, &items));
	list.item = items;
	size_t i = 0;
	for (const struct toml_node *n = node->first; n; n = n->next, i++) {
		str text = { 0 };
		TRY(config_read_string(r, n, &text));
		str rest = text;
		str address = str_cut(&rest, '@');
		uint64_t port = 53;
		bool good_port = address.len == text.len || (str_to_u64(rest, 65535, &port) && port);
		if (!good_port || ip_parse(address, &list.item[i].address).code != ERR_OK)
			return config_refuse(r, n->at,
			                     "\"" STR_FMT
			                     "\" is no resolver; write \"192.0.2.1\" or \"192.0.2.1@5353\"",
			                     STR_ARG(text));
		list.item[i].port = (uint16_t)port;
	}
	*(struct config_resolvers *)field = list;
	return OK;
}

static void write_resolvers(struct buf *out, const struct config_key *key, const void *field)
{
	const struct config_resolvers *list = field;

	(void)key;
	buf_add_char(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		buf_add(out, i ? STR(", \"") : STR("\""));
		ip_format(out, list->item[i].address);
		buf_add_format(out, "@%u\"", list->item[i].port);
	}
	buf_add_char(out, ']');
}

static err read_sources(struct config_reader *r, const struct toml_node *node, void *field)
{
	static const char *const names[] = { "address", "hostname", NULL };
	struct config_sources list = { .count = node->count };
	void *items;

	TRY(config_list_make(r, node, sizeof *list.item, &items));
	list.item = items;
	size_t i = 0;
	for (const struct toml_node *n = node->first; n; n = n->next, i++) {
		str address = { 0 };
		TRY(text_member(r, n, names, "address", &address));
		if (ip_parse(address, &list.item[i].address).code != ERR_OK)
			return config_refuse(r, n->at,
			                     "\"" STR_FMT "\" is no IP address; write it like \"192.0.2.1\"",
			                     STR_ARG(address));
		if (!toml_get(n, STR("hostname")))
			continue;
		TRY(text_member(r, n, names, "hostname", &list.item[i].hostname));
		const char *wrong = config_wrong_hostname(list.item[i].hostname);
		if (wrong)
			return config_refuse(r, n->at, "\"" STR_FMT "\" %s", STR_ARG(list.item[i].hostname),
			                     wrong);
	}
	*(struct config_sources *)field = list;
	return OK;
}

static void write_sources(struct buf *out, const struct config_key *key, const void *field)
{
	const struct config_sources *list = field;

	(void)key;
	buf_add_char(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		buf_add(out, i ? STR(", { address = \"") : STR("{ address = \""));
		ip_format(out, list->item[i].address);
		buf_add_char(out, '"');
		if (list->item[i].hostname.len) {
			buf_add(out, STR(", hostname = "));
			log_add_json_string(out, list->item[i].hostname);
		}
		buf_add(out, STR(" }"));
	}
	buf_add_char(out, ']');
}

static err read_allowances(struct config_reader *r, const struct toml_node *node, void *field)
{
	static const char *const names[] = { "user", "from", NULL };
	struct config_allowances list = { .count = node->count };
	void *items;

	TRY(config_list_make(r, node, sizeof *list.item, &items));
	list.item = items;
	size_t i = 0;
	for (const struct toml_node *n = node->first; n; n = n->next, i++) {
		TRY(text_member(r, n, names, "user", &list.item[i].user));
		TRY(text_member(r, n, names, "from", &list.item[i].from));
		str from = list.item[i].from;
		if (str_rfind_char(from, '@') + 1 >= from.len)
			return config_refuse(r, n->at,
			                     "\"" STR_FMT "\" is no address; write \"ann@shop.example\" or "
			                     "\"@shop.example\"",
			                     STR_ARG(from));
	}
	*(struct config_allowances *)field = list;
	return OK;
}

static void write_allowances(struct buf *out, const struct config_key *key, const void *field)
{
	const struct config_allowances *list = field;

	(void)key;
	buf_add_char(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		buf_add(out, i ? STR(", { user = ") : STR("{ user = "));
		log_add_json_string(out, list->item[i].user);
		buf_add(out, STR(", from = "));
		log_add_json_string(out, list->item[i].from);
		buf_add(out, STR(" }"));
	}
	buf_add_char(out, ']');
}

const struct config_type config_certificates_type = { "list of { certificate, key }", read_certificates,
	                                              write_certificates };
const struct config_type config_networks_type = { "list of networks", read_networks, write_networks };
const struct config_type config_resolvers_type = { "list of addresses", read_resolvers, write_resolvers };
const struct config_type config_sources_type = { "list of { address, hostname }", read_sources,
	                                         write_sources };
const struct config_type config_allowances_type = { "list of { user, from }", read_allowances,
	                                            write_allowances };
