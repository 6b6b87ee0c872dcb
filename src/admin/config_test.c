#include "admin/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"

static struct arena arena;

static int reset(void **state)
{
	(void)state;
	arena_reset(&arena);
	arena_init(&arena, NULL, 64u * LIMIT_MB);
	return 0;
}

static str joined(const char *a, const char *b)
{
	struct buf out;

	buf_init(&out, &arena, LIMIT_MB);
	buf_add(&out, str_of(a));
	buf_add(&out, str_of(b));
	assert_int_equal(buf_err(&out).code, ERR_OK);
	return buf_str(&out);
}

/* What each case stands behind; so its first line is the third. */
#define BEGIN "hostname = \"mail.shop.example\"\ndata_dir = \"/var/lib/postrider\"\n"

static struct config *must_parse(const char *more)
{
	struct config *c = NULL;
	err e = config_parse(&arena, STR("postrider.toml"), joined(BEGIN, more), &c);

	if (e.code != ERR_OK)
		print_message("%s\n", e.what);
	assert_int_equal(e.code, ERR_OK);
	return c;
}

/* clang-format off */
static const struct {
	const char *text, *sentence; /* the sentence begins so, behind the file's name */
} refused[] = {
	{ "hostnam = 1", ":3:1: hostnam: unknown key; doc/config.md lists all" },
	{ "[auth]\nplain = 'never'", ":4:1: auth.plain: unknown key; doc/config.md lists all" },
	{ "[auth.plain]", ":3:7: auth.plain: unknown key;" },
	{ "[[auth]]", ":3:3: auth: is an array; write [auth] on a line of its own" },
	{ "auth = 1", ":3:8: auth: is an integer; write [auth] on a line of its own" },
	{ "[authentication]", ":3:2: authentication: unknown key;" },
	{ "user = 7", ":3:8: user: is an integer; write a string, in quotes" },
	{ "user = \"a\\u0000b\"", ":3:8: user: has a NUL in it;" },
	{ "user = x", ":3:8: not a value; strings stand in quotes; mend the line" },
	{ "user = 'a'\nuser = 'b'", ":4:1: is defined already;" },
	{ "[auth]\nplaintext = 'always'", ":4:13: auth.plaintext: \"always\" is not known; write \"never\" or \"loopback\"" },
	{ "[auth]\nplaintext = true", ":4:13: auth.plaintext: is a boolean; write a string" },
	{ "[auth]\nscram = 'yes'", ":4:9: auth.scram: is a string; write true or false" },
	{ "[listen]\nsmtp = '[::]:25'", ":4:8: listen.smtp: is a string; write a list, in [ ]" },
	{ "[listen]\nsmtp = ['25']", ":4:9: listen.smtp: \"25\" is no address with a port; write \"[::]:25\"" },
	{ "[listen]\nsmtp = ['127.0.0.1:0']", ":4:9: listen.smtp: \"127.0.0.1:0\" is no address" },
	{ "[listen]\nsmtp = ['127.0.0.1:65536']", ":4:9: listen.smtp: \"127.0.0.1:65536\" is no address" },
	{ "[listen]\nsmtp = ['::1:25']", ":4:9: listen.smtp: \"::1:25\" is no address" },
	{ "[listen]\nsmtp = ['localhost:25']", ":4:9: listen.smtp: \"localhost:25\" is no address" },
	{ "[listen]\nsmtp = ['unix:run']", ":4:9: listen.smtp: \"unix:run\" names no absolute path" },
	{ "[listen]\nsmtp = ['unix:/12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567']",
	  ":4:9: listen.smtp: the path of a socket has at most 107 octets" },
	{ "[listen]\nsmtp = [25]", ":4:9: listen.smtp: is an integer; write \"address:port\"" },
	{ "[listen]\nsmtp = [{ proxy = true }]", ":4:9: listen.smtp: has no address; add it" },
	{ "[listen]\nsmtp = [{ address = '[::]:25', tls = 1 }]", ":4:32: listen.smtp: has no key \"tls\"" },
	{ "[listen]\nsmtp = [{ address = '[::]:25', proxy = 1 }]", ":4:40: listen.smtp: proxy is an integer; write true" },
	{ "[listen]\nsmtp = [{ address = '[::]:25', proxy = true }]", ":3:2: listen.smtp: with proxy = true only the networks" },
	{ "[network]\nproxy_from = ['::1']\n[listen]\nsmtp = [{ address = 'unix:/x', proxy = true }]",
	  ":6:40: listen.smtp: a socket in the file system takes no PROXY header" },
	{ "[listen]\nsmtp = ['[::]:25']\npop3 = ['[::]:25']", ":3:2: listen.pop3: an address stands in [listen] twice" },
	{ "[listen]\nimap = ['[::]:143']", ":4:8: listen.imap: this version does not serve imap; remove the key" },
	{ "[listen]\nftp = ['[::]:21']", ":4:1: listen.ftp: unknown key" },
	{ "[[tls.certificates]]\nkey = '/k'", ":3:7: tls.certificates: has no certificate; add it" },
	{ "[[tls.certificates]]\ncertificate = '/c'\nkey = ''", ":5:7: tls.certificates: has an empty key; fill it in" },
	{ "[[tls.certificates]]\ncertificate = 'c'\nkey = '/k'", ":3:7: tls.certificates: a path is not absolute" },
	{ "[tls]\ncertificates = ['/c']", ":4:17: tls.certificates: is a string; write { certificate = " },
	{ "[network]\nrelay_from = ['192.0.2.1/24']", ":4:15: network.relay_from: \"192.0.2.1/24\" is no network (the address has bits" },
	{ "[network]\nrelay_from = ['shop.example']", ":4:15: network.relay_from: \"shop.example\" is no network" },
	{ "[network]\nproxy_from = ['::/129']", ":4:15: network.proxy_from: \"::/129\" is no network" },
	{ "[store]\nengine = 'postgres'", ":4:10: store.engine: this version keeps its rows in \"sqlite\" only;" },
	{ "[store]\nengine = 'mysql'", ":4:10: store.engine: \"mysql\" is not known; write \"sqlite\" or \"postgres\"" },
	{ "[store]\nurl = 'postgresql:///x'", ":4:7: store.url: means nothing with engine" },
	{ "[store]\nurl_file = 'x'", ":4:12: store.url_file: \"x\" is not an absolute path" },
	{ "[dns]\nservers = ['192.0.2.1@0']", ":4:12: dns.servers: \"192.0.2.1@0\" is no resolver;" },
	{ "[dns]\nservers = ['192.0.2.1:53']", ":4:12: dns.servers: \"192.0.2.1:53\" is no resolver;" },
	{ "[outbound]\nport = 0", ":4:8: outbound.port: is out of range; write a number from 1 to 65535" },
	{ "[outbound]\nport = 65536", ":4:8: outbound.port: is out of range;" },
	{ "[outbound]\nsource_addresses = [{ hostname = 'a.example' }]", ":4:21: outbound.source_addresses: has no address;" },
	{ "[outbound]\nsource_addresses = [{ address = 'x' }]", ":4:21: outbound.source_addresses: \"x\" is no IP address" },
	{ "[outbound]\nsource_addresses = [{ address = '::1', hostname = 'x' }]", ":4:21: outbound.source_addresses: \"x\" is not fully" },
	{ "[limits]\nmessage_size = '50X'", ":4:16: limits.message_size: is no size; write octets or a size like \"50M\" from 64K to 64G" },
	{ "[limits]\nmessage_size = 'M'", ":4:16: limits.message_size: is no size" },
	{ "[limits]\nmessage_size = ''", ":4:16: limits.message_size: is no size" },
	{ "[limits]\nmessage_size = '99999999999999999999G'", ":4:16: limits.message_size: is no size" },
	{ "[limits]\nmessage_size = '17179869184G'", ":4:16: limits.message_size: is no size" },
	{ "[limits]\nmessage_size = 65535", ":4:16: limits.message_size: is out of range; write octets" },
	{ "[limits]\nmessage_size = '65G'", ":4:16: limits.message_size: is out of range" },
	{ "[limits]\nmessage_size = -1", ":4:16: limits.message_size: is out of range" },
	{ "[limits]\nmessage_size = 1.5", ":4:16: limits.message_size: is a float; write octets, or a size" },
	{ "[limits]\nrecipients = 99", ":4:14: limits.recipients: is out of range; write a number from 100 to 1000" },
	{ "[limits]\nrecipients = 1001", ":4:14: limits.recipients: is out of range" },
	{ "[limits]\nrecipients = '500'", ":4:14: limits.recipients: is a string; write a number" },
	{ "[submit]\nallow = [{ user = 'www', from = 'shop' }]", ":4:10: submit.allow: \"shop\" is no address" },
	{ "[submit]\nallow = [{ user = 'www', from = 'shop@' }]", ":4:10: submit.allow: \"shop@\" is no address" },
	{ "[submit]\nallow = [{ from = '@shop.example' }]", ":4:10: submit.allow: has no user; add it" },
};

