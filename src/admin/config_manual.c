#include "admin/config_internal.h"

#include "base/roff.h"
#include "base/version.h"

static const char head[] =
	".SH NAME\npostrider.toml \\- configuration of the mail server postrider\n"
	".SH DESCRIPTION\n"
	"The configuration holds what the server needs to start; domains, accounts and aliases live in its "
	"store and\n"
	"are changed by commands, see postrider(1). It is TOML 1.0. An unknown key, a wrong type or a value "
	"out of\n"
	"range stops the start with file, line and reason; \\fBpostrider config check\\fR says so "
	"beforehand. At SIGHUP\n"
	"the server reads the file again, all or nothing; a key marked \\(lqrestart\\(rq then keeps its "
	"former value.\n"
	".PP\n"
	"Sizes are octets, or a string with K, M or G, powers of 1024: \"50M\". Addresses to listen on are\n"
	"\"address:port\", \"unix:/path\" or { address = \"...\", proxy = true }; [::] means both families. "
	"A key of\n"
	"[listen] that is absent is off. Paths are absolute.\n";

static const char foot[] = ".SH FILES\n.TP\n\\fI/etc/postrider/postrider.toml\\fR\n"
			   "Read where neither \\fB\\-c\\fR, \\fB$POSTRIDER_CONFIG\\fR nor "
			   "\\fI./postrider.toml\\fR says otherwise.\n"
			   ".SH SEE ALSO\npostrider(1)\n";

static void add_heading(struct buf *out, str table)
{
	if (table.len == 0)
		buf_add(out, STR(".SH AT THE TOP\n"));
	else if (str_eq(table, STR("tls")))
		buf_add(out, STR(".SH [[tls.certificates]]\n"));
	else
		buf_add_format(out, ".SH [" STR_FMT "]\n", STR_ARG(table));
}

/* Whether [listen] has a protocol that this version does not serve. */
static bool is_served(const struct config_key *key)
{
	size_t protocol = (key->offset - offsetof(struct config, listen)) / sizeof(struct config_listeners);

	return key->type != &config_listeners_type || config_protocols[protocol].served;
}

static void add_key(struct buf *out, const struct config_key *key, str name, const struct config *defaults)
{
	char octets[LIMIT_KB];
	struct buf value;

	buf_init_fixed(&value, octets, sizeof octets);
	key->type->write(&value, key, (const char *)defaults + key->offset);
	buf_add(out, STR(".TP\n"));
	roff_add_bold(out, name);
	buf_add(out, STR(" = "));
	roff_add(out, buf_str(&value));
	buf_add(out, STR("\n("));
	roff_add(out, str_of(key->type->name));
	for (size_t i = 0; key->choices[i]; i++)
		buf_add_format(out, "%s\"%s\"", i ? ", " : " ", key->choices[i]);
	buf_add(out, key->when == RESTARTED ? STR("; restart)\n") : STR("; reload)\n"));
	roff_add(out, str_of(key->says));
	buf_add_char(out, '\n');
}

void config_manual(struct buf *out, const char *date)
{
	struct config defaults = config_default();
	str current = STR("none yet");

	buf_add_format(out, ".TH POSTRIDER.TOML 5 \"%s\" \"postrider %s\"\n", date, POSTRIDER_VERSION);
	buf_add(out, str_of(head));
	for (size_t i = 0; i < config_key_count; i++) {
		str path = str_of(config_keys[i].path);
		size_t dot = str_rfind_char(path, '.');
		str table = dot < path.len ? str_slice(path, 0, dot) : STR("");
		if (!is_served(&config_keys[i]))
			continue;
		if (!str_eq(table, current))
			add_heading(out, table);
		current = table;
		add_key(out, &config_keys[i], table.len ? str_from(path, dot + 1) : path, &defaults);
	}
	buf_add(out, str_of(foot));
}
