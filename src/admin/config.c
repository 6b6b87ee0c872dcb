#include "admin/config_internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/file.h"

err config_refuse(const struct config_reader *r, size_t at, const char *format, ...)
{
	char reason[LIMIT_ERROR_SENTENCE];
	uint32_t line, column;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(reason, sizeof reason, format, args);
	va_end(args);
	toml_place(r->text, at, &line, &column);
	err e = err_new(r->arena, ERR_SYNTAX, STR_FMT ":%u:%u: %s%s%s", STR_ARG(r->file), line, column,
	                r->key ? r->key->path : "", r->key ? ": " : "", reason);
	e.at = (uint32_t)at;
	return e;
}

/* The key named `name` in the table `path`; `path` is "" for the document. */
static const struct config_key *find_key(str path, str name)
{
	for (size_t i = 0; i < config_key_count; i++) {
		str whole = str_of(config_keys[i].path);
		size_t dot = str_rfind_char(whole, '.');
		bool top = dot == whole.len;
		if (str_eq(top ? STR("") : str_slice(whole, 0, dot), path) &&
		    str_eq(top ? whole : str_from(whole, dot + 1), name))
			return &config_keys[i];
	}
	return NULL;
}

static bool is_table_name(str name)
{
	for (size_t i = 0; i < config_key_count; i++) {
		str rest = str_of(config_keys[i].path);
		str table = str_cut(&rest, '.');
		if (rest.len && str_eq(table, name))
			return true;
	}
	return false;
}

static err unknown(struct config_reader *r, const struct toml_node *node, str table)
{
	return config_refuse(r, node->key_at, STR_FMT "%s" STR_FMT ": unknown key; doc/config.md lists all",
	                     STR_ARG(table), table.len ? "." : "", STR_ARG(node->key));
}

static err read_entries(struct config_reader *r, const struct toml_node *table, struct config *c)
{
	str path = table->key;

	for (const struct toml_node *n = table->first; n; n = n->next) {
		r->key = find_key(path, n->key);
		if (r->key) {
			TRY(r->key->type->read(r, n, (char *)c + r->key->offset));
			r->key = NULL;
			continue;
		}
		if (path.len || !is_table_name(n->key))
			return unknown(r, n, path);
		if (n->kind != TOML_TABLE)
			return config_refuse(r, n->at,
			                     STR_FMT ": is %s; write [" STR_FMT "] on a line of its own",
			                     STR_ARG(n->key), toml_kind_name(n->kind), STR_ARG(n->key));
		TRY(read_entries(r, n, c));
	}
	return OK;
}

/* The octet of a key's value, to point at; the beginning of the file where it is not given. */
static size_t place_of(const struct toml_node *root, const char *path)
{
	const struct toml_node *n = toml_find(root, str_of(path));

	return n ? n->at : 0;
}

static err require(struct config_reader *r, const struct toml_node *root, const char *name,
                   const char *example)
{
	if (toml_get(root, str_of(name)))
		return OK;
	return config_refuse(r, 0, "%s: is missing; add %s = \"%s\"", name, name, example);
}

static bool same_place(const struct config_listener *a, const struct config_listener *b)
{
	if (a->path.len || b->path.len)
		return str_eq(a->path, b->path);
	return a->port == b->port && ip_eq(a->address, b->address);
}

/* Two listeners of one address could not both be bound. */
static err check_listeners(struct config_reader *r, const struct toml_node *root, const struct config *c)
{
	const struct config_listener *all[LIMIT_CONFIG_LIST];
	size_t count = 0;

	for (size_t p = 0; p < CONFIG_PROTOCOLS; p++) {
		for (size_t i = 0; i < c->listen[p].count; i++) {
			const struct config_listener *l = &c->listen[p].item[i];
			if (count == LIMIT_CONFIG_LIST)
				return config_refuse(r, place_of(root, "listen"),
				                     "listen: more than %u addresses; use fewer",
				                     LIMIT_CONFIG_LIST);
			for (size_t k = 0; k < count; k++)
				if (same_place(all[k], l))
					return config_refuse(
						r, place_of(root, "listen"),
						"listen.%s: an address stands in [listen] twice; remove one",
						config_protocols[p].name);
			all[count++] = l;
		}
	}
	return OK;
}