static const struct {
	const char *hostname, *reason; /* NULL: taken */
} hostnames[] = {
	{ "mail.shop.example", NULL },
	{ "MAIL.Shop.Example", NULL },
	{ "xn--bcher-kva.example", NULL },
	{ "a-1.2b", NULL },
	{ "localhost", "is not fully qualified" },
	{ "", "is no host name" },
	{ "a..example", "is no host name" },
	{ ".example", "is no host name" },
	{ "a.example.", "ends with a dot" },
	{ "-a.example", "is no host name" },
	{ "a-.example", "is no host name" },
	{ "a_b.example", "is no host name" },
	{ "b\xc3\xbc.example", "is no host name" },
	{ "a b.example", "is no host name" },
};
/* clang-format on */

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		struct config *c = NULL;
		err e = config_parse(&arena, STR("postrider.toml"), joined(BEGIN, refused[i].text), &c);

		print_message("%s\n  %s\n", refused[i].text, e.what);
		assert_int_equal(e.code, ERR_SYNTAX);
		assert_null(c); /* untouched */
		assert_true(str_starts(str_of(e.what), joined("postrider.toml", refused[i].sentence)));
	}
}

static void test_missing(void **state)
{
	struct config *c = NULL;

	(void)state;
	err e = config_parse(&arena, STR("x"), STR("data_dir = '/d'"), &c);
	assert_string_equal(e.what, "x:1:1: hostname: is missing; add hostname = \"mail.shop.example\"");
	e = config_parse(&arena, STR("x"), STR("hostname = 'mail.shop.example'"), &c);
	assert_string_equal(e.what, "x:1:1: data_dir: is missing; add data_dir = \"/var/lib/postrider\"");
	e = config_parse(&arena, STR("x"), STR("hostname = 'mail.shop.example'\ndata_dir = 'data'"), &c);
	assert_string_equal(e.what, "x:2:12: data_dir: \"data\" is not an absolute path; begin it with /");
}

