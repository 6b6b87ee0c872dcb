#include "collect_ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const struct message_spec spec = {
	.seed = 3, .mean_size = 4096, .users = 4, .recipients = "user%d@shop.example", .run = "r"
};

enum harm { NONE, SHORTER, LONGER, CHANGED, ELSEWHERE, OTHER_RUN };

/* What is collected, in order; 2 is of unknown fate, 9 was never acknowledged, 100,000 makes the ledger grow.
 */
static const struct {
	const char *name;
	uint64_t seq[6];
	size_t n;
	enum harm last;   /* what befell the last of them */
	const char *want; /* NULL: all well */
} cases[] = {
	{ "all", { 0, 1, 3, 100000 }, 4, NONE, NULL },
	{ "unknown one is there", { 0, 1, 2, 3, 100000 }, 5, NONE, NULL },
	{ "another run's message", { 0, 1, 3, 100000, 0 }, 5, OTHER_RUN, NULL },
	{ "missing", { 0, 1, 100000 }, 3, NONE, "\"missing\":[3]" },
	{ "twice", { 0, 1, 3, 100000, 1 }, 5, NONE, "\"duplicates\":[1]" },
	{ "unknown one twice", { 0, 1, 3, 100000, 2, 2 }, 6, NONE, "\"duplicates\":[2]" },
	{ "an octet short", { 1, 3, 100000, 0 }, 4, SHORTER, "\"damaged\":[0]" },
	{ "an octet long", { 1, 3, 100000, 0 }, 4, LONGER, "\"damaged\":[0]" },
	{ "an octet other", { 1, 3, 100000, 0 }, 4, CHANGED, "\"damaged\":[0]" },
	{ "other mailbox", { 1, 3, 100000, 0 }, 4, ELSEWHERE, "\"misplaced\":[0]" },
	{ "never acknowledged", { 0, 1, 3, 100000, 9 }, 5, NONE, "\"unexpected\":[9]" },
};

static void write_acks(char *path)
{
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	assert_non_null(f);
	message_spec_write(&spec, f);
	fputs("0\n1\n?2\n3\n100000\n", f);
	fclose(f);
}

static void judge(struct ledger *ledger, const struct message_pool *pool, uint64_t seq, enum harm harm)
{
	static const char trace[] = "Return-Path: <a@b>\r\nReceived: from x\r\n\tby y\r\n";
	static char octets[sizeof trace + MESSAGE_HEAD_MAX + 3 * 4096];
	struct message m;
	size_t len = sizeof trace - 1;

	message_make(pool, seq, &m);
	memcpy(octets, trace, len);
	memcpy(octets + len, m.head, m.head_len);
	if (harm == OTHER_RUN)
		memcpy(octets + len, "X-Load-Seq: 0\r\nX-Load-Run: q", 29);
	len += m.head_len;
	memcpy(octets + len, m.rest, m.rest_len);
	len += m.rest_len;
	if (harm == CHANGED)
		octets[len - 10] ^= 1;
	octets[len] = '\n';
	len = harm == SHORTER ? len - 1 : harm == LONGER ? len + 1 : len;
	unsigned user = message_user(&spec, seq);
	ledger_judge(ledger, harm == ELSEWHERE ? (user + 1) % spec.users : user, octets, len);
}

static void test_findings(void **state)
{
	struct message_pool *pool = message_pool_new(&spec);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char path[] = "/tmp/ledger-XXXXXX", *report = NULL;
		size_t size = 0;
		print_message("%s\n", cases[i].name);
		write_acks(path);
		struct ledger *ledger = ledger_open(path);
		for (size_t k = 0; k < cases[i].n; k++)
			judge(ledger, pool, cases[i].seq[k], k + 1 == cases[i].n ? cases[i].last : NONE);
		FILE *out = open_memstream(&report, &size);
		assert_int_equal(ledger_report(ledger, out), cases[i].want == NULL);
		fclose(out);
		assert_non_null(strstr(report, "\"expected\":4,"));
		if (cases[i].want != NULL)
			assert_non_null(strstr(report, cases[i].want));
		else
			assert_non_null(strstr(report, "\"examples\":{}"));
		free(report);
		ledger_free(ledger);
		unlink(path);
	}
	message_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_findings) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