/* Listeners that could serve nobody. */
static err check_beginnings(struct config_reader *r, const struct toml_node *root, const struct config *c)
{
	static const enum config_protocol under_tls[] = { CONFIG_SUBMISSIONS, CONFIG_IMAPS, CONFIG_POP3S,
		                                          CONFIG_HTTPS };

	for (size_t i = 0; i < sizeof under_tls / sizeof under_tls[0] && c->certificates.count == 0; i++)
		if (c->listen[under_tls[i]].count)
			return config_refuse(
				r, place_of(root, "listen"),
				"listen.%s: needs a certificate; add one to [[tls.certificates]]",
				config_protocols[under_tls[i]].name);
	for (size_t p = 0; p < CONFIG_PROTOCOLS && c->network.proxy_from.count == 0; p++)
		for (size_t i = 0; i < c->listen[p].count; i++)
			if (c->listen[p].item[i].proxy)
				return config_refuse(r, place_of(root, "listen"),
				                     "listen.%s: with proxy = true only the networks of "
				                     "network.proxy_from may connect; name the proxy's there",
				                     config_protocols[p].name);
	return OK;
}

/* What no single key can tell. */
static err check_whole(struct config_reader *r, const struct toml_node *root, const struct config *c)
{
	TRY(require(r, root, "hostname", "mail.shop.example"));
	TRY(require(r, root, "data_dir", "/var/lib/postrider"));
	if (c->store.engine == CONFIG_POSTGRES)
		return config_refuse(r, place_of(root, "store.engine"),
		                     "store.engine: this version keeps its rows in \"sqlite\" only; write "
		                     "that, or remove the key");
	if (c->store.url.len)
		return config_refuse(r, place_of(root, "store.url"),
		                     "store.url: means nothing with engine = \"sqlite\"; remove it");
	if (c->store.url_file.len)
		return config_refuse(r, place_of(root, "store.url_file"),
		                     "store.url_file: means nothing with engine = \"sqlite\"; remove it");
	TRY(check_listeners(r, root, c));
	return check_beginnings(r, root, c);
}

/* One form of each value, so that it can be compared and joined with a file name. */
static err make_canonical(struct arena *arena, struct config *c)
{
	char *name = arena_alloc(arena, c->hostname.len + 1);

	if (!name)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < c->hostname.len; i++)
		name[i] = ascii_lower(c->hostname.ptr[i]);
	c->hostname.ptr = name;
	while (c->data_dir.len > 1 && c->data_dir.ptr[c->data_dir.len - 1] == '/')
		c->data_dir.len--;
	return OK;
}

err config_parse(struct arena *arena, str file_name, str text, struct config **out)
{
	struct config_reader r = { .arena = arena, .file = file_name, .text = text };
	struct toml_node *root = NULL;

	err e = toml_parse(arena, text, &root);
	if (e.code == ERR_SYNTAX || e.code == ERR_LIMIT)
		return config_refuse(&r, e.at, "%s; mend the line (TOML 1.0, toml.io)", e.what);
	if (e.code != ERR_OK)
		return e;
	struct config *c = arena_new(arena, struct config, 1);
	if (!c)
		return ERR_NO_MEMORY;
	*c = config_default();
	TRY(read_entries(&r, root, c));
	TRY(check_whole(&r, root, c));
	TRY(make_canonical(arena, c));
	*out = c;
	return OK;
}

err config_load(struct arena *arena, str path, struct config **out)
{
	str text = { 0 };

	TRY(file_read_all(arena, path, LIMIT_CONFIG_FILE, &text));
	return config_parse(arena, path, text, out);
}

static bool differs(const struct config_key *key, const struct config *a, const struct config *b)
{
	struct arena arena;
	struct buf x, y;

	arena_init(&arena, NULL, 16 * LIMIT_CONFIG_FILE);
	buf_init(&x, &arena, 4 * LIMIT_CONFIG_FILE);
	buf_init(&y, &arena, 4 * LIMIT_CONFIG_FILE);
	key->type->write(&x, key, (const char *)a + key->offset);
	key->type->write(&y, key, (const char *)b + key->offset);
	bool same = x.failed == ERR_OK && y.failed == ERR_OK && str_eq(buf_str(&x), buf_str(&y));
	arena_reset(&arena);
	return !same;
}

void config_restart_keys(struct buf *out, const struct config *old, const struct config *new)
{
	size_t named = 0;

	for (size_t i = 0; i < config_key_count; i++) {
		if (config_keys[i].when != RESTARTED || !differs(&config_keys[i], old, new))
			continue;
		buf_add(out, named++ ? STR(", ") : STR(""));
		buf_add(out, str_of(config_keys[i].path));
	}
}