static void test_hostnames(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof hostnames / sizeof hostnames[0]; i++) {
		struct config *c = NULL;
		struct buf text;

		print_message("%s\n", hostnames[i].hostname);
		buf_init(&text, &arena, LIMIT_MB);
		buf_add_format(&text, "data_dir = '/d'\nhostname = '%s'\n", hostnames[i].hostname);
		err e = config_parse(&arena, STR("x"), buf_str(&text), &c);
		assert_int_equal(e.code == ERR_OK, hostnames[i].reason == NULL);
		if (hostnames[i].reason)
			assert_non_null(strstr(e.what, hostnames[i].reason));
	}
}

static void test_defaults(void **state)
{
	struct config *c = must_parse("");
	struct limits limits = limits_default();

	(void)state;
	assert_true(str_eq(c->hostname, STR("mail.shop.example")));
	assert_int_equal(c->user.len, 0);
	for (size_t i = 0; i < CONFIG_PROTOCOLS; i++)
		assert_int_equal(c->listen[i].count, 0);
	assert_int_equal(c->auth.plaintext, CONFIG_PLAINTEXT_NEVER);
	assert_int_equal(c->store.engine, CONFIG_SQLITE);
	assert_int_equal(c->network.relay_from.count, 0);
	assert_int_equal(c->outbound.port, 25);
	assert_false(c->outbound.allow_private || c->auth.scram || c->trust.check_loopback);
	assert_int_equal(c->limits.message_size_octets, limits.message_size_octets);
	assert_int_equal(c->limits.event_days, limits.event_days);
}

static void assert_listener(const struct config_listener *l, const char *want)
{
	struct buf out;

	buf_init(&out, &arena, LIMIT_MB);
	config_listener_format(&out, l);
	buf_add_char(&out, '\0');
	assert_string_equal(buf_str(&out).ptr, want);
}

