#include "admin/config_internal.h"

#include <sys/un.h>

#include "base/log.h"

enum { LISTENER_TEXT = 256 }; /* octets: a socket's path and "unix:" at most */

static err read_listener_text(struct config_reader *r, const struct toml_node *node,
                              struct config_listener *l)
{
	str text = { 0 };

	TRY(config_read_string(r, node, &text));
	if (str_starts(text, STR("unix:"))) {
		l->path = str_from(text, 5);
		if (l->path.len == 0 || l->path.ptr[0] != '/')
			return config_refuse(r, node->at,
			                     "\"" STR_FMT "\" names no absolute path; write \"unix:/path\"",
			                     STR_ARG(text));
		if (l->path.len >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
			return config_refuse(
				r, node->at,
				"the path of a socket has at most 107 octets; choose a shorter one");
		return OK;
	}
	err e = ip_endpoint_parse(text, &l->address, &l->port);
	if (e.code != ERR_OK || l->port == 0)
		return config_refuse(r, node->at,
		                     "\"" STR_FMT
		                     "\" is no address with a port; write \"[::]:%u\", \"192.0.2.1:%u\" "
		                     "or \"unix:/path\"",
		                     STR_ARG(text), config_protocols[0].port, config_protocols[0].port);
	return OK;
}

static err read_listener(struct config_reader *r, const struct toml_node *node, struct config_listener *l)
{
	static const char *const names[] = { "address", "proxy", NULL };
	const struct toml_node *address, *proxy;

	if (node->kind == TOML_STRING)
		return read_listener_text(r, node, l);
	if (node->kind != TOML_TABLE)
		return config_refuse(r, node->at,
		                     "is %s; write \"address:port\" or { address = \"…\", proxy = true }",
		                     toml_kind_name(node->kind));
	TRY(config_member(r, node, names, "address", &address));
	TRY(config_member(r, node, names, "proxy", &proxy));
	if (!address)
		return config_refuse(r, node->at, "has no address; add it");
	TRY(read_listener_text(r, address, l));
	if (proxy && proxy->kind != TOML_BOOLEAN)
		return config_refuse(r, proxy->at, "proxy is %s; write true or false",
		                     toml_kind_name(proxy->kind));
	l->proxy = proxy && proxy->boolean;
	if (l->proxy && l->path.len)
		return config_refuse(
			r, proxy->at,
			"a socket in the file system takes no PROXY header: network.proxy_from could "
			"not say from whom; listen on 127.0.0.1 for it");
	return OK;
}

static err read_listeners(struct config_reader *r, const struct toml_node *node, void *field)
{
	const struct config_protocol_row *protocol =
		&config_protocols[(r->key->offset - offsetof(struct config, listen)) /
	                          sizeof(struct config_listeners)];
	struct config_listeners list = { .count = node->count };
	void *items;

	TRY(config_list_make(r, node, sizeof *list.item, &items));
	if (node->count && !protocol->served)
		return config_refuse(r, node->at, "this version does not serve %s; remove the key",
		                     protocol->name);
	list.item = items;
	size_t i = 0;
	for (const struct toml_node *n = node->first; n; n = n->next)
		TRY(read_listener(r, n, &list.item[i++]));
	*(struct config_listeners *)field = list;
	return OK;
}

void config_listener_format(struct buf *out, const struct config_listener *l)
{
	if (l->path.len) {
		buf_add(out, STR("unix:"));
		buf_add(out, l->path);
		return;
	}
	if (!ip_is_v4(l->address))
		buf_add_char(out, '[');
	ip_format(out, l->address);
	buf_add(out, ip_is_v4(l->address) ? STR(":") : STR("]:"));
	buf_add_u64(out, l->port);
}

static void write_listeners(struct buf *out, const struct config_key *key, const void *field)
{
	const struct config_listeners *list = field;

	(void)key;
	buf_add_char(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		char text[LISTENER_TEXT];
		struct buf one;
		buf_init_fixed(&one, text, sizeof text);
		config_listener_format(&one, &list->item[i]);
		buf_add(out, i ? STR(", ") : STR(""));
		buf_add(out, list->item[i].proxy ? STR("{ address = ") : STR(""));
		log_add_json_string(out, buf_str(&one));
		buf_add(out, list->item[i].proxy ? STR(", proxy = true }") : STR(""));
	}
	buf_add_char(out, ']');
}

const struct config_type config_listeners_type = { "list of addresses", read_listeners, write_listeners };
