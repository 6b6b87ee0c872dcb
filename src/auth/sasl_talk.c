/* sasl_talk: our side of a login, for tests/test_sasl_client.py: sasl_talk MECHANISM USER SECRET
 *
 * Prints the initial response ("-" where there is none), then reads challenges and prints responses, a line
 * each, in base64. At the end of its input "accepted" or "denied": may a server that says yes now be
 * believed? Anything that ends the exchange is "error", with the reason.
 */
#include <stdio.h>
#include <string.h>

#include "auth/sasl_client.h"
#include "base/limits.h"

static int fail(err e)
{
	printf("error: %s\n", e.what);
	return 1;
}

/* The bit of that name: the only one that is offered. */
static unsigned offered(struct arena *arena, const struct sasl_client_login *login, str name)
{
	struct sasl_client c;

	for (unsigned bit = 1; bit <= SASL_CLIENT_OAUTHBEARER; bit <<= 1)
		if (sasl_client_begin(&c, arena, login, bit).code == ERR_OK &&
		    str_eq(sasl_client_name(&c), name))
			return bit;
	return 0;
}

static err answer(struct sasl_client *c, str challenge)
{
	enum sasl_client_next next;

	TRY(sasl_client_challenge(c, challenge, &next));
	return next == SASL_CLIENT_WORK ? sasl_client_work(c) : OK;
}

int main(int argc, char **argv)
{
	char line[LIMIT_SASL_LINE];
	struct sasl_client c;
	struct arena arena;

	if (argc != 4)
		return 64;
	const struct sasl_client_login login = { .user = str_of(argv[2]),
		                                 .secret = str_of(argv[3]),
		                                 .clear = true };
	arena_init(&arena, NULL, LIMIT_MB);
	err e = sasl_client_begin(&c, &arena, &login, offered(&arena, &login, str_of(argv[1])));
	if (e.code != ERR_OK)
		return fail(e);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	printf(STR_FMT "\n", STR_ARG(c.initial ? c.response : STR("-")));
	while (fgets(line, sizeof line, stdin)) {
		e = answer(&c, str_trim(str_of(line)));
		if (e.code != ERR_OK)
			return fail(e);
		printf(STR_FMT "\n", STR_ARG(c.response));
	}
	puts(sasl_client_accepted(&c).code == ERR_OK ? "accepted" : "denied");
	arena_reset(&arena);
	return 0;
}
