#include "base/str.h"
#include "cli/doctor_internal.h"
#include "net/dial.h"

enum { GREETING_MS = 3000 };

/* A wildcard is tried at the loopback address of its family. */
static ip reachable(ip address)
{
	const ip any6 = { { 0 } }, any4 = { { [10] = 0xff, [11] = 0xff } };

	if (ip_eq(address, any6))
		return (ip){ { [15] = 1 } };
	if (ip_eq(address, any4))
		return (ip){ { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } };
	return address;
}

/* Connects as a client would and waits for the greeting. */
static err greeted(struct doctor *d, const struct config_listener *listener, bool tls, struct dial **dial,
                   str *said)
{
	const char *name = arena_z(d->line->arena, d->config->hostname);
	struct dial_tls about;

	TRY(dial_open(d->line->arena, reachable(listener->address), listener->port, GREETING_MS, dial));
	if (tls)
		TRY(name ? dial_start_tls(*dial, name, &about) : ERR_NO_MEMORY);
	return dial_read_line(*dial, said);
}

static void check_listener(struct doctor *d, const char *name, const struct config_listener *listener,
                           bool tls, const char *greeting)
{
	char octets[256];
	struct dial *dial = NULL;
	struct buf text;
	str said = { 0 };

	buf_init_fixed(&text, octets, sizeof octets);
	config_listener_format(&text, listener);
	str address = buf_str(&text);
	err e = greeted(d, listener, tls, &dial, &said);
	if (e.code != ERR_OK)
		check_add(d, name, CHECK_ERROR,
		          "restart the server if [listen] was changed; look into its log",
		          STR_FMT " does not greet: %s", STR_ARG(address), e.what);
	else if (!str_starts(said, str_of(greeting)))
		check_add(d, name, CHECK_ERROR, "see what else listens there",
		          STR_FMT " greets in a way that nobody expects", STR_ARG(address));
	else if (tls && !shows_what_is_on_disk(d, dial))
		check_add(d, name, CHECK_WARNING,
		          "have it read them: kill -HUP, or systemctl reload postrider",
		          STR_FMT " shows another certificate than the files hold now", STR_ARG(address));
	else
		check_add(d, name, CHECK_OK, NULL, STR_FMT " greets", STR_ARG(address));
	dial_close(dial);
}

void check_listeners(struct doctor *d)
{
	static const struct {
		enum config_protocol protocol;
		bool tls; /* from the first octet */
		const char *greeting;
	} expected[] = {
		{ CONFIG_SMTP, false, "220" },       { CONFIG_SUBMISSION, false, "220" },
		{ CONFIG_SUBMISSIONS, true, "220" }, { CONFIG_LMTP, false, "220" },
		{ CONFIG_POP3, false, "+OK" },       { CONFIG_POP3S, true, "+OK" },
	};

	for (size_t k = 0; d->running && k < sizeof expected / sizeof expected[0]; k++) {
		const struct config_listeners *l = &d->config->listen[expected[k].protocol];
		for (size_t i = 0; i < l->count; i++)
			if (l->item[i].path.len == 0 && !l->item[i].proxy)
				check_listener(d, config_protocol_name(expected[k].protocol), &l->item[i],
				               expected[k].tls, expected[k].greeting);
	}
}