static void test_values(void **state)
{
	struct config *c =
		must_parse("user = 'postrider'\n"
	                   "[listen]\nsmtp = ['[::]:25', '192.0.2.1:2525', 'unix:/run/smtp', { address = "
	                   "'[2001:db8::1]:25', proxy = false }]\n"
	                   "pop3 = []\nimap = []\n"
	                   "[[tls.certificates]]\ncertificate = '/c1'\nkey = "
	                   "'/k1'\n[[tls.certificates]]\nkey = '/k2'\ncertificate = '/c2'\n"
	                   "[network]\nrelay_from = ['192.0.2.0/24', '2001:db8::/32', '::1']\n"
	                   "[auth]\nplaintext = 'loopback'\nscram = true\n"
	                   "[dns]\nservers = ['192.0.2.53', '2001:db8::53@5353']\ntrust_anchor_file = '/a'\n"
	                   "[outbound]\nport = 2525\nallow_private = true\n"
	                   "source_addresses = [{ address = '192.0.2.9', hostname = 'out.shop.example' }, { "
	                   "address = '::1' }]\n"
	                   "[trust]\ncheck_loopback = true\n"
	                   "[limits]\nmessage_size = '1G'\nmessages_memory = 1048576\nrecipients = "
	                   "100\nsmtp_idle_s = 1\nmailbox_views = '2m'\n"
	                   "[submit]\nallow = [{ user = 'www-data', from = '@shop.example' }]\n");

	(void)state;
	assert_true(str_eq(c->user, STR("postrider")));
	assert_int_equal(c->listen[CONFIG_SMTP].count, 4);
	assert_listener(&c->listen[CONFIG_SMTP].item[0], "[::]:25");
	assert_listener(&c->listen[CONFIG_SMTP].item[1], "192.0.2.1:2525");
	assert_listener(&c->listen[CONFIG_SMTP].item[2], "unix:/run/smtp");
	assert_listener(&c->listen[CONFIG_SMTP].item[3], "[2001:db8::1]:25");
	assert_int_equal(c->certificates.count, 2);
	assert_true(str_eq(c->certificates.item[1].certificate, STR("/c2")));
	assert_true(str_eq(c->certificates.item[1].key, STR("/k2")));
	assert_int_equal(c->network.relay_from.count, 3);
	assert_int_equal(c->network.relay_from.item[0].bits, 120);
	assert_int_equal(c->network.relay_from.item[2].bits, 128);
	assert_int_equal(c->auth.plaintext, CONFIG_PLAINTEXT_LOOPBACK);
	assert_int_equal(c->dns.servers.item[0].port, 53);
	assert_int_equal(c->dns.servers.item[1].port, 5353);
	assert_true(str_eq(c->outbound.source_addresses.item[0].hostname, STR("out.shop.example")));
	assert_int_equal(c->outbound.source_addresses.item[1].hostname.len, 0);
	assert_int_equal(c->limits.message_size_octets, 1u << 30);
	assert_int_equal(c->limits.messages_memory_octets, LIMIT_MB);
	assert_int_equal(c->limits.mailbox_views_octets, 2 * LIMIT_MB);
	assert_int_equal(c->limits.recipients, 100);
	assert_int_equal(c->limits.smtp_idle_s, 1);
	assert_true(str_eq(c->submit.allow.item[0].from, STR("@shop.example")));
}

/* The text given may go away: nothing of the result points into it. */
static void test_text_is_not_kept(void **state)
{
	static const char text[] = BEGIN "user = 'postrider'\n[listen]\nsmtp = ['unix:/run/smtp']\n";
	char *copy = malloc(sizeof text);
	struct config *c = NULL;

	(void)state;
	memcpy(copy, text, sizeof text);
	assert_int_equal(config_parse(&arena, STR("x"), (str){ copy, sizeof text - 1 }, &c).code, ERR_OK);
	memset(copy, 'X', sizeof text);
	free(copy);
	assert_true(str_eq(c->hostname, STR("mail.shop.example")));
	assert_true(str_eq(c->user, STR("postrider")));
	assert_true(str_eq(c->listen[CONFIG_SMTP].item[0].path, STR("/run/smtp")));
}

static void test_canonical(void **state)
{
	struct config *c = NULL;

	(void)state;
	assert_int_equal(
		config_parse(&arena, STR("x"), STR("hostname = 'Mail.SHOP.example'\ndata_dir = '/d//'"), &c)
			.code,
		ERR_OK);
	assert_true(str_eq(c->hostname, STR("mail.shop.example")));
	assert_true(str_eq(c->data_dir, STR("/d")));
}

