#include "admin/config_internal.h"

#include "base/log.h"

static void add_text_key(struct buf *out, const char *key, str value)
{
	buf_add_format(out, "%s = ", key);
	log_add_json_string(out, value);
	buf_add_char(out, '\n');
}

static void add_listeners(struct buf *out, const struct config_initial *initial)
{
	buf_add(out, STR("\n[listen]\n"));
	for (size_t i = 0; i < CONFIG_PROTOCOLS; i++) {
		const struct config_protocol_row *p = &config_protocols[i];
		if (p->served && initial->ports)
			buf_add_format(out, "%s = [\"127.0.0.1:%u\"]\n", p->name,
			               (unsigned)initial->base + p->port);
		else if (p->served && !p->local)
			buf_add_format(out, "%s = [\"[::]:%u\"]\n", p->name, p->port);
	}
}

err config_initial_write(struct buf *out, const struct config_initial *initial)
{
	const char *wrong = config_wrong_hostname(initial->hostname);

	if (wrong)
		return (err){ ERR_SYNTAX, 0, "the hostname is no name like mail.shop.example" };
	if (initial->ports && initial->base > 65535 - 995)
		return (err){ ERR_SYNTAX, 0, "--ports takes a base of at most 64540" };
	buf_add(out, STR("# postrider; doc/config.md names every key, `postrider config check` reads this "
	                 "file.\n"));
	add_text_key(out, "hostname", initial->hostname);
	add_text_key(out, "data_dir", initial->data_dir);
	if (!initial->ports && initial->user.len)
		add_text_key(out, "user", initial->user);
	add_listeners(out, initial);
	buf_add(out, STR("\n[tls]\n"));
	if (initial->certificate.len) {
		buf_add(out, STR("\n[[tls.certificates]]\n"));
		add_text_key(out, "certificate", initial->certificate);
		add_text_key(out, "key", initial->key);
	}
	buf_add(out, STR("\n[network]\n"));
	buf_add_format(out, "\n[auth]\nplaintext = \"%s\"\n", initial->ports ? "loopback" : "never");
	buf_add(out, STR("\n[store]\nengine = \"sqlite\"\n\n[dns]\n\n[outbound]\n"));
	buf_add_format(out, "allow_private = %s\n", initial->ports ? "true" : "false");
	buf_add(out, STR("\n[trust]\n\n[limits]\n\n[submit]\n"));
	return buf_err(out);
}
