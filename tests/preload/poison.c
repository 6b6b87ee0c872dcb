/* tests/preload/poison.c: makes a parser fell the process on octets of the test's choice (base/probe.h). The
 * word has to stand in one piece: send it early in a message. */
#include <stdlib.h>
#include <string.h>

void postrider_test_probe(const char *octets, size_t len);

void postrider_test_probe(const char *octets, size_t len)
{
	const char *word = getenv("POSTRIDER_POISON");

	if (word && memmem(octets, len, word, strlen(word)))
		abort();
}