static void test_initial(void **state)
{
	struct config_initial initial = { .hostname = STR("mail.shop.example"),
		                          .data_dir = STR("/tmp/with \"quotes\" and \\/data"),
		                          .certificate = STR("/c.pem"),
		                          .key = STR("/k.pem"),
		                          .user = STR("postrider") };

	(void)state;
	for (int ports = 0; ports < 2; ports++) {
		struct config *c = NULL;
		struct buf out;

		initial.ports = ports;
		initial.base = ports ? 20000 : 0;
		buf_init(&out, &arena, LIMIT_CONFIG_FILE);
		assert_int_equal(config_initial_write(&out, &initial).code, ERR_OK);
		err e = config_parse(&arena, STR("x"), buf_str(&out), &c);
		print_message(STR_FMT "%s\n", STR_ARG(buf_str(&out)), e.what ? e.what : "");
		assert_int_equal(e.code, ERR_OK);
		assert_true(str_eq(c->data_dir, initial.data_dir));
		assert_true(str_eq(c->user, ports ? STR("") : STR("postrider")));
		assert_int_equal(c->listen[CONFIG_SMTP].count, 1);
		assert_listener(&c->listen[CONFIG_SMTP].item[0], ports ? "127.0.0.1:20025" : "[::]:25");
		assert_listener(&c->listen[CONFIG_POP3].item[0], ports ? "127.0.0.1:20110" : "[::]:110");
		assert_int_equal(c->auth.plaintext,
		                 ports ? CONFIG_PLAINTEXT_LOOPBACK : CONFIG_PLAINTEXT_NEVER);
		assert_int_equal(c->outbound.allow_private, ports);
		assert_int_equal(c->certificates.count, 1);
	}
	struct buf out;
	buf_init(&out, &arena, LIMIT_CONFIG_FILE);
	initial.base = 65000;
	assert_int_equal(config_initial_write(&out, &initial).code, ERR_SYNTAX);
	initial.base = 20000;
	initial.hostname = STR("localhost");
	assert_int_equal(config_initial_write(&out, &initial).code, ERR_SYNTAX);
}

static void test_restart_keys(void **state)
{
	struct config *old = must_parse("[listen]\nsmtp = ['[::]:25']\n[limits]\nrecipients = 500\n");
	struct config *same = must_parse(
		"[limits]\nrecipients = 100\n[listen]\nsmtp = ['[::]:25']\n[auth]\nplaintext = 'loopback'");
	struct config *other = must_parse(
		"user = 'p'\n[listen]\nsmtp = ['[::]:26']\npop3 = ['[::]:110']\n[dns]\nservers = ['::1']\n");
	struct buf out;

	(void)state;
	buf_init(&out, &arena, LIMIT_MB);
	config_restart_keys(&out, old, same);
	assert_int_equal(out.len, 0);
	config_restart_keys(&out, old, other);
	assert_true(str_eq(buf_str(&out), STR("user, listen.smtp, listen.pop3, dns.servers")));
}

static void test_load(void **state)
{
	char path[] = "/tmp/postrider-config-XXXXXX";
	int fd = mkstemp(path);
	struct config *c = NULL;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, BEGIN, sizeof BEGIN - 1), sizeof BEGIN - 1);
	close(fd);
	assert_int_equal(config_load(&arena, str_of(path), &c).code, ERR_OK);
	unlink(path);
	err e = config_load(&arena, str_of(path), &c);
	assert_int_equal(e.code, ERR_MISSING);
	assert_non_null(strstr(e.what, path));
}

static void test_document_is_current(void **state)
{
	const char *root = getenv("POSTRIDER_SOURCE");
	struct buf want;
	str have = { 0 };

	(void)state;
	buf_init(&want, &arena, LIMIT_MB);
	config_document(&want);
	assert_int_equal(buf_err(&want).code, ERR_OK);
	err e = file_read_all(&arena, joined(root ? root : ".", "/doc/config.md"), LIMIT_MB, &have);
	if (e.code != ERR_OK || !str_eq(have, buf_str(&want)))
		fail_msg("doc/config.md is old: run build/src/admin/config_document > doc/config.md");
}

static void test_no_memory(void **state)
{
	struct arena small;

	(void)state;
	for (size_t ceiling = 0; ceiling < 40000; ceiling += 2000) {
		struct config *c = NULL;
		arena_init(&small, NULL, ceiling);
		err e = config_parse(&small, STR("x"), STR(BEGIN "[listen]\nsmtp = ['[::]:25', 'unix:/x']\n"),
		                     &c);
		assert_true(e.code == ERR_OK || e.code == ERR_NOSPACE);
		assert_int_equal(e.code == ERR_OK, c != NULL);
		arena_reset(&small);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_refused, reset),
		cmocka_unit_test_setup(test_missing, reset),
		cmocka_unit_test_setup(test_hostnames, reset),
		cmocka_unit_test_setup(test_defaults, reset),
		cmocka_unit_test_setup(test_values, reset),
		cmocka_unit_test_setup(test_text_is_not_kept, reset),
		cmocka_unit_test_setup(test_canonical, reset),
		cmocka_unit_test_setup(test_initial, reset),
		cmocka_unit_test_setup(test_restart_keys, reset),
		cmocka_unit_test_setup(test_load, reset),
		cmocka_unit_test_setup(test_document_is_current, reset),
		cmocka_unit_test(test_no_memory),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_reset(&arena);
	return failed;
}
