#include "admin/config_internal.h"

static const char head[] =
	"# postrider.toml\n"
	"\n"
	"The configuration holds what the process needs to start; domains, accounts, aliases and routes live "
	"in the\n"
	"store and are changed by commands. It is TOML 1.0, found by `-c FILE`, `$POSTRIDER_CONFIG`,\n"
	"`./postrider.toml` or `/etc/postrider/postrider.toml`. An unknown key, a wrong type or a value out "
	"of range\n"
	"stops the start with file, line and reason; `postrider config check` says so beforehand. SIGHUP "
	"reads the\n"
	"file again, all or nothing; keys marked *restart* then keep their former value and are named in the "
	"log.\n"
	"\n"
	"Sizes are octets or a string with K, M or G, powers of 1024: `\"50M\"`. Addresses to listen on are\n"
	"`\"address:port\"`, `\"unix:/path\"` or `{ address = \"…\", proxy = true }`; `[::]` means both "
	"families. A key of\n"
	"`[listen]` that is absent is off. Paths are absolute.\n"
	"\n"
	"This file is made from the program's table of keys (`src/admin/config_keys.c`).\n";

static void add_heading(struct buf *out, str table)
{
	if (table.len == 0)
		buf_add(out, STR("\n## At the top\n\n"));
	else if (str_eq(table, STR("tls")))
		buf_add(out, STR("\n## [[tls.certificates]]\n\n"));
	else
		buf_add_format(out, "\n## [" STR_FMT "]\n\n", STR_ARG(table));
	buf_add(out, STR("| key | takes | default | changed by | what it does |\n|---|---|---|---|---|\n"));
}

static void add_takes(struct buf *out, const struct config_key *key)
{
	buf_add(out, str_of(key->type->name));
	for (size_t i = 0; key->choices[i]; i++)
		buf_add_format(out, "%s`\"%s\"`", i ? ", " : " ", key->choices[i]);
	if (key->most) {
		struct config_key bare = *key;
		uint32_t count[2] = { (uint32_t)key->least, (uint32_t)key->most };
		uint64_t size[2] = { key->least, key->most };
		bool sized = key->type == &config_size;
		for (int i = 0; i < 2; i++) {
			buf_add(out, i ? STR(" to `") : STR(", `"));
			(sized ? &config_size : &config_count)
				->write(out, &bare, sized ? (void *)&size[i] : &count[i]);
			buf_add_char(out, '`');
		}
	}
}

static void add_row(struct buf *out, const struct config_key *key, str name, const struct config *defaults)
{
	size_t listen = offsetof(struct config, listen);
	size_t protocol = (key->offset - listen) / sizeof(struct config_listeners);
	bool served = key->type != &config_listeners_type || config_protocols[protocol].served;

	buf_add_format(out, "| `" STR_FMT "` | ", STR_ARG(name));
	add_takes(out, key);
	buf_add(out, STR(" | `"));
	key->type->write(out, key, (const char *)defaults + key->offset);
	buf_add_format(out, "` | %s | ", key->when == RESTARTED ? "restart" : "reload");
	buf_add(out, str_of(key->says));
	buf_add(out, served ? STR(" |\n") : STR(" Not served by this version. |\n"));
}

void config_document(struct buf *out)
{
	struct config defaults = config_default();
	str current = STR("none yet");

	buf_add(out, str_of(head));
	for (size_t i = 0; i < config_key_count; i++) {
		str path = str_of(config_keys[i].path);
		size_t dot = str_rfind_char(path, '.');
		str table = dot < path.len ? str_slice(path, 0, dot) : STR("");
		if (!str_eq(table, current))
			add_heading(out, table);
		current = table;
		add_row(out, &config_keys[i], table.len ? str_from(path, dot + 1) : path, &defaults);
	}
}
